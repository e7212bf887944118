//! `portway check`: what the files mean, and what is wrong with them.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use clap::ValueEnum;
use portway_control::diagnostic::{Diagnostic, Severity};
use portway_control::snapshot::Target;
use portway_control::translate::Translation;
use serde_json::{Value, json};

use super::cluster::KubeArgs;
use super::input::{Input, InputArgs, n_of};
use crate::exit::Exit;
use crate::outline;
use crate::render::words::count;
use crate::render::{self, Paint};

/// Say what the objects in files mean, and what is wrong with them
///
/// Shows each problem with its place, its effect on connections and a way out; then what would
/// listen where, and where its connections would go. Nothing is opened, nothing is changed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  portway check -f examples/tcp-routing
  portway check -f gateway.yaml -f services/ --target standalone
  cat *.yaml | portway check -f -
  portway check -f . --output json | jq '.diagnostics[].code'
  portway check -f . --output yaml         the objects, with the status each would get
  portway check -f route.yaml --kube       what it would mean among what a cluster has

Exit codes:
  0  no errors
  1  errors, or with --strict also warnings
  2  could not run: unreadable input, wrong flags")]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,

    #[command(flatten)]
    kube: KubeArgs,

    /// Where the objects would be used.
    #[arg(
        long,
        value_enum,
        default_value = "cluster",
        env = "PORTWAY_TARGET",
        hide_env_values = true
    )]
    target: TargetArg,

    /// What to print; with yaml the problems go to stderr.
    #[arg(
        short,
        long,
        value_enum,
        default_value = "text",
        env = "PORTWAY_OUTPUT",
        hide_env_values = true
    )]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum TargetArg {
    /// Each Gateway has addresses of its own
    Cluster,
    /// All Gateways share the ports of this host, as with `portway run`
    Standalone,
}

impl TargetArg {
    /// What it means.
    pub(super) const fn target(self) -> Target {
        match self {
            Self::Cluster => Target::Cluster,
            Self::Standalone => Target::Standalone,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// For machines
    Json,
    /// The objects as given, with status
    Yaml,
}

/// Checks.
///
/// # Errors
/// When the input cannot be read or the result cannot be written.
pub(crate) fn run(args: Args) -> Result<Exit> {
    let mut input = args.input.read()?;
    let cluster = args.kube.objects()?;
    let is_beside_cluster = cluster.is_some();
    input.complete(cluster);
    let translation = input.preview(args.target.target());
    let mut found = translation.diagnostics.clone();
    if is_beside_cluster {
        // What the cluster has was not asked about, only what the files make of it.
        found.retain(is_about_files);
    }
    if args.target.target() == Target::Cluster {
        found.extend_from_slice(&input.reading.for_clusters);
    }
    let findings = input.findings(&found);
    let text = match args.output {
        Output::Text => text(&input, &translation, &findings),
        Output::Json => json(&input, &translation, &findings)?,
        Output::Yaml => {
            let shown = render::diagnostics::show(&findings, &input.sources, Paint::for_stderr());
            render::stderr(&shown);
            yaml(&input, &translation)
        }
    };
    render::stdout(&text).context("write the result")?;
    Ok(match n_of(Severity::Error, &findings) {
        0 => Exit::Fine,
        _ => Exit::Problems,
    })
}

fn is_about_files(found: &Diagnostic) -> bool {
    let mut related = found.related.iter().map(|(place, _)| place);
    found.place.source.is_some() || related.any(|place| place.source.is_some())
}

fn text(input: &Input, translation: &Translation, findings: &[Diagnostic]) -> String {
    let paint = Paint::for_stdout();
    let mut text = render::diagnostics::show(findings, &input.sources, paint);
    let lines = outline::of(&input.reading.objects, translation);
    if !lines.is_empty() {
        text += &render::outline::show(&lines, paint);
        text += "\n";
    }
    let skipped = input.reading.skipped.iter();
    let skipped: Vec<String> = skipped.map(|(kind, n)| format!("{kind} ({n})")).collect();
    if !skipped.is_empty() {
        let kinds = annotate_snippets::normalize_untrusted_str(&skipped.join(", "));
        text += &format!("skipped, not kinds that Portway reads: {kinds}\n");
    }
    text + &verdict(input, findings, paint)
}

fn verdict(input: &Input, findings: &[Diagnostic], paint: Paint) -> String {
    let objects = count(input.reading.in_order.len(), "object");
    // One that is given twice is one file.
    let names: BTreeSet<&str> = input.sources.iter().map(|it| &*it.name).collect();
    let files = count(names.len(), "file");
    let n_errors = n_of(Severity::Error, findings);
    let n_warnings = n_of(Severity::Warning, findings);
    let found = match (n_errors, n_warnings) {
        (0, 0) => paint.good("no problems"),
        (0, n) => count(n, "warning"),
        (n, 0) => paint.bad(&count(n, "error")),
        (n, m) => format!("{}, {}", paint.bad(&count(n, "error")), count(m, "warning")),
    };
    format!("checked {objects} in {files}: {found}\n")
}

fn json(input: &Input, translation: &Translation, findings: &[Diagnostic]) -> Result<String> {
    let lines = outline::of(&input.reading.objects, translation);
    let mut statuses = Vec::new();
    for (key, status) in &translation.statuses {
        let mut value = render::json::object(key);
        value["status"] = render::status::value(status, &Value::Null);
        statuses.push(value);
    }
    let value = json!({
        "summary": {
            "objects": input.reading.in_order.len(),
            "errors": n_of(Severity::Error, findings),
            "warnings": n_of(Severity::Warning, findings),
        },
        "diagnostics": findings.iter().map(render::json::diagnostic).collect::<Vec<Value>>(),
        "listeners": lines.iter().map(render::json::listener).collect::<Vec<Value>>(),
        "statuses": statuses,
        "skipped": input.reading.skipped,
    });
    let text = serde_json::to_string_pretty(&value).context("show the result")?;
    Ok(text + "\n")
}

fn yaml(input: &Input, translation: &Translation) -> String {
    let mut documents = Vec::new();
    for key in &input.reading.in_order {
        let Some(given) = input.reading.objects.given(key) else {
            continue;
        };
        let mut object = given.json();
        if let Some(status) = translation.statuses.get(key) {
            object["status"] = render::status::value(status, &object["status"]);
        }
        documents.push(render::yaml::document(&object));
    }
    documents.join("---\n")
}
