//! The objects a proof needs, as YAML.
//!
//! In: a [`Plan`]. Out: text with one Gateway, a TCPRoute for each listener, and the Services and
//! EndpointSlices behind them. Never: the guide's own files, which `guide` takes as they stand.

#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::net::SocketAddr;

use anyhow::Result;

use super::sockets::free_port;

/// A gateway, listener by listener.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    pub(crate) listeners: Vec<Listener>,
}

/// A listener and the backends of its one route; without any it has no route at all.
#[derive(Debug, Clone)]
pub(crate) struct Listener {
    pub(crate) port: u16,
    pub(crate) backends: Vec<Backend>,
}

/// A weighted backend.
#[derive(Debug, Clone)]
pub(crate) struct Backend {
    pub(crate) weight: u32,
    pub(crate) target: Target,
}

/// What a backendRef leads to.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// A Service with these endpoints.
    Endpoints(Vec<SocketAddr>),
    /// A Service that is not there.
    Missing,
    /// A Service of another namespace, whose ReferenceGrant is missing.
    NotPermitted(SocketAddr),
}

impl Plan {
    /// One listener on a free port, one backend with these endpoints.
    ///
    /// # Errors
    /// When no port is free.
    pub(crate) fn to(endpoints: &[SocketAddr]) -> Result<Self> {
        Self::default().with(vec![Backend::with(endpoints)])
    }

    /// One more listener, on a free port.
    ///
    /// # Errors
    /// When no port is free.
    pub(crate) fn with(mut self, backends: Vec<Backend>) -> Result<Self> {
        let port = free_port()?;
        self.listeners.push(Listener { port, backends });
        Ok(self)
    }

    /// All of it as one file.
    pub(crate) fn to_yaml(&self) -> String {
        let mut yaml = self.gateway();
        for (index, listener) in self.listeners.iter().enumerate() {
            if listener.backends.is_empty() {
                continue;
            }
            yaml += &route(index, listener);
            for (place, backend) in listener.backends.iter().enumerate() {
                yaml += &service(&service_name(index, place), &backend.target);
            }
        }
        yaml
    }

    fn gateway(&self) -> String {
        let mut yaml = String::from(
            "apiVersion: gateway.networking.k8s.io/v1\n\
             kind: Gateway\n\
             metadata: {name: proof}\n\
             spec:\n  gatewayClassName: portway\n  listeners:\n",
        );
        for (index, listener) in self.listeners.iter().enumerate() {
            let port = listener.port;
            let _ = writeln!(yaml, "  - {{name: l{index}, protocol: TCP, port: {port}}}");
        }
        yaml
    }
}

impl Backend {
    /// A backend of weight 1.
    pub(crate) fn with(endpoints: &[SocketAddr]) -> Self {
        Self::weighing(1, Target::Endpoints(endpoints.to_vec()))
    }

    /// A backend.
    pub(crate) const fn weighing(weight: u32, target: Target) -> Self {
        Self { weight, target }
    }
}

fn service_name(listener: usize, place: usize) -> String {
    format!("s{listener}-{place}")
}

fn route(index: usize, listener: &Listener) -> String {
    let mut yaml = format!(
        "---\n\
         apiVersion: gateway.networking.k8s.io/v1\n\
         kind: TCPRoute\n\
         metadata: {{name: r{index}}}\n\
         spec:\n  parentRefs: [{{name: proof, sectionName: l{index}}}]\n  rules:\n  - backendRefs:\n"
    );
    for (place, backend) in listener.backends.iter().enumerate() {
        let (name, weight) = (service_name(index, place), backend.weight);
        let namespace = match backend.target {
            Target::NotPermitted(_) => ", namespace: elsewhere",
            Target::Endpoints(_) | Target::Missing => "",
        };
        let _ = writeln!(
            yaml,
            "    - {{name: {name}, port: 6000, weight: {weight}{namespace}}}"
        );
    }
    yaml
}

fn service(name: &str, target: &Target) -> String {
    let (namespace, endpoints) = match target {
        Target::Missing => return String::new(),
        Target::Endpoints(endpoints) => ("default", &endpoints[..]),
        Target::NotPermitted(endpoint) => ("elsewhere", std::slice::from_ref(endpoint)),
    };
    let mut yaml = format!(
        "---\napiVersion: v1\nkind: Service\n\
         metadata: {{name: {name}, namespace: {namespace}}}\n\
         spec: {{ports: [{{port: 6000}}]}}\n"
    );
    for (index, endpoint) in endpoints.iter().enumerate() {
        let family = match endpoint {
            SocketAddr::V4(_) => "IPv4",
            SocketAddr::V6(_) => "IPv6",
        };
        let (ip, port) = (endpoint.ip(), endpoint.port());
        let _ = write!(
            yaml,
            "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  \
             name: {name}-{index}\n  namespace: {namespace}\n  \
             labels: {{kubernetes.io/service-name: {name}}}\n\
             addressType: {family}\nendpoints: [{{addresses: [\"{ip}\"]}}]\n\
             ports: [{{port: {port}}}]\n"
        );
    }
    yaml
}
