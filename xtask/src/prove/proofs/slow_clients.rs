//! Thousands of clients that send a byte now and then: none may wait for another.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::prove::crowd::Crowd;
use crate::prove::gateway::Settings;
use crate::prove::measure;
use crate::prove::peer::Remote;
use crate::prove::random::Random;
use crate::prove::stage::Stage;
use crate::tally::say;

/// Bytes between two looks at the clock.
const BATCH: usize = 32;

pub(super) fn run(stage: &Stage) -> Result<()> {
    let n_clients = stage.pick(9_000, 2_000);
    // A client sends about once in this time.
    let round = stage.pick(Duration::from_secs(4), Duration::from_secs(1));
    let n_rounds = stage.pick(6, 3);
    let backend = Remote::start(stage, "")?;
    let front = stage.front(&[backend.addr()], &Settings::default())?;
    let mut crowd = Crowd::gather(front.addr, n_clients)?;
    let mut random = Random::new(stage.seed);
    let start = Instant::now();
    for number in 0..n_rounds {
        let order = shuffled(n_clients, &mut random);
        for (nth, batch) in order.chunks(BATCH).enumerate() {
            for client in batch {
                // What came back for the byte before: nobody waits longer than a round.
                if number > 0 {
                    crowd.hear(*client, 1)?;
                }
                crowd.send(*client, 1)?;
            }
            let share = (nth * BATCH) as f64 / n_clients as f64;
            let due = round * number + round.mul_f64(share);
            // The pace of the traffic, not a wait for anything.
            thread::sleep(due.saturating_sub(start.elapsed()));
        }
    }
    for client in 0..n_clients {
        crowd.hear(client, 1)?;
    }
    let seconds = start.elapsed().as_secs_f64();
    say(&format!(
        "  {n_clients} clients, a byte every {round:?} each, {n_rounds} rounds in {seconds:.1} s: \
         all came back"
    ));
    if let Some(gateway) = &front.gateway {
        let cpu = measure::cpu(gateway.pid())?.as_secs_f64();
        let memory = measure::memory(gateway.pid())?;
        let rss = memory.rss_kib;
        say(&format!("  portway used {cpu:.2} s of CPU and {rss} KiB"));
    }
    crowd.leave()?;
    front.end()
}

/// The numbers below `n` in a drawn order.
fn shuffled(n: usize, random: &mut Random) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        let other = random.within(0..last as u64 + 1);
        order.swap(last, usize::try_from(other).unwrap_or(0));
    }
    order
}
