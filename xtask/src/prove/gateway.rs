//! `portway run` as a process, with the objects of a plan.
//!
//! In: a [`Plan`] or a directory. Out: addresses that serve, log lines as facts. Never: traffic
//! before it said that it is ready.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;

use super::limits::DEADLINE;
use super::manifest::Plan;
use super::process::Running;
use super::stage::{Stage, write};

/// How it is started.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) workers: u16,
    /// `info`, or `debug` for a line a connection.
    pub(crate) log_level: &'static str,
    /// Its limit of descriptors.
    pub(crate) descriptors: Option<u64>,
    /// More flags.
    pub(crate) flags: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: 2,
            log_level: "info",
            descriptors: None,
            flags: Vec::new(),
        }
    }
}

/// A gateway that runs.
#[derive(Debug)]
pub(crate) struct Gateway {
    running: Running,
    ports: Vec<u16>,
}

impl Gateway {
    /// Starts one with these objects, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready.
    pub(crate) fn start(stage: &Stage, plan: &Plan, settings: &Settings) -> Result<Self> {
        let ports: Vec<u16> = plan.listeners.iter().map(|it| it.port).collect();
        let first = ports.first().context("a plan without listeners")?;
        let dir = stage.subdir(&format!("manifests-{first}"))?;
        write(&dir.join("proof.yaml"), plan.to_yaml())?;
        Self::start_with(stage, &dir, ports, settings)
    }

    /// Starts one with the objects of a directory, which listens on these ports.
    ///
    /// # Errors
    /// When it does not become ready.
    pub(crate) fn start_with(
        stage: &Stage,
        dir: &Path,
        ports: Vec<u16>,
        settings: &Settings,
    ) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["prove-part", "exec"]);
        if let Some(descriptors) = settings.descriptors {
            command.arg(format!("--descriptors={descriptors}"));
        }
        command
            .arg("--")
            .arg(stage.portway()?)
            .args(["run", "-f"])
            .arg(dir);
        command.args(["--workers", &settings.workers.to_string()]);
        command.args(["--log-format", "json", "--log-level", settings.log_level]);
        command.args(&settings.flags);
        let mut running = Running::start("portway", command, &stage.log("portway"))?;
        running.wait_for("line that says ready", |line| {
            field(line, "message").as_deref() == Some("ready")
        })?;
        Ok(Self { running, ports })
    }

    /// Where its listener with this number listens, over IPv4.
    ///
    /// # Errors
    /// When there is none with this number.
    pub(crate) fn addr(&self, listener: usize) -> Result<SocketAddr> {
        let port = self.ports.get(listener).context("no such listener")?;
        Ok((Ipv4Addr::LOCALHOST, *port).into())
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Waits for a line whose message begins with `phrase`.
    ///
    /// # Errors
    /// When none comes in time.
    pub(crate) fn wait_for(&mut self, phrase: &str) -> Result<String> {
        let is = |line: &str| field(line, "message").is_some_and(|it| it.starts_with(phrase));
        self.running.wait_for(&format!("line {phrase:?}"), is)
    }

    /// Waits for the end of the connection of `client`, and gives the reason.
    ///
    /// # Errors
    /// When the log does not tell of it in time. It must tell at level `debug`.
    pub(crate) fn reason(&mut self, client: SocketAddr) -> Result<String> {
        self.reason_of_any(&[client], DEADLINE)
            .map(|(_, reason)| reason)
    }

    /// Waits for the end of the connection of any of `clients`, and gives whose and the reason.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn reason_of_any(
        &mut self,
        clients: &[SocketAddr],
        wait: Duration,
    ) -> Result<(SocketAddr, String)> {
        let whose = |line: &str| {
            let is_end = field(line, "message").as_deref() == Some("connection closed");
            let client = field(line, "client")?.parse().ok()?;
            (is_end && clients.contains(&client)).then_some(client)
        };
        let what = format!("line about the end of {clients:?}");
        let line = self
            .running
            .wait_for_within(wait, &what, |line| whose(line).is_some())?;
        let reason = field(&line, "reason").context("a connection ended without a reason")?;
        Ok((whose(&line).context("no client")?, reason))
    }

    /// Asks it to end, as a service manager does.
    ///
    /// # Errors
    /// When it is gone already.
    pub(crate) fn terminate(&self) -> Result<()> {
        self.running.signal(Signal::TERM)
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// When it was gone already, or ends with another code than 0.
    pub(crate) fn end(mut self) -> Result<()> {
        self.terminate()?;
        self.wait()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it goes on, or ends with another code than 0.
    pub(crate) fn wait(&mut self) -> Result<()> {
        let status = self.running.wait(DEADLINE * 2)?;
        ensure!(
            status.success(),
            "portway ended with {status}{}",
            self.running.tail()
        );
        Ok(())
    }
}

/// A field of a line of the log as text.
fn field(line: &str, name: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    line.get(name)?.as_str().map(ToOwned::to_owned)
}
