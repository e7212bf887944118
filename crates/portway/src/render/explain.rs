//! The decisions behind something, for people and machines.
//!
//! In: an [`Explanation`] or the page of a code. Out: a line a decision with the field that made
//! it, and at the end what a connection gets.
//!
//! ```text
//! TCPRoute `default/app`
//!   · parentRefs[0] names Gateway `default/edge`      app.yaml:6:5
//!     ✓ attached to listener `db`                     app.yaml:6:5
//!     ✗ its connections go to TCPRoute `default/old`  old.yaml:3:1
//!   → it gets no connections
//! ```

use portway_control::diagnostic::Entry;
use portway_control::translate::explain::{Explanation, Verdict};
use portway_engine::record::DialError;
use serde_json::{Value, json};

use super::json::place;
use super::page::{list, number, whole, word};
use super::paint::Paint;
use super::words::{bytes, duration};

/// Depth of steps beyond which nothing is indented further.
const DEPTH_MAX: usize = 8;

/// All decisions, from their JSON, which an instance may have told.
pub(crate) fn show(explanation: &Value, paint: Paint) -> String {
    let title = word(&explanation["title"]);
    let mut shown = format!("{}\n", paint.heading(&title));
    for step in list(&explanation["steps"]) {
        shown += &line(step, paint);
    }
    let outcome = word(&explanation["outcome"]);
    shown + &format!("  {} {}\n", paint.heading("→"), paint.heading(&outcome))
}

fn line(step: &Value, paint: Paint) -> String {
    let mark = match step["verdict"].as_str() {
        Some("yes") => paint.good("✓"),
        Some("no") => paint.bad("✗"),
        _ => "·".to_owned(),
    };
    let depth = usize::try_from(whole(&step["depth"])).map_or(DEPTH_MAX, |it| it.min(DEPTH_MAX));
    let indent = "  ".repeat(depth + 1);
    let what = word(&step["what"]);
    match written(&step["place"]) {
        Some(written) => format!("{indent}{mark} {what}  {}\n", paint.aside(&written)),
        None => format!("{indent}{mark} {what}\n"),
    }
}

/// `file:line:column`, or the field of an object that was read from no file.
fn written(place: &Value) -> Option<String> {
    let (file, field) = (word(&place["file"]), word(&place["field"]));
    match (file.is_empty(), field.is_empty()) {
        (false, _) => {
            let (line, column) = (whole(&place["line"]), whole(&place["column"]));
            Some(format!("{file}:{line}:{column}"))
        }
        (true, false) => Some(field),
        (true, true) => None,
    }
}

/// What became of one connection that is open, from its JSON.
pub(crate) fn connection(it: &Value, paint: Paint) -> String {
    let (client, age) = (word(&it["client"]), duration(number(&it["ageSeconds"])));
    let known = [
        (
            "listener",
            format!("listener `{}` accepted it", word(&it["listener"])),
        ),
        ("route", format!("{} gets it", quoted(&it["route"]))),
        (
            "backend",
            format!("backend `{}` has its turn", word(&it["backend"])),
        ),
    ];
    let known = known.iter().filter(|(field, _)| it[*field].is_string());
    let mut steps: Vec<Value> = known.map(|(_, what)| json!({ "what": what })).collect();
    for failed in list(&it["failedDials"]) {
        let error = word(&failed["error"]);
        let known = DialError::ALL.into_iter().find(|it| it.name() == error);
        let why = match (known, failed["errno"].as_i64()) {
            (_, Some(errno)) => format!("error {errno} of the kernel"),
            (Some(known), None) => known.sentence().to_owned(),
            (None, None) => error,
        };
        let what = format!("endpoint `{}` was tried: {why}", word(&failed["endpoint"]));
        steps.push(json!({ "verdict": "no", "what": what }));
    }
    let state = word(&it["state"]);
    if it["endpoint"].is_string() {
        let does = match &*state {
            "dialling" => "is dialled",
            _ => "serves it",
        };
        let what = format!("endpoint `{}` {does}", word(&it["endpoint"]));
        steps.push(json!({ "verdict": "yes", "what": what }));
    }
    if it["draining"] == true {
        let what = "its place in the configuration is gone: it is to end (`portway.dev/drain`)";
        steps.push(json!({ "verdict": "no", "what": what }));
    }
    let relayed = format!(
        "{} to the endpoint, {} to the client so far",
        bytes(whole(&it["bytesToBackend"])),
        bytes(whole(&it["bytesToClient"])),
    );
    let outcome = match &*state {
        "dialling" => "no endpoint has taken it yet".to_owned(),
        "client_finished" => format!("{relayed}; the client has sent its FIN"),
        "backend_finished" => format!("{relayed}; the endpoint has sent its FIN"),
        _ => relayed,
    };
    let title = format!("connection from `{client}`, open for {age}");
    show(
        &json!({ "title": title, "steps": steps, "outcome": outcome }),
        paint,
    )
}

/// `TCPRoute default/app` as it is written elsewhere: the kind, then the name.
fn quoted(name: &Value) -> String {
    let name = word(name);
    match name.split_once(' ') {
        Some((kind, name)) => format!("{kind} `{name}`"),
        None => format!("`{name}`"),
    }
}

/// The decisions for machines.
pub(crate) fn value(explanation: &Explanation) -> Value {
    let steps = explanation.steps.iter().map(|step| {
        json!({
            "depth": step.depth,
            "verdict": verdict(step.verdict),
            "what": step.what,
            "place": step.place.as_ref().map(place),
        })
    });
    json!({
        "title": explanation.title,
        "steps": steps.collect::<Vec<Value>>(),
        "outcome": explanation.outcome,
    })
}

const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fact => "fact",
        Verdict::Yes => "yes",
        Verdict::No => "no",
    }
}

/// The page of a code.
pub(crate) fn page(entry: &Entry, paint: Paint) -> String {
    let heading = format!("{}: {}", entry.code, entry.title);
    format!("{}\n\n{}\n", paint.heading(&heading), entry.page)
}

/// The same for machines.
pub(crate) fn page_value(entry: &Entry) -> Value {
    json!({
        "code": entry.code.to_string(),
        "title": entry.title,
        "page": entry.page,
    })
}
