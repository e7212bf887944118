//! Many connections through faults and table swaps, from one seed, against a shadow model.
//!
//! A [`world::World`] is a gateway without sockets: workers with tables, clients and endpoints
//! whose every move is drawn from a seed, and a clock that jumps. Beside the machines under test it
//! keeps what must be true in the plainest form: a [`shadow::Shadow`] says which actions a fact
//! must bring, a [`wire::Wire`] counts bytes and FINs, [`shares::Tally`] holds routes to their
//! weights, [`pauses::Pauses`] knows which endpoints are avoided, [`fates::fate`] who must drain.
//! After every step all of it must agree.
//!
//! `cargo test` runs 300 seeds. `PORTWAY_SEEDS=10000` runs that many. A failure names its seed;
//! `PORTWAY_SEED=0x…` runs that one alone and tells every step. A seed that showed a defect goes
//! into [`known_seeds`].
#![cfg(test)]

mod edits;
mod fates;
mod known_seeds;
mod pauses;
mod random;
mod shadow;
mod shares;
mod wire;
mod world;

use std::panic::{catch_unwind, resume_unwind};

use portway_engine::record::CloseReason;

use world::{Reasons, Trace, World};

/// Seeds of an ordinary `cargo test`.
const SEEDS: u64 = 300;

#[test]
fn connections_live_through_faults_and_table_swaps() {
    if let Some(seed) = setting("PORTWAY_SEED") {
        World::run(seed, Trace::EveryStep);
        return;
    }
    let n_seeds = setting("PORTWAY_SEEDS").unwrap_or(SEEDS);
    let mut closed = Reasons::new();
    for seed in 0..n_seeds {
        for (reason, n) in run(seed) {
            *closed.entry(reason).or_default() += n;
        }
    }
    println!("{n_seeds} seeds clean; connections by reason to close: {closed:#?}");
    if n_seeds >= SEEDS {
        let mut all = CloseReason::ALL.iter().map(|it| it.name());
        assert_eq!(all.find(|it| !closed.contains_key(it)), None, "never seen");
    }
}

#[test]
fn seeds_that_once_failed_stay_fixed() {
    for (seed, _why) in known_seeds::KNOWN_SEEDS {
        run(*seed);
    }
}

/// Runs one seed, and says how to run it again if it fails.
fn run(seed: u64) -> Reasons {
    catch_unwind(|| World::run(seed, Trace::Nothing)).unwrap_or_else(|failure| {
        eprintln!("\nthis seed fails; to see every step of it:");
        eprintln!("  PORTWAY_SEED={seed:#x} cargo test -p portway-engine --test sim\n");
        resume_unwind(failure)
    })
}

/// A number from the environment, decimal or `0x…`.
#[expect(
    clippy::disallowed_methods,
    reason = "the seed to replay comes from whoever runs the test"
)]
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    Some(number.unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}
