//! `cargo xtask crds`: the schema facts of control, from the CRDs of Gateway API.
//!
//! In: `config/crd/{standard,experimental}` of the Go module sigs.k8s.io/gateway-api. Out:
//! `crates/portway-control/src/schema/facts/*.json`: types, bounds, defaults and rules of each
//! version in both channels, without descriptions, statuses and what all objects have. Never: the
//! facts of core kinds, which have no CRD and are written by hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

use crate::golang;
use crate::repo::root;
use crate::tally::say;

/// The module with the CRDs.
const MODULE: &str = "sigs.k8s.io/gateway-api@v1.7.0";

/// The kinds whose facts are kept, by the names of their CRDs: those that are read, and those that
/// come next.
const KINDS: [&str; 8] = [
    "backendtlspolicies",
    "gatewayclasses",
    "gateways",
    "listenersets",
    "referencegrants",
    "tcproutes",
    "tlsroutes",
    "udproutes",
];

/// What every object has; its facts stand in one place.
const ON_EVERY_OBJECT: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];

/// Read the schema facts from the CRDs of the Go module
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask crds           write crates/portway-control/src/schema/facts
  cargo xtask crds --check   only say whether they are what the CRDs say")]
pub(crate) struct Args {
    /// Write nothing; fail if something would change.
    #[arg(long)]
    check: bool,
}

/// Writes the facts, or compares them.
///
/// # Errors
/// When the module cannot be had, a CRD is not as expected, or with `--check` the facts differ.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let crds = golang::required("suite", MODULE)?.join("config/crd");
    let facts = root().join("crates/portway-control/src/schema/facts");
    let mut stale = Vec::new();
    for kind in KINDS {
        let mut text = facts_of(&crds, kind)?.to_string();
        text.push('\n');
        let path = facts.join(format!("{kind}.json"));
        let written = fs::read_to_string(&path).unwrap_or_default();
        if written == text {
            continue;
        }
        stale.push(kind);
        if !args.check {
            fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        }
    }
    if stale.is_empty() {
        say("crds: 1 passed, 0 failed; the facts are what the CRDs say");
        return Ok(ExitCode::SUCCESS);
    }
    let names = stale.join(", ");
    ensure!(!args.check, "`cargo xtask crds` would change: {names}");
    say(&format!("written: {names}"));
    Ok(ExitCode::SUCCESS)
}

fn facts_of(crds: &Path, kind: &str) -> Result<Value> {
    let experimental = crd(&file(crds, "experimental", kind))?;
    let standard = crd(&file(crds, "standard", kind))?;
    let spec = &experimental["spec"];
    Ok(json!({
        "group": spec["group"],
        "kind": spec["names"]["kind"],
        "scope": spec["scope"],
        "experimental": versions(&experimental)?,
        "standard": versions(&standard)?,
    }))
}

fn file(crds: &Path, channel: &str, kind: &str) -> PathBuf {
    let name = format!("gateway.networking.k8s.io_{kind}.yaml");
    crds.join(channel).join(name)
}

fn crd(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let value: Value =
        serde_saphyr::from_str(&text).with_context(|| format!("{} is no YAML", path.display()))?;
    ensure!(
        value["kind"] == "CustomResourceDefinition",
        "{} is no CRD",
        path.display()
    );
    Ok(value)
}

/// The versions by name; one with the schema of an earlier one only names it.
fn versions(crd: &Value) -> Result<Value> {
    let mut all = Map::new();
    let versions = crd["spec"]["versions"].as_array();
    for version in versions.context("a CRD has versions")? {
        let schema = &version["schema"]["openAPIV3Schema"];
        let mut schema = stripped(schema)?;
        let properties = schema.get_mut("properties");
        let properties = properties.and_then(Value::as_object_mut);
        let properties = properties.context("an object has properties")?;
        properties.retain(|name, _| !ON_EVERY_OBJECT.contains(&name.as_str()));
        let name = version["name"].as_str().context("a version has a name")?;
        let twin = all.iter().find(|(_, earlier)| earlier["schema"] == schema);
        let facts = match twin {
            Some((twin, _)) => json!({"served": version["served"], "same_as": twin}),
            None => json!({"served": version["served"], "schema": schema}),
        };
        all.insert(name.to_owned(), facts);
    }
    Ok(Value::Object(all))
}

/// A schema without what is for people, its keywords and properties in order of their names.
fn stripped(schema: &Value) -> Result<Value> {
    let Value::Object(fields) = schema else {
        bail!("a schema is an object, not {schema}");
    };
    let mut kept: Vec<(&String, Value)> = Vec::new();
    for (keyword, value) in fields {
        let value = match keyword.as_str() {
            "description" => continue,
            "properties" => properties(value)?,
            "items" | "additionalProperties" if value.is_object() => stripped(value)?,
            "x-kubernetes-validations" => rules(value)?,
            _ => value.clone(),
        };
        kept.push((keyword, value));
    }
    Ok(in_order(kept))
}

fn properties(value: &Value) -> Result<Value> {
    let all = value.as_object().context("properties are an object")?;
    let stripped = all
        .iter()
        .map(|(name, schema)| Ok((name, stripped(schema)?)));
    Ok(in_order(stripped.collect::<Result<Vec<_>>>()?))
}

/// Of a rule only what it says: its message is upstream's, ours are our own.
fn rules(value: &Value) -> Result<Value> {
    let all = value.as_array().context("rules are a list")?;
    let rules = all.iter().map(|rule| json!({"rule": rule["rule"]}));
    Ok(Value::Array(rules.collect()))
}

fn in_order(mut fields: Vec<(&String, Value)>) -> Value {
    fields.sort_by_key(|(name, _)| *name);
    let fields = fields.into_iter();
    Value::Object(fields.map(|(name, value)| (name.clone(), value)).collect())
}
