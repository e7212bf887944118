//! The objects of a gateway with many routes, as YAML.
//!
//! In: how many routes, how many endpoints each. Out: files. Never: a listener without its route, a
//! Gateway with more listeners than the API allows.

use std::fmt::Write;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::limits::LISTENERS_PER_GATEWAY;

/// A route with a listener of its own.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// The port its listener has.
    pub(crate) port: u16,
    /// Addresses its Gateway binds.
    pub(crate) binds: Vec<IpAddr>,
    /// Its endpoints, all on [`Self::endpoint_port`].
    pub(crate) endpoints: Vec<IpAddr>,
    pub(crate) endpoint_port: u16,
}

/// How objects are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// A file for the Gateways, and one for each route with its Service and its endpoints.
    FilePerRoute,
    /// Everything in one file.
    OneFile,
}

/// Writes all objects into `dir`. Routes in a row that bind the same addresses share a Gateway.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn write_all(dir: &Path, routes: &[Route], layout: Layout) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
    let mut all = String::new();
    let mut start = 0;
    for (number, group) in groups(routes).into_iter().enumerate() {
        all += &gateway(number, start, group);
        for (place, route) in group.iter().enumerate() {
            let index = start + place;
            let text = route_objects(index, number, route);
            match layout {
                Layout::OneFile => all += &text,
                Layout::FilePerRoute => put(&route_file(dir, index), &text)?,
            }
        }
        start += group.len();
    }
    let name = match layout {
        Layout::OneFile => "all.yaml",
        Layout::FilePerRoute => "gateways.yaml",
    };
    put(&dir.join(name), &all)
}

/// The file in which a route stands.
pub(crate) fn file_of(dir: &Path, index: usize, layout: Layout) -> PathBuf {
    match layout {
        Layout::OneFile => dir.join("all.yaml"),
        Layout::FilePerRoute => route_file(dir, index),
    }
}

/// Writes one route's file again, in one step: nobody sees half of it.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn rewrite(dir: &Path, index: usize, routes: &[Route]) -> Result<()> {
    let route = routes.get(index).context("no such route")?;
    let mut before = 0;
    let number = groups(routes).iter().position(|group| {
        before += group.len();
        index < before
    });
    let text = route_objects(index, number.unwrap_or(0), route);
    let path = route_file(dir, index);
    // A name that is not read, beside the file, so that the change of name is one step.
    let beside = dir.join(format!(".route-{index:05}.new"));
    put(&beside, &text)?;
    fs::rename(&beside, &path).with_context(|| format!("replace {}", path.display()))
}

fn route_file(dir: &Path, index: usize) -> PathBuf {
    dir.join(format!("route-{index:05}.yaml"))
}

fn put(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

/// Routes that share a Gateway.
fn groups(routes: &[Route]) -> Vec<&[Route]> {
    let same = routes.chunk_by(|a, b| a.binds == b.binds);
    same.flat_map(|it| it.chunks(LISTENERS_PER_GATEWAY))
        .collect()
}

fn gateway(number: usize, first: usize, routes: &[Route]) -> String {
    let mut yaml = format!(
        "---\n\
         apiVersion: gateway.networking.k8s.io/v1\n\
         kind: Gateway\n\
         metadata: {{name: g{number}}}\n\
         spec:\n  gatewayClassName: portway\n  addresses:\n"
    );
    let binds = routes.first().map(|it| &it.binds[..]).unwrap_or_default();
    for bind in binds {
        let _ = writeln!(yaml, "  - {{type: IPAddress, value: {bind}}}");
    }
    yaml += "  listeners:\n";
    for (place, route) in routes.iter().enumerate() {
        let (index, port) = (first + place, route.port);
        let _ = writeln!(yaml, "  - {{name: l{index}, protocol: TCP, port: {port}}}");
    }
    yaml
}

fn route_objects(index: usize, gateway: usize, route: &Route) -> String {
    let port = route.endpoint_port;
    let mut yaml = format!(
        "---\n\
         apiVersion: gateway.networking.k8s.io/v1\n\
         kind: TCPRoute\n\
         metadata: {{name: r{index}}}\n\
         spec:\n  parentRefs: [{{name: g{gateway}, sectionName: l{index}}}]\n  rules:\n  - backendRefs: \
         [{{name: s{index}, port: {port}}}]\n\
         ---\n\
         apiVersion: v1\n\
         kind: Service\n\
         metadata: {{name: s{index}}}\n\
         spec:\n  ports: [{{name: tcp, port: {port}}}]\n\
         ---\n\
         apiVersion: discovery.k8s.io/v1\n\
         kind: EndpointSlice\n\
         metadata:\n  name: s{index}-1\n  labels: {{kubernetes.io/service-name: s{index}}}\n\
         addressType: IPv4\n\
         ports: [{{name: tcp, port: {port}}}]\n\
         endpoints:\n"
    );
    for endpoint in &route.endpoints {
        let _ = writeln!(
            yaml,
            "- {{addresses: [{endpoint}], conditions: {{ready: true}}}}"
        );
    }
    yaml
}

#[cfg(test)]
mod tests;
