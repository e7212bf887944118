//! Thousands of full-duplex transfers that end with half-closes in every order: sizes, buffers,
//! chunk sizes and lazy readers are drawn from the seed.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::prove::gateway::Settings;
use crate::prove::random::Random;
use crate::prove::stage::Stage;
use crate::prove::transfer::{Order, Transfer, Transfers};
use crate::tally::say;

/// Transfers at once.
const AT_ONCE: usize = 32;

/// Bytes each way.
const SIZES: std::ops::Range<u64> = 1_000_000..4_000_001;

/// Bad ones that are told.
const TOLD_MAX: usize = 10;

pub(super) fn run(stage: &Stage) -> Result<()> {
    let n_transfers = stage.pick(2_000, 200);
    let mut random = Random::new(stage.seed);
    let all: Vec<_> = (0..n_transfers)
        .map(|_| Transfer::drawn(&mut random, SIZES))
        .collect();
    let n_with = |order| all.iter().filter(|it| it.order == order).count();
    say(&format!(
        "  seed {:#x}: {} both at once, {} reply after the client's FIN, {} after the backend's",
        stage.seed,
        n_with(Order::AtOnce),
        n_with(Order::ReplyAfterFin),
        n_with(Order::UploadAfterFin),
    ));
    let transfers = Transfers::prepare(stage.seed, all.clone())?;
    let front = stage.front(&[transfers.backend()], &Settings::default())?;
    let start = Instant::now();
    let bad = transfers.run(front.addr, AT_ONCE);
    let seconds = start.elapsed().as_secs_f64();
    for (number, what) in bad.iter().take(TOLD_MAX) {
        say(&format!(
            "  transfer {number}, {:?}: {what}",
            all.get(*number)
        ));
    }
    say(&format!(
        "  {n_transfers} transfers, {AT_ONCE} at once, {:.2} GB, {seconds:.1} s: {} bad",
        transfers.n_bytes() as f64 / 1e9,
        bad.len()
    ));
    ensure!(bad.is_empty(), "{} of {n_transfers} are bad", bad.len());
    front.end()
}
