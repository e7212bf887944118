//! The golden cases: every `golden/**/NAME.yaml` is read and translated, and must give `NAME.want`.
//!
//! In: a manifest headed by comments that say what and why; among them may stand
//! `# target: cluster` (default `standalone`) and facts from the world:
//! `# fact: applied pending`, `# fact: unbound 0.0.0.0:8080 address in use`,
//! `# fact: absent [::]:8080`, `# fact: admin 127.0.0.1:9180`, `# fact: host 192.0.2.1 2001:db8::1`, `# fact: resolved db.example.com 192.0.2.1`; of a cluster that
//! was read `# fact: coverage whole`, of one that is served `# fact: crds v1.7.0`, and of its Gateways `# fact: address edge 192.0.2.7`, `# fact: ready edge
//! 2`, `# fact: missing edge WORDS`. A line `#=== NAME.yaml` starts a further source; `# explain:
//! tcproute default/app`, `gateway default/edge` or `address 192.0.2.1:80` adds what `explain`
//! says, `# why: …` only what it says against traffic. Out: what was skipped, the tables, one line
//! a condition, one line a diagnostic. `PORTWAY_BLESS=1` rewrites the `.want` files; read them
//! then.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "the cases are files; the crate itself reads none"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use portway_control::api::{GatewayAddress, Kind};
use portway_control::diagnostic::{Code, Diagnostic, Severity, catalog};
use portway_control::manifest;
use portway_control::origin::{ObjectKey, Place, Source};
use portway_control::snapshot::{
    Applied, CONTROLLER_NAME, ClusterFacts, Coverage, Facts, GatewayFacts, Snapshot, Target,
};
use portway_control::status::{Condition, Status};
use portway_control::translate::explain::{Explanation, Subject, Verdict, explain};
use portway_control::translate::{Translation, translate};
use portway_engine::table::{RoutingTable, TableVersion, show};
use proptest::prelude::{ProptestConfig, any, prop, proptest};
use proptest::sample::Index;

/// A case that says more than this is two cases.
const WANT_LINES_MAX: usize = 25;

/// Of more diagnostics than a case may show, these and the last are.
const FIRST_SHOWN: usize = 3;

#[test]
fn every_golden_case_gives_what_it_wants() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let bless = std::env::var("PORTWAY_BLESS").is_ok_and(|value| value == "1");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let (mut n_cases, mut failures) = (0, String::new());
    for path in &files {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("yaml") => n_cases += 1,
            Some("want") if path.with_extension("yaml").exists() => continue,
            _ => {
                _ = writeln!(failures, "{}: belongs to no case", path.display());
                continue;
            }
        }
        if let Err(problem) = check_case(path, bless) {
            _ = writeln!(failures, "{}: {problem}", path.display());
        }
    }
    println!("{n_cases} golden cases");
    assert!(failures.is_empty(), "{failures}");
}

/// A document may stand anywhere: only where the order of input decides an age does it matter.
#[test]
fn shuffled_documents_give_the_same_tables_and_statuses() {
    let mut n_shuffled = 0;
    for text in CASES.iter() {
        let told = translate_text(text);
        let by_order = |code: u16| {
            told.diagnostics
                .iter()
                .any(|found| found.code == Code(code))
        };
        let documents: Vec<&str> = text.split("---\n").collect();
        // Reading tells of an object that is there twice by the order of the two.
        let is_read = manifest::read(&sources(text)).diagnostics.is_empty();
        if by_order(407) || by_order(506) || documents.len() < 2 || !is_read {
            continue;
        }
        n_shuffled += 1;
        for turn in 0..documents.len() {
            let mut turned = documents.clone();
            turned.rotate_left(turn);
            turned.reverse();
            let header: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
            let shuffled = format!("{}\n{}", header.join("\n"), turned.join("\n---\n"));
            let other = translate_text(&shuffled);
            assert_eq!(told.statuses, other.statuses, "{shuffled}");
            assert_eq!(told.tables, other.tables, "{shuffled}");
            assert_eq!(told.host_table, other.host_table, "{shuffled}");
        }
    }
    println!("{n_shuffled} cases shuffled");
    assert!(n_shuffled > 100, "most cases can be shuffled");
}

/// A failure prints its input, which belongs into a case of its own rather than into a seed file.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(300))]

    /// Whatever a slip of the hand makes of a manifest: no panic, and tables that are closed.
    #[test]
    fn mutated_manifests_give_closed_tables(
        case in any::<Index>(),
        slips in prop::collection::vec((any::<Index>(), any::<Index>(), 0..5_u8), 1..6),
    ) {
        let cases = &*CASES;
        let text = mutate(&cases[case.index(cases.len())], &slips);
        let translation = translate_text(&text);
        let own = translation.tables.values();
        for table in own.chain([&translation.host_table]) {
            let built = RoutingTable::build(TableVersion(1), table, None);
            assert!(built.is_ok(), "{built:?} of\n{text}");
        }
    }

    /// Whatever happens to single letters: no panic, and every place is in its text.
    #[test]
    fn mangled_text_is_read_without_panic(
        case in any::<Index>(),
        slips in prop::collection::vec((any::<Index>(), "[\\[\\]{}:,&*!|>'\"%@`#\\-?~<\\\\\n\t yn0x.\u{0}é\u{feff}]{0,3}"), 1..8),
    ) {
        let cases = &*CASES;
        let mut letters: Vec<char> = cases[case.index(cases.len())].chars().collect();
        for (at, new) in &slips {
            let at = at.index(letters.len());
            let end = (at + 1).min(letters.len());
            letters.splice(at..end, new.chars());
        }
        let text: String = letters.iter().collect();
        let source = Source { name: "mangled".into(), text: text.as_str().into() };
        let reading = manifest::read(&[source]);
        for found in reading.diagnostics.iter().chain(&reading.for_clusters) {
            let span = found.place.span;
            assert!(span.start <= span.end, "{found:?} of\n{text}");
            assert!(text.is_char_boundary(span.start as usize), "{found:?} of\n{text}");
            assert!(span.line >= 1 && span.column >= 1, "{found:?} of\n{text}");
        }
    }
}

/// Lines and words lost, doubled, swapped, and numbers grown; the header stays as it is.
fn mutate(text: &str, slips: &[(Index, Index, u8)]) -> String {
    let (header, body): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| line.starts_with('#'));
    let mut lines: Vec<String> = body.into_iter().map(str::to_owned).collect();
    for (one, other, kind) in slips {
        if lines.is_empty() {
            break;
        }
        let (one, other) = (one.index(lines.len()), other.index(lines.len()));
        match kind {
            0 if lines.len() > 1 => _ = lines.remove(one),
            1 => lines.insert(one, lines[other].clone()),
            2 => lines.swap(one, other),
            3 => lines[one] = lines[one].replace(|letter: char| letter.is_ascii_digit(), "9"),
            _ => {
                let from = lines[other].clone();
                let word = from.split_whitespace().last().unwrap_or("x");
                let kept = lines[one].rsplit_once(' ').map_or("", |(kept, _)| kept);
                lines[one] = format!("{kept} {word}");
            }
        }
    }
    format!("{}\n{}\n", header.join("\n"), lines.join("\n"))
}

static CASES: LazyLock<Vec<String>> = LazyLock::new(cases);

fn cases() -> Vec<String> {
    let mut files = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    collect(&root, &mut files);
    files.sort();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    let texts = files.iter().map(|path| fs::read_to_string(path).unwrap());
    texts.collect()
}

fn translate_text(text: &str) -> Translation {
    let (target, facts) = directives(text);
    translate(&Snapshot {
        target,
        controller_name: CONTROLLER_NAME.into(),
        objects: manifest::read(&sources(text)).objects,
        facts,
    })
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn check_case(path: &Path, bless: bool) -> Result<(), String> {
    let text = fs::read_to_string(path).unwrap();
    if !text.starts_with("# ") {
        return Err("a case starts with a comment that says what and why".into());
    }
    let got = run_case(&text);
    if got.lines().count() > WANT_LINES_MAX {
        return Err(format!(
            "more than {WANT_LINES_MAX} lines: split the case\n{got}"
        ));
    }
    let want_path = path.with_extension("want");
    if bless {
        fs::write(&want_path, &got).unwrap();
        return Ok(());
    }
    match fs::read_to_string(&want_path) {
        Ok(want) if want == got => Ok(()),
        Ok(want) => Err(format!("differs\n{}", difference(&want, &got))),
        Err(_) => Err(format!(
            "has no .want; PORTWAY_BLESS=1 would write\n{}",
            difference("", &got)
        )),
    }
}

/// Lines of `want` that are gone with `-`, lines of `got` that are new with `+`.
fn difference(want: &str, got: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (want.lines().collect(), got.lines().collect());
    let mut text = String::new();
    for line in old.iter().filter(|line| !new.contains(line)) {
        _ = writeln!(text, "  - {line}");
    }
    for line in new.iter().filter(|line| !old.contains(line)) {
        _ = writeln!(text, "  + {line}");
    }
    if text.is_empty() {
        text.push_str("  the same lines in another order\n");
    }
    text
}

fn run_case(text: &str) -> String {
    let sources = sources(text);
    let reading = manifest::read(&sources);
    let (target, facts) = directives(text);
    let snapshot = Snapshot {
        target,
        controller_name: CONTROLLER_NAME.into(),
        objects: reading.objects,
        facts,
    };
    let translation = translate(&snapshot);
    let mut out = String::new();
    for (kind, n) in &reading.skipped {
        _ = writeln!(out, "skipped {n} {kind}");
    }
    show_tables(&mut out, &translation);
    for (key, status) in &translation.statuses {
        show_status(&mut out, &key.to_string().replace('`', ""), status);
    }
    let for_clusters = match target {
        Target::Standalone => &[][..],
        Target::Cluster => &reading.for_clusters,
    };
    let read = reading.diagnostics.iter().chain(for_clusters);
    let all: Vec<&Diagnostic> = read.chain(&translation.diagnostics).collect();
    for (index, diagnostic) in all.iter().enumerate() {
        let has_way_out = diagnostic.help.is_some() || diagnostic.label.starts_with("did you mean");
        assert!(has_way_out, "no way out: {diagnostic:?}");
        match index {
            FIRST_SHOWN.. if index + 1 < all.len() && all.len() > WANT_LINES_MAX => {}
            _ => show_diagnostic(&mut out, diagnostic),
        }
    }
    for line in text.lines().take_while(|line| line.starts_with('#')) {
        let whole = line.strip_prefix("# explain: ");
        if let Some(subject) = whole.or_else(|| line.strip_prefix("# why: ")) {
            let explanation = explain(&snapshot, &subject_of(subject));
            let mut explanation = explanation.expect("the case has the subject");
            if whole.is_none() {
                explanation.steps.retain(|step| step.verdict == Verdict::No);
            }
            show_explanation(&mut out, &explanation);
        }
    }
    out
}

fn subject_of(text: &str) -> Subject {
    let (kind, name) = text.split_once(' ').unwrap();
    let key = |kind| {
        let (namespace, name) = name.split_once('/').unwrap();
        ObjectKey {
            kind,
            namespace: namespace.into(),
            name: name.into(),
        }
    };
    match kind {
        "tcproute" => Subject::Route(key(Kind::TcpRoute)),
        "gateway" => Subject::Gateway(key(Kind::Gateway)),
        "address" => {
            let socket: std::net::SocketAddr = name.parse().unwrap();
            Subject::Address(Some(socket.ip()), socket.port())
        }
        other => panic!("no such subject: {other}"),
    }
}

fn show_explanation(out: &mut String, explanation: &Explanation) {
    _ = writeln!(out, "explain {}", explanation.title.replace('`', ""));
    for step in &explanation.steps {
        let mark = match step.verdict {
            Verdict::Fact => '.',
            Verdict::Yes => '+',
            Verdict::No => '-',
        };
        let indent = "  ".repeat(usize::from(step.depth) + 1);
        _ = write!(out, "{indent}{mark} {}", step.what);
        match &step.place {
            Some(place) => _ = writeln!(out, " | {}", show_place(place)),
            None => out.push('\n'),
        }
    }
    _ = writeln!(out, "  => {}", explanation.outcome);
}

fn sources(text: &str) -> Vec<Source> {
    let mut sources = vec![("case.yaml", String::new())];
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("#=== ") {
            sources.push((name, String::new()));
            continue;
        }
        let (_, source) = sources.last_mut().unwrap();
        source.push_str(line);
        source.push('\n');
    }
    sources
        .into_iter()
        .map(|(name, text)| Source {
            name: name.into(),
            text: text.into(),
        })
        .collect()
}

fn directives(text: &str) -> (Target, Facts) {
    let (mut target, mut facts) = (Target::Standalone, Facts::default());
    for line in text.lines().take_while(|line| line.starts_with('#')) {
        if let Some(word) = line.strip_prefix("# target: ") {
            target = match word {
                "standalone" => Target::Standalone,
                "cluster" => Target::Cluster,
                other => panic!("no such target: {other}"),
            };
        }
        if let Some(fact) = line.strip_prefix("# fact: ") {
            take_fact(fact, &mut facts);
        }
    }
    (target, facts)
}

fn take_fact(fact: &str, facts: &mut Facts) {
    let (word, rest) = fact.split_once(' ').unwrap();
    let (first, more) = rest.split_once(' ').unwrap_or((rest, ""));
    match word {
        "applied" => {
            facts.applied = match rest {
                "assumed" => Applied::Assumed,
                "pending" => Applied::Pending,
                "acknowledged" => Applied::Acknowledged,
                other => panic!("no such state: {other}"),
            }
        }
        "coverage" => facts.coverage = Coverage::Whole,
        "unbound" => {
            _ = facts
                .unbound
                .insert(first.parse().unwrap(), more.to_owned())
        }
        "absent" => _ = facts.absent.insert(rest.parse().unwrap()),
        "admin" => facts.admin.push(rest.parse().unwrap()),
        "host" => {
            let known = facts.host_addresses.get_or_insert_default();
            known.extend(
                rest.split_whitespace()
                    .map(|ip| ip.parse::<std::net::IpAddr>().unwrap()),
            );
        }
        "resolved" => {
            let addresses = more.split_whitespace().map(|ip| ip.parse().unwrap());
            facts.resolved.insert(Arc::from(first), addresses.collect());
        }
        "crds" => cluster(facts).bundle.version = Some(rest.to_owned()),
        "channel" => cluster(facts).bundle.channel = Some(rest.to_owned()),
        "address" => {
            fleet(facts, first).addresses = vec![GatewayAddress {
                kind: "IPAddress".to_owned(),
                value: more.to_owned(),
            }];
        }
        "refused" => fleet(facts, first).refused = Some(more.to_owned()),
        "ready" => fleet(facts, first).n_ready = more.parse().unwrap(),
        "missing" => fleet(facts, first).missing = vec![more.to_owned()],
        other => panic!("no such fact: {other}"),
    }
}

fn cluster(facts: &mut Facts) -> &mut ClusterFacts {
    facts.cluster.get_or_insert_default()
}

/// What is known of the proxies of Gateway `default/NAME`.
fn fleet<'f>(facts: &'f mut Facts, name: &str) -> &'f mut GatewayFacts {
    let key = ObjectKey {
        kind: Kind::Gateway,
        namespace: "default".into(),
        name: name.into(),
    };
    cluster(facts).gateways.entry(key).or_default()
}

fn show_tables(out: &mut String, translation: &Translation) {
    let host = std::iter::once((None, &translation.host_table));
    let own = translation
        .tables
        .iter()
        .map(|(key, spec)| (Some(key), spec));
    for (key, spec) in host.chain(own) {
        let built = RoutingTable::build(TableVersion(1), spec, None);
        built.expect("translate gives tables that are closed");
        if let Some(key) = key {
            _ = writeln!(out, "table of {}", key.to_string().replace('`', ""));
        }
        out.push_str(&show::show(spec));
    }
}

fn show_status(out: &mut String, key: &str, status: &Status) {
    match status {
        Status::GatewayClass(status) => {
            show_conditions(out, key, &status.conditions);
            let features = status.supported_features.iter();
            let features: Vec<_> = features.map(|feature| &*feature.name).collect();
            _ = writeln!(out, "{key}: supports {}", features.join(", "));
        }
        Status::Gateway(status) => {
            for address in &status.addresses {
                _ = writeln!(out, "{key}: address {} {}", address.kind, address.value);
            }
            show_conditions(out, key, &status.conditions);
            for listener in &status.listeners {
                let key = format!("{key} {}", listener.name);
                let kinds: Vec<_> = listener.supported_kinds.iter().map(|k| &*k.kind).collect();
                let n_routes = listener.attached_routes;
                _ = writeln!(
                    out,
                    "{key}: {n_routes} attached, kinds [{}]",
                    kinds.join(" ")
                );
                show_conditions(out, &key, &listener.conditions);
            }
        }
        Status::Route(status) => {
            for parent in &status.parents {
                let to = &parent.parent_ref;
                let mut key = format!("{key} at ");
                if let Some(namespace) = &to.namespace {
                    _ = write!(key, "{namespace}/");
                }
                key.push_str(&to.name);
                if let Some(section) = &to.section_name {
                    _ = write!(key, " {section}");
                }
                if let Some(port) = to.port {
                    _ = write!(key, " :{port}");
                }
                show_conditions(out, &key, &parent.conditions);
            }
        }
    }
}

fn show_conditions(out: &mut String, key: &str, conditions: &[Condition]) {
    for condition in conditions {
        assert_eq!(
            condition.last_transition_time, "",
            "translate knows no time"
        );
        let Condition {
            kind,
            status,
            observed_generation,
            reason,
            message,
            ..
        } = condition;
        _ = writeln!(
            out,
            "{key}: {kind}={status:?} {reason} @{observed_generation}: {message}"
        );
    }
}

fn show_diagnostic(out: &mut String, diagnostic: &Diagnostic) {
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let code = diagnostic.code;
    let known = catalog().any(|entry| entry.code == code);
    assert!(known, "{code} has no entry in the catalog");
    let (place, what) = (show_place(&diagnostic.place), &diagnostic.what);
    _ = write!(out, "{severity} {code} {place} {what}");
    if !diagnostic.label.is_empty() {
        _ = write!(out, " | {}", diagnostic.label);
    }
    if let Some(effect) = &diagnostic.effect {
        _ = write!(out, " | effect: {effect}");
    }
    if let Some(help) = &diagnostic.help {
        _ = write!(out, " | help: {help}");
    }
    for (place, words) in &diagnostic.related {
        _ = write!(out, " | {} {words}", show_place(place));
    }
    out.push('\n');
}

fn show_place(place: &Place) -> String {
    let source = place.source.as_deref().unwrap_or("?");
    format!("{source}:{}:{}", place.span.line, place.span.column)
}
