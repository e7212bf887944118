//! kubectl, inside the cluster's network and with all rights.
//!
//! In: arguments, objects as YAML. Out: what it says. Never: somebody's own kubeconfig.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::site::Site;
use crate::golang;

/// kubectl for one cluster.
#[derive(Debug, Clone)]
pub(crate) struct Kubectl {
    site: Site,
    program: PathBuf,
}

impl Kubectl {
    /// For the cluster of this checkout, which must have been built.
    pub(crate) fn new(site: &Site) -> Self {
        Self {
            site: site.clone(),
            program: golang::folder().join("cluster"),
        }
    }

    /// The command with these arguments.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.beside(&self.program);
        command.arg("kubectl").args(arguments);
        command
    }

    /// Another program that speaks to the same cluster, with the same rights.
    pub(crate) fn beside(&self, program: &Path) -> Command {
        let mut command = self.site.inside(program);
        command.env("KUBECONFIG", self.site.kubeconfig("admin"));
        command
    }

    /// Runs it and gives what it printed.
    ///
    /// # Errors
    /// When it fails, with what it said.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String> {
        self.finish(self.command(arguments), arguments, None)
    }

    /// Runs it with a text on its standard input.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn feed(&self, arguments: &[&str], text: &str) -> Result<String> {
        self.finish(self.command(arguments), arguments, Some(text))
    }

    /// Applies objects that are written here.
    ///
    /// # Errors
    /// When the API server refuses one.
    pub(crate) fn apply(&self, objects: &str) -> Result<()> {
        let arguments = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
        self.feed(&arguments, objects).map(drop)
    }

    /// Applies objects of files or folders.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn apply_files(&self, paths: &[PathBuf]) -> Result<()> {
        let mut arguments = vec!["apply", "--server-side", "--force-conflicts"];
        let texts: Vec<String> = paths.iter().map(|path| text(path)).collect();
        for path in &texts {
            arguments.extend(["-f", path]);
        }
        self.run(&arguments).map(drop)
    }

    fn finish(&self, mut command: Command, said: &[&str], input: Option<&str>) -> Result<String> {
        command.stdin(if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("start kubectl")?;
        if let (Some(input), Some(mut pipe)) = (input, child.stdin.take()) {
            pipe.write_all(input.as_bytes())
                .context("speak to kubectl")?;
        }
        let output = child.wait_with_output().context("wait for kubectl")?;
        let error = String::from_utf8_lossy(&output.stderr);
        let said = said.join(" ");
        ensure!(output.status.success(), "kubectl {said}: {}", error.trim());
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
