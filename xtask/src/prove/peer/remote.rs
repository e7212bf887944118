//! A server in a process of its own, which can be killed.
//!
//! In: a greeting. Out: its address. Never: a process that stays.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, Result};

use crate::prove::process::Running;
use crate::prove::stage::Stage;

/// An [`super::Echo`] elsewhere.
#[derive(Debug)]
pub(crate) struct Remote {
    addr: SocketAddr,
    running: Running,
}

impl Remote {
    /// Starts one, and waits until it listens. To be called on the main thread.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn start(stage: &Stage, greeting: &str) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["prove-part", "echo", "--bind", "127.0.0.1:0"]);
        command.args(["--greeting", greeting]);
        let mut running = Running::start("backend", command, &stage.log("backend"))?;
        let is = |line: &str| line.starts_with("listening on ");
        let line = running.wait_for("address", is)?;
        let addr = line.rsplit(' ').next().context("no address")?.parse()?;
        Ok(Self { addr, running })
    }

    /// Where it listens.
    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Ends it without a warning.
    pub(crate) fn kill(self) {
        drop(self.running);
    }
}
