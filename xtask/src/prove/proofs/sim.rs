//! The engine's simulation over many seeds; with a seed that one alone, step by step.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::prove::stage::Stage;
use crate::repo::root;
use crate::tally::say;

pub(super) fn run(stage: &Stage) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["test", "--release", "--package", "portway-engine"]);
    command.args(["--test", "sim", "--", "--nocapture"]);
    command.current_dir(root()).stdin(Stdio::null());
    if let Some(seed) = stage.asked_seed {
        // Every step is told: people want to read it.
        command.env("PORTWAY_SEED", format!("{seed:#x}"));
        let status = command.status().context("run cargo test")?;
        ensure!(status.success(), "seed {seed:#x} is not clean");
        return Ok(());
    }
    let n_seeds = stage.pick(10_000, 500);
    command.env("PORTWAY_SEEDS", n_seeds.to_string());
    let output = command.output().context("run cargo test")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "not clean:\n{said}\n{complaint}");
    let clean = format!("{n_seeds} seeds clean");
    ensure!(said.contains(&clean), "it does not say {clean:?}:\n{said}");
    let reasons = said.lines().filter(|line| line.starts_with("    \""));
    let reasons = reasons.map(|line| line.trim().trim_end_matches(',').replace('"', ""));
    say(&format!(
        "  {clean}: {}",
        reasons.collect::<Vec<_>>().join(", ")
    ));
    Ok(())
}
