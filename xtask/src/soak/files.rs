//! The files that the soak edits, and the edits.
//!
//! In: a directory, backends, draws. Out: files on disk, changed as people and deployments change
//! them, and what the next connection must see. Never: an edit that takes the last endpoint from a
//! listener with streams: who connects there must always be served.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::prove::random::Random;

/// What is edited: each has a listener, a route and a Service of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// The endpoints of a Service, by rename.
    Endpoints,
    /// The same, written in place.
    InPlace,
    /// Weights of two backends.
    Weights,
    /// A mounted ConfigMap whose `..data` is swapped.
    Swapped,
    /// A file that moves to another name and back.
    Moved,
    /// A file that breaks and is whole again.
    Broken,
    /// A ReferenceGrant.
    Grant,
    /// A listener that comes and goes.
    Listener,
    /// A route that comes and goes.
    Route,
}

impl Subject {
    /// All of them; the first six keep their connections whatever happens, and carry the streams.
    pub(crate) const ALL: [Self; 9] = [
        Self::Endpoints,
        Self::InPlace,
        Self::Weights,
        Self::Swapped,
        Self::Moved,
        Self::Broken,
        Self::Grant,
        Self::Listener,
        Self::Route,
    ];

    /// Those that carry streams.
    pub(crate) const STEADY: usize = 6;

    /// Whether a connection may see this between two edits. A listener that is there accepts, and one
    /// that has a route and endpoints all the time resets nothing; what it closes, it resets.
    pub(crate) fn may_show(self, effect: Effect) -> bool {
        match effect {
            Effect::Backend(_) => true,
            Effect::Reset => !Self::ALL.iter().take(Self::STEADY).any(|it| *it == self),
            Effect::Refused => self == Self::Listener,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Endpoints => "endpoints",
            Self::InPlace => "in-place",
            Self::Weights => "weights",
            Self::Swapped => "swapped",
            Self::Moved => "moved",
            Self::Broken => "broken",
            Self::Grant => "grant",
            Self::Listener => "listener",
            Self::Route => "route",
        }
    }
}

/// What a connection must see once it obeys an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The greeting of this backend.
    Backend(usize),
    /// A reset after it was accepted.
    Reset,
    /// Nobody listens.
    Refused,
}

/// The files.
#[derive(Debug)]
pub(crate) struct Files {
    dir: PathBuf,
    backends: Vec<SocketAddr>,
    ports: Vec<u16>,
    /// The backend that each subject sends to now.
    serving: Vec<usize>,
    is_moved: bool,
    is_there: [bool; 3],
    n_swaps: u32,
}

impl Files {
    /// Writes them for the first time. There is a port for each subject.
    ///
    /// # Errors
    /// When that fails.
    pub(crate) fn lay_out(dir: &Path, backends: Vec<SocketAddr>, ports: Vec<u16>) -> Result<Self> {
        let files = Self {
            dir: dir.to_owned(),
            backends,
            serving: vec![0; ports.len()],
            ports,
            is_moved: false,
            is_there: [true; 3],
            n_swaps: 0,
        };
        fs::create_dir_all(dir.join("mounted/..0"))?;
        files.replace("gateway.yaml", &files.gateway("soak", &Subject::ALL[..7]))?;
        files.replace(
            "listener.yaml",
            &files.gateway("comes", &[Subject::Listener]),
        )?;
        files.replace("stays.yaml", &files.gateway("stays", &[Subject::Route]))?;
        for subject in Subject::ALL {
            files.replace(
                &format!("route-{}.yaml", subject.name()),
                &files.route(subject, 0),
            )?;
            let text = files.service(subject, 0);
            match subject {
                Subject::Swapped => fs::write(dir.join("mounted/..0/swapped.yaml"), text)?,
                _ => files.replace(&format!("service-{}.yaml", subject.name()), &text)?,
            }
        }
        files.replace("grant.yaml", GRANT)?;
        symlink("..0", dir.join("mounted/..data"))?;
        symlink("..data/swapped.yaml", dir.join("mounted/swapped.yaml"))?;
        Ok(files)
    }

    /// Where the listener of a subject is.
    pub(crate) fn port(&self, subject: Subject) -> u16 {
        self.ports.get(index(subject)).copied().unwrap_or(0)
    }

    /// Makes one edit of a subject, and gives what the next connection to its listener must see.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn edit(&mut self, subject: Subject, random: &mut Random) -> Result<Effect> {
        let at = index(subject);
        let n = self.backends.len();
        let step = usize::try_from(random.within(1..u64::try_from(n)?))?;
        let before = self.serving[at];
        let to = (before + step) % n;
        let service = format!("service-{}.yaml", subject.name());
        self.serving[at] = to;
        match subject {
            Subject::Endpoints => self.replace(&service, &self.service(subject, to))?,
            Subject::InPlace => fs::write(self.dir.join(&service), self.service(subject, to))?,
            Subject::Weights => {
                // Backend `n` of a route with two: the other gets nothing.
                self.serving[at] = (before + 1) % 2;
                let text = self.route(subject, self.serving[at]);
                self.replace("route-weights.yaml", &text)?;
            }
            Subject::Swapped => self.swap(to)?,
            Subject::Moved => self.move_away(to)?,
            Subject::Broken => {
                let garbage = [
                    "{",
                    "kind: [",
                    "\u{0}",
                    "a: b: c\n",
                    "apiVersion: v1\nkind: Service\n",
                ];
                fs::write(self.dir.join(&service), random.one_of(&garbage))?;
                self.replace(&service, &self.service(subject, to))?;
            }
            Subject::Grant | Subject::Listener | Subject::Route => {
                self.serving[at] = before;
                return self.come_or_go(subject);
            }
        }
        Ok(Effect::Backend(self.serving[at]))
    }

    /// Breaks the file of [`Subject::Broken`] until its next edit: nothing may change.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn break_one(&self) -> Result<Effect> {
        self.replace("service-broken.yaml", "kind: [")?;
        Ok(Effect::Backend(self.serving[index(Subject::Broken)]))
    }

    /// Removes the file without which a subject is not served, or writes it again.
    fn come_or_go(&mut self, subject: Subject) -> Result<Effect> {
        let (which, name, without) = match subject {
            Subject::Grant => (0, "grant.yaml", Effect::Reset),
            Subject::Listener => (1, "listener.yaml", Effect::Refused),
            _ => (2, "route-route.yaml", Effect::Reset),
        };
        let text = match subject {
            Subject::Grant => GRANT.to_owned(),
            Subject::Listener => self.gateway("comes", &[subject]),
            _ => self.route(subject, 0),
        };
        self.is_there[which] = !self.is_there[which];
        if self.is_there[which] {
            self.replace(name, &text)?;
            return Ok(Effect::Backend(self.serving[index(subject)]));
        }
        fs::remove_file(self.dir.join(name)).with_context(|| format!("remove {name}"))?;
        Ok(without)
    }

    /// As kubelet does it: a new directory, a new `..data` over the old one, the old one removed.
    fn swap(&mut self, to: usize) -> Result<()> {
        let mounted = self.dir.join("mounted");
        let old = mounted.join(format!("..{}", self.n_swaps));
        self.n_swaps += 1;
        let name = format!("..{}", self.n_swaps);
        fs::create_dir(mounted.join(&name))?;
        let text = self.service(Subject::Swapped, to);
        fs::write(mounted.join(&name).join("swapped.yaml"), text)?;
        symlink(&name, mounted.join("..data_tmp"))?;
        fs::rename(mounted.join("..data_tmp"), mounted.join("..data"))?;
        fs::remove_dir_all(old).context("remove the old directory")
    }

    /// The file gets another name, then another text.
    fn move_away(&mut self, to: usize) -> Result<()> {
        let names = ["service-moved.yaml", "a-service-that-moved.yaml"];
        let (from, into) = match self.is_moved {
            false => (names[0], names[1]),
            true => (names[1], names[0]),
        };
        self.is_moved = !self.is_moved;
        fs::rename(self.dir.join(from), self.dir.join(into))?;
        self.replace(into, &self.service(Subject::Moved, to))
    }

    fn replace(&self, name: &str, text: &str) -> Result<()> {
        let beside = self.dir.join(format!(".{name}.new"));
        fs::write(&beside, text)?;
        fs::rename(beside, self.dir.join(name)).with_context(|| format!("replace {name}"))
    }

    fn gateway(&self, name: &str, subjects: &[Subject]) -> String {
        let mut yaml = format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: {name}}}\n\
             spec:\n  gatewayClassName: portway\n  listeners:\n"
        );
        for subject in subjects {
            let (name, port) = (subject.name(), self.port(*subject));
            let _ = writeln!(yaml, "  - {{name: {name}, protocol: TCP, port: {port}}}");
        }
        yaml
    }

    /// `to` is the backendRef that gets all connections, where there are two.
    fn route(&self, subject: Subject, to: usize) -> String {
        let name = subject.name();
        let parent = match subject {
            Subject::Listener => "comes",
            Subject::Route => "stays",
            _ => "soak",
        };
        let namespace = match subject {
            Subject::Grant => ", namespace: elsewhere",
            _ => "",
        };
        let mut yaml = format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: TCPRoute\nmetadata: {{name: {name}}}\n\
             spec:\n  parentRefs: [{{name: {parent}, sectionName: {name}}}]\n  rules:\n  - backendRefs:\n"
        );
        let n_services = if subject == Subject::Weights { 2 } else { 1 };
        for nth in 0..n_services {
            let weight = u32::from(nth == to || n_services == 1);
            let _ = writeln!(
                yaml,
                "    - {{name: {name}-{nth}, port: 6000, weight: {weight}{namespace}}}"
            );
        }
        yaml
    }

    /// The Services of a subject, the first with backend `to` as its endpoint.
    fn service(&self, subject: Subject, to: usize) -> String {
        let namespace = match subject {
            Subject::Grant => "elsewhere",
            _ => "default",
        };
        let n_services = if subject == Subject::Weights { 2 } else { 1 };
        let mut yaml = String::new();
        for nth in 0..n_services {
            let name = format!("{}-{nth}", subject.name());
            let Some(endpoint) = self.backends.get((to + nth) % self.backends.len()) else {
                continue;
            };
            let (ip, port) = (endpoint.ip(), endpoint.port());
            let _ = write!(
                yaml,
                "---\napiVersion: v1\nkind: Service\n\
                 metadata: {{name: {name}, namespace: {namespace}}}\n\
                 spec: {{ports: [{{port: 6000}}]}}\n---\n\
                 apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: {name}\n  \
                 namespace: {namespace}\n  labels: {{kubernetes.io/service-name: {name}}}\n\
                 addressType: IPv4\nendpoints: [{{addresses: [\"{ip}\"]}}]\nports: [{{port: {port}}}]\n"
            );
        }
        yaml
    }
}

const GRANT: &str = "apiVersion: gateway.networking.k8s.io/v1\nkind: ReferenceGrant\n\
    metadata: {name: grant, namespace: elsewhere}\nspec:\n\
    \x20 from: [{group: gateway.networking.k8s.io, kind: TCPRoute, namespace: default}]\n\
    \x20 to: [{group: \"\", kind: Service}]\n";

fn index(subject: Subject) -> usize {
    let mut all = Subject::ALL.iter();
    all.position(|it| *it == subject).unwrap_or(0)
}
