//! Where one test takes place: a namespace of its own with two backends, and a class.
//!
//! In: a name. Out: objects made and looked at. Never: a wait without an end, or for a fixed time
//! where there is something to see.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::client;
use crate::cluster::kubectl::Kubectl;
use crate::interrupt::Interrupt;
use crate::tally::say;

/// The class of the tests' Gateways: as the installed one, with parameters for a small machine.
pub(crate) const CLASS: &str = "e2e";

/// How long a state may take to be reached. Loaded machines need most of it for pods.
pub(crate) const STATE_WAIT: Duration = Duration::from_secs(90);

/// Between two looks; each starts a kubectl.
const LOOK: Duration = Duration::from_millis(150);

/// The class and what its proxies ask for: one node has to hold dozens of them.
const CLASS_OBJECTS: &str = include_str!("class.yaml");

/// The backends `foo` and `bar` as the suite's own manifests run them.
pub(crate) const BACKENDS: &str = include_str!("backends.yaml");

/// A place.
pub(crate) struct Place<'a> {
    pub(crate) kubectl: Kubectl,
    pub(crate) namespace: String,
    pub(crate) interrupt: &'a Interrupt,
}

impl<'a> Place<'a> {
    /// Makes the class that all of them share.
    ///
    /// # Errors
    /// When it is not accepted.
    pub(crate) fn make_class(kubectl: &Kubectl) -> Result<()> {
        kubectl.apply(CLASS_OBJECTS)?;
        let class = format!("gatewayclass/{CLASS}");
        kubectl.run(&["wait", "--for=condition=Accepted", "--timeout=60s", &class])?;
        Ok(())
    }

    /// Makes it, with both backends ready.
    ///
    /// # Errors
    /// When the backends do not get ready.
    pub(crate) fn make(name: &str, kubectl: &Kubectl, interrupt: &'a Interrupt) -> Result<Self> {
        let place = Self {
            kubectl: kubectl.clone(),
            namespace: format!("e2e-{name}"),
            interrupt,
        };
        place.make_namespace(&place.namespace)?;
        place.apply(BACKENDS)?;
        let wait = [
            "wait",
            "--for=condition=Available",
            "--timeout=120s",
            "deployment",
            "--all",
        ];
        place.run(&wait)?;
        Ok(place)
    }

    /// Removes it, and waits until it is gone.
    ///
    /// # Errors
    /// When something in it does not go.
    pub(crate) fn remove(&self) -> Result<()> {
        self.remove_namespace(&self.namespace)
    }

    /// Makes a namespace, anew if one before left it.
    ///
    /// # Errors
    /// When something in the old one does not go.
    pub(crate) fn make_namespace(&self, name: &str) -> Result<()> {
        self.remove_namespace(name)?;
        self.kubectl.run(&["create", "namespace", name]).map(drop)
    }

    /// Removes a namespace if it is there, and waits until it is gone.
    ///
    /// # Errors
    /// When something in it does not go.
    pub(crate) fn remove_namespace(&self, name: &str) -> Result<()> {
        let gone = [
            "delete",
            "namespace",
            name,
            "--ignore-not-found",
            "--timeout=90s",
        ];
        self.kubectl.run(&gone).map(drop)
    }

    /// kubectl in this namespace.
    ///
    /// # Errors
    /// When it fails.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String> {
        let namespace = format!("--namespace={}", self.namespace);
        let mut all = vec![namespace.as_str()];
        all.extend(arguments);
        self.kubectl.run(&all)
    }

    /// Applies objects in this namespace.
    ///
    /// # Errors
    /// When the API server refuses one.
    pub(crate) fn apply(&self, objects: &str) -> Result<()> {
        let namespace = format!("--namespace={}", self.namespace);
        let arguments = ["apply", &namespace, "-f", "-"];
        self.kubectl.feed(&arguments, objects).map(drop)
    }

    /// One object.
    ///
    /// # Errors
    /// When it is not there.
    pub(crate) fn get(&self, object: &str) -> Result<Value> {
        let text = self.run(&["get", object, "--output=json"])?;
        serde_json::from_str(&text).context("understand kubectl")
    }

    /// All objects of some kinds that carry a Gateway's label.
    ///
    /// # Errors
    /// When kubectl fails.
    pub(crate) fn provisioned(&self, kinds: &str, gateway: &str) -> Result<Vec<Value>> {
        let label = format!("--selector=gateway.networking.k8s.io/gateway-name={gateway}");
        let text = self.run(&["get", kinds, &label, "--output=json"])?;
        let list: Value = serde_json::from_str(&text).context("understand kubectl")?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    /// Patches an object.
    ///
    /// # Errors
    /// When the API server refuses.
    pub(crate) fn patch(&self, object: &str, patch: &str) -> Result<()> {
        self.run(&["patch", object, "--type=merge", "--patch", patch])
            .map(drop)
    }

    /// Waits until something is so.
    ///
    /// # Errors
    /// When it is not in time.
    pub(crate) fn until<T>(
        &self,
        what: &str,
        mut reached: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let start = Instant::now();
        self.interrupt.until(what, STATE_WAIT, || {
            let found = reached()?;
            if found.is_none() && start.elapsed() > LOOK {
                std::thread::sleep(LOOK);
            }
            Ok(found)
        })
    }

    /// Waits until the Gateway's present generation is served, and gives its address.
    ///
    /// # Errors
    /// When it is not in time, with its conditions.
    pub(crate) fn programmed(&self, gateway: &str) -> Result<IpAddr> {
        let object = format!("gateway/{gateway}");
        let mut last = Value::Null;
        let reached = self.until("Programmed=True", || {
            last = self.get(&object)?;
            let is_so = condition(&last, "Programmed").is_some_and(|it| is_true_of(it, &last));
            let address = last
                .pointer("/status/addresses/0/value")
                .and_then(Value::as_str);
            Ok(address.filter(|_| is_so).and_then(|it| it.parse().ok()))
        });
        reached.with_context(|| format!("{object}: {}", last["status"]))
    }

    /// Waits until a pod of this Deployment answers, and gives how long it took.
    ///
    /// # Errors
    /// When another answers, or none in time.
    pub(crate) fn answers(&self, at: SocketAddr, backend: &str) -> Result<Duration> {
        let start = Instant::now();
        let pod = self
            .interrupt
            .until("answer", STATE_WAIT, || Ok(client::pod(at).ok()))?;
        if !pod.starts_with(&format!("{backend}-")) {
            bail!("{at} is answered by {pod}, not by {backend}");
        }
        Ok(start.elapsed())
    }

    /// Waits until a pod of this Deployment answers, whoever does until then.
    ///
    /// # Errors
    /// When none does in time.
    pub(crate) fn turns_to(&self, at: SocketAddr, backend: &str) -> Result<()> {
        let prefix = format!("{backend}-");
        self.until(&format!("answer of {backend}"), || {
            let is_so = client::pod(at).is_ok_and(|pod| pod.starts_with(&prefix));
            Ok(is_so.then_some(()))
        })
    }

    /// Waits until a Gateway has no proxies any more.
    ///
    /// # Errors
    /// When some stay.
    pub(crate) fn proxies_end(&self, gateway: &str) -> Result<()> {
        self.until("end of the proxies", || {
            let pods = self.provisioned("pods", gateway)?;
            Ok(pods.is_empty().then_some(()))
        })
    }

    /// Waits until new connections get no answer any more.
    ///
    /// # Errors
    /// When they still do.
    pub(crate) fn is_silent(&self, at: SocketAddr) -> Result<Duration> {
        let start = Instant::now();
        self.interrupt.until("silence", STATE_WAIT, || {
            // The first that gets no answer counts from its start: it may wait for long.
            let asked = start.elapsed();
            Ok(client::pod(at).is_err().then_some(asked))
        })
    }

    /// The Portway that runs in a pod; one that just crashed is waited for.
    ///
    /// # Errors
    /// When none runs in time.
    pub(crate) fn portway_in(&self, namespace: &str, pod: &str) -> Result<Pid> {
        let namespace = format!("--namespace={namespace}");
        let uid = "--output=jsonpath={.metadata.uid}";
        let uid = self.kubectl.run(&["get", "pod", pod, &namespace, uid])?;
        let of_pod = format!("/pod{}/", uid.trim());
        self.until("Portway in its pod", || {
            for entry in fs::read_dir("/proc").context("list processes")?.flatten() {
                let path = entry.path();
                let is_in_pod = fs::read_to_string(path.join("cgroup"))
                    .is_ok_and(|cgroups| cgroups.contains(&of_pod));
                // The pod's network is held by a process of the same cgroup.
                let is_portway = fs::read_to_string(path.join("comm"))
                    .is_ok_and(|name| name.trim() == "portway");
                if is_in_pod && is_portway {
                    let number = entry.file_name().to_string_lossy().parse().ok();
                    return Ok(number.and_then(Pid::from_raw));
                }
            }
            Ok(None)
        })
    }

    /// A line about what was measured.
    pub(crate) fn tell(&self, what: &str) {
        say(&format!("    {what}"));
    }
}

/// An object's name.
///
/// # Errors
/// When it has none.
pub(crate) fn name(object: &Value) -> Result<&str> {
    object["metadata"]["name"]
        .as_str()
        .context("an object without a name")
}

/// Whether it is being deleted.
pub(crate) fn is_ending(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

/// A condition of an object's status.
pub(crate) fn condition<'v>(object: &'v Value, kind: &str) -> Option<&'v Value> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    conditions.iter().find(|it| it["type"] == kind)
}

/// Whether it is true and about the object as it is now.
pub(crate) fn is_true_of(condition: &Value, object: &Value) -> bool {
    let generation = &object["metadata"]["generation"];
    condition["status"] == "True" && condition["observedGeneration"] == *generation
}

/// Ends a Portway as the kernel would: no signal that it can catch, no goodbye.
///
/// # Errors
/// When it is gone already.
pub(crate) fn crash(portway: Pid) -> Result<()> {
    kill_process(portway, Signal::KILL).context("kill a Portway")
}

/// Who is connected to a port in the network of a process, by IPv4.
///
/// # Errors
/// When it is gone.
pub(crate) fn clients(portway: Pid, port: u16) -> Result<Vec<Ipv4Addr>> {
    let path = format!("/proc/{}/net/tcp", portway.as_raw_nonzero());
    let table = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let local = format!(":{port:04X}");
    let open = table.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let is_at_port = fields.next().is_some_and(|it| it.ends_with(&local));
        let (remote, _) = fields.next()?.split_once(':')?;
        // 01 is ESTABLISHED, `include/net/tcp_states.h`.
        let is_open = is_at_port && fields.next() == Some("01");
        let remote = u32::from_str_radix(remote, 16).ok().filter(|_| is_open)?;
        // As it lies in memory, which is the order of the wire.
        Some(Ipv4Addr::from(remote.to_ne_bytes()))
    });
    Ok(open.collect())
}
