//! `cargo xtask upstream`: every manifest of the official conformance suite, read and translated.
//!
//! In: the module sigs.k8s.io/gateway-api/conformance, as the Go module proxy has it. Out: how many
//! manifests passed, and what was found in those that did not. Never: a copy of a manifest in this
//! repository; they are upstream's.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::golang;
use crate::repo::{self, at_root, root};
use crate::tally::{Count, Tally, say};

/// Read and translate every manifest of the conformance suite (needs Go)
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask upstream           all manifests of the module
  cargo xtask upstream tcproute  those whose path holds this word")]
pub(crate) struct Args {
    /// Only manifests whose path holds this word.
    #[arg(value_name = "WORD")]
    word: Option<String>,

    /// A binary to try; by default the release binary, built first.
    #[arg(long, value_name = "FILE")]
    portway: Option<PathBuf>,
}

const MODULE: &str = "sigs.k8s.io/gateway-api/conformance@v1.7.0";

/// What the suite fills in before it applies a manifest.
const BLANKS: [(&str, &str); 4] = [
    ("{GATEWAY_CLASS_NAME}", "portway"),
    (
        "{GATEWAY_CONTROLLER_NAME}",
        "portway.dev/gateway-controller",
    ),
    ("PLACEHOLDER_UNUSABLE_ADDRS", "192.0.2.1"),
    ("PLACEHOLDER_USABLE_ADDRS", "127.0.0.1"),
];

/// Fewest manifests that the module has: less means that we looked in the wrong place.
const MANIFESTS_MIN: usize = 140;

/// Looks at all manifests, one after the other.
///
/// # Errors
/// When the module cannot be had, or Portway does not build.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let module = golang::required("suite", MODULE)?;
    let binary = repo::portway(args.portway.as_deref())?;
    let scratch = root().join("target/upstream");
    let mut tally = Tally::new("upstream");
    for part in ["base", "tests"] {
        let manifests = manifests(&module.join(part), args)?;
        tally.part(part, || check_all(&binary, &scratch, &module, &manifests));
        if part == "tests" && args.word.is_none() {
            let n_manifests = manifests.len();
            ensure!(
                n_manifests >= MANIFESTS_MIN,
                "{MODULE} has {n_manifests} manifests of tests: did its folders move?"
            );
        }
    }
    Ok(tally.end())
}

fn manifests(dir: &Path, args: &Args) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(dir).with_context(|| format!("read {}", dir.display()))?;
    for entry in entries {
        let path = entry?.path();
        let text = path.to_string_lossy();
        let is_asked = args.word.as_ref().is_none_or(|word| text.contains(word));
        if path.extension().is_some_and(|it| it == "yaml") && is_asked {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Each manifest for both targets; what does not pass is told at once.
fn check_all(binary: &Path, scratch: &Path, module: &Path, manifests: &[PathBuf]) -> Result<Count> {
    fs::create_dir_all(scratch).context("create a folder for filled-in manifests")?;
    let mut count = Count::default();
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    for manifest in manifests {
        let name = manifest.strip_prefix(module).unwrap_or(manifest);
        let mut text = fs::read_to_string(manifest)?;
        for (blank, value) in BLANKS {
            text = text.replace(blank, value);
        }
        let file = scratch.join(manifest.file_name().context("a manifest without a name")?);
        fs::write(&file, text).context("write a filled-in manifest")?;
        for target in ["cluster", "standalone"] {
            match check_one(binary, &file, target) {
                Ok(seen) => {
                    count.passed += 1;
                    for code in seen {
                        *codes.entry(code).or_default() += 1;
                    }
                }
                Err(error) => {
                    count.failed += 1;
                    say(&format!("  {} for {target}: {error:#}", name.display()));
                }
            }
        }
    }
    let codes: Vec<String> = codes
        .iter()
        .map(|(code, n)| format!("{code} {n}"))
        .collect();
    say(&format!("  found in translating: {}", codes.join(", ")));
    Ok(count)
}

/// A manifest that an API server takes has nothing wrong in its text or schema; its references may
/// lead nowhere, which is what many of the suite's tests are about. Gives the codes it has.
fn check_one(binary: &Path, file: &Path, target: &str) -> Result<Vec<String>> {
    let output = at_root(binary)
        .args(["check", "--output", "json", "--target", target, "-f"])
        .arg(file)
        .output()
        .context("run portway check")?;
    let code = output.status.code();
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(
        matches!(code, Some(0 | 1)),
        "check ended with {:?}: {}",
        output.status,
        stderr.trim()
    );
    let report: Value = serde_json::from_slice(&output.stdout).context("check printed no JSON")?;
    let findings = report["diagnostics"].as_array();
    let findings = findings.context("check printed no diagnostics")?;
    let mut seen = Vec::new();
    for finding in findings {
        let code = finding["code"]
            .as_str()
            .context("a finding without a code")?;
        let is_of_reading = code.starts_with("PW00") || code.starts_with("PW01");
        let is_error = finding["severity"] == "error";
        ensure!(
            !(is_of_reading && is_error),
            "{code} at line {}: {}",
            finding["place"]["line"],
            finding["what"].as_str().unwrap_or_default()
        );
        seen.push(code.to_owned());
    }
    Ok(seen)
}
