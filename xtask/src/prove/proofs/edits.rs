//! A thousand edits a second: they are coalesced, none of them is waited for, the last one wins, and
//! no client notices.

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::prove::crowd::Crowd;
use crate::prove::gateway::{Gateway, Settings};
use crate::prove::limits::DEADLINE;
use crate::prove::manifest::{Backend, Plan};
use crate::prove::peer::Echo;
use crate::prove::stage::Stage;
use crate::tally::say;

const EDITS_PER_SECOND: u32 = 1000;

/// What an edit may take to be obeyed when a thousand others came just before it.
const LAST_WINS_WITHIN: Duration = Duration::from_secs(1);

/// What stays connected from the first edit to the last.
const N_KEPT: usize = 50;

pub(super) fn run(stage: &Stage) -> Result<()> {
    let (a, b, last) = (Echo::start("a")?, Echo::start("b")?, Echo::start("!")?);
    // A second listener, whose connections no edit is about.
    let plan = Plan::to(&[a])?.with(vec![Backend::with(&[Echo::start("")?])])?;
    let texts = [a, b, last].map(|to| {
        let mut plan = plan.clone();
        if let Some(listener) = plan.listeners.first_mut() {
            listener.backends = vec![Backend::with(&[to])];
        }
        plan.to_yaml()
    });
    let mut gateway = Gateway::start(stage, &plan, &Settings::default())?;
    let to = gateway.addr(0)?;
    let mut kept = Crowd::gather(gateway.addr(1)?, N_KEPT)?;
    let first = plan.listeners.first().map_or(0, |it| it.port);
    let path = stage.dir.join(format!("manifests-{first}/proof.yaml"));

    let n_edits = EDITS_PER_SECOND * stage.pick(10, 2);
    let is_over = AtomicBool::new(false);
    let (wrote, n_greeted) = thread::scope(|scope| {
        let clients = scope.spawn(|| greet_until(to, &is_over));
        let wrote = edit(&path, &texts, n_edits);
        is_over.store(true, Ordering::Relaxed);
        let greeted = clients.join().ok().context("the clients' thread died")?;
        anyhow::Ok((wrote?, greeted?))
    })?;
    let last = Instant::now();
    while greeting(to)? != b'!' {
        let late = last.elapsed();
        ensure!(
            late < LAST_WINS_WITHIN,
            "the last edit is not obeyed after {late:?}"
        );
    }
    let obeyed = last.elapsed();
    for _ in 0..100 {
        ensure!(
            greeting(to)? == b'!',
            "an edit before the last one came back"
        );
    }
    kept.echo(8)?;
    ensure!(kept.len() == N_KEPT, "connections were lost");
    gateway.wait_for("table applied")?;
    drop(kept);
    gateway.end()?;
    tell(stage, n_edits, wrote, n_greeted, obeyed)
}

/// Replaces the file again and again, evenly, by the first two in turn, and at last by the third.
/// Gives how long that took.
fn edit(path: &Path, [one, other, last]: &[String; 3], n_edits: u32) -> Result<Duration> {
    let beside = path.with_extension("new");
    let start = Instant::now();
    for (number, text) in (0..n_edits - 1).zip([other, one].into_iter().cycle()) {
        let due = start + Duration::from_secs(1) / EDITS_PER_SECOND * number;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        fs::write(&beside, text)?;
        fs::rename(&beside, path)?;
    }
    fs::write(&beside, last)?;
    fs::rename(&beside, path)?;
    Ok(start.elapsed())
}

/// Connects one after the other; each must be greeted. Gives how many were.
fn greet_until(to: SocketAddr, is_over: &AtomicBool) -> Result<u32> {
    let mut n_greeted = 0;
    while !is_over.load(Ordering::Relaxed) {
        let greeting = greeting(to)?;
        ensure!(
            matches!(greeting, b'a' | b'b' | b'!'),
            "greeted with {greeting}"
        );
        n_greeted += 1;
        thread::sleep(Duration::from_millis(2));
    }
    Ok(n_greeted)
}

fn greeting(to: SocketAddr) -> Result<u8> {
    let mut client = TcpStream::connect_timeout(&to, DEADLINE).context("connect")?;
    client.set_read_timeout(Some(DEADLINE))?;
    let mut greeting = [0];
    client
        .read_exact(&mut greeting)
        .context("hear a greeting")?;
    let [greeting] = greeting;
    Ok(greeting)
}

fn tell(stage: &Stage, n: u32, wrote: Duration, n_greeted: u32, obeyed: Duration) -> Result<()> {
    let log = fs::read_to_string(stage.log("portway")).context("read the log")?;
    let n_tables = log
        .lines()
        .filter(|it| it.contains("\"table applied\""))
        .count();
    let rate = f64::from(n) / wrote.as_secs_f64();
    say(&format!(
        "  {n} edits, {rate:.0} a second, became {n_tables} tables; {n_greeted} clients were greeted \
         meanwhile; the last edit was obeyed after {:.1} ms",
        obeyed.as_secs_f64() * 1000.0
    ));
    ensure!(
        rate > f64::from(EDITS_PER_SECOND) * 0.9,
        "this machine writes only {rate:.0} a second"
    );
    ensure!(n_tables > 10, "almost nothing was applied while edits came");
    ensure!(n_tables < usize::try_from(n)?, "nothing was coalesced");
    ensure!(n_greeted > 100, "almost nobody connected");
    Ok(())
}
