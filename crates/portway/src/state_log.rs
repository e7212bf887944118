//! Each change of state once, with its cause.
//!
//! In: `Statuses` after each translation. Out: log lines about conditions that differ from the
//! time before, about sockets of a listener that do, and about what is gone; at the first time good
//! ones are told only where they mean that traffic flows.
//! Never: the same line twice.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use portway_control::api::Kind;
use portway_control::origin::ObjectKey;
use portway_control::status::reason::{self, kind};
use portway_control::status::{Condition, ConditionStatus, Status};
use portway_control::translate::Translation;
use tracing::{info, warn};

/// Remembers what was told.
#[derive(Debug, Default)]
pub(crate) struct StateLog {
    told: State,
}

/// What is told of.
#[derive(Debug, Clone, Default)]
struct State {
    translation: Arc<Translation>,
    /// Sockets that listen nowhere.
    absent: BTreeSet<SocketAddr>,
}

/// What a condition is about, and its type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Subject<'s> {
    what: What,
    /// Name for people, as tables and logs have it.
    name: String,
    condition: &'s str,
}

/// Conditions, by what they are about.
type Verdicts<'s> = BTreeMap<Subject<'s>, Verdict<'s>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    // In the order a gateway comes up.
    Class,
    Listener,
    Route,
    Gateway,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Verdict<'s> {
    status: ConditionStatus,
    reason: &'s str,
    message: &'s str,
    /// Of a listener that is served.
    sockets: Box<[SocketAddr]>,
}

impl StateLog {
    /// Tells what is different now. Sockets that are `absent` listen nowhere.
    pub(crate) fn tell(&mut self, translation: &Arc<Translation>, absent: &BTreeSet<SocketAddr>) {
        let next = State {
            translation: Arc::clone(translation),
            absent: absent.clone(),
        };
        let keys = next.differing(&self.told);
        let (before, now) = (self.told.verdicts(&keys), next.verdicts(&keys));
        for (subject, verdict) in &now {
            let before = before.get(subject);
            let is_told = before == Some(verdict) || follows(subject, verdict, &now);
            if !is_told && is_news(subject, verdict, before.is_none()) {
                tell_one(subject, verdict);
            }
        }
        let gone = before.keys().filter(|it| !now.contains_key(*it));
        for subject in gone.filter(|it| it.condition == kind::ACCEPTED) {
            info!(name = subject.name, "{}", gone_phrase(subject.what));
        }
        self.told = next;
    }
}

impl State {
    /// The objects of which this says something else than `before`.
    fn differing<'s>(&'s self, before: &'s Self) -> BTreeSet<&'s ObjectKey> {
        let (ours, theirs) = (&self.translation, &before.translation);
        let sockets = |of: &'s Self| (&of.translation.host_table.listeners, &of.absent);
        let is_elsewhere = sockets(self) != sockets(before);
        let changed = ours.statuses.iter().filter(|(key, status)| {
            theirs.statuses.get(*key) != Some(*status) || is_elsewhere && key.kind == Kind::Gateway
        });
        let gone = theirs.statuses.keys();
        let gone = gone.filter(|key| !ours.statuses.contains_key(*key));
        changed.map(|(key, _)| key).chain(gone).collect()
    }

    /// What it says of these objects.
    fn verdicts(&self, keys: &BTreeSet<&ObjectKey>) -> Verdicts<'_> {
        let mut all = Verdicts::new();
        if keys.is_empty() {
            return all;
        }
        let listeners = self.translation.host_table.listeners.iter();
        let sockets = listeners.map(|it| (&*it.name, &*it.binds)).collect();
        for (key, status) in keys
            .iter()
            .filter_map(|it| self.translation.statuses.get_key_value(*it))
        {
            collect_all(&mut all, key, status, (&sockets, &self.absent));
        }
        all
    }
}

/// Whether anybody wants to know: every change, and at first what is bad or means traffic.
fn is_news(subject: &Subject<'_>, verdict: &Verdict<'_>, at_first: bool) -> bool {
    let means_traffic = matches!(subject.condition, kind::PROGRAMMED | kind::ACTIVE);
    match verdict.status {
        // What was never True is `Programmed` Unknown until the workers have it: no news.
        ConditionStatus::Unknown => !at_first,
        ConditionStatus::True => !at_first || means_traffic,
        ConditionStatus::False => true,
    }
}

/// Whether it goes without saying: what is not accepted is not programmed either.
fn follows(subject: &Subject<'_>, verdict: &Verdict<'_>, now: &Verdicts<'_>) -> bool {
    let is_accepted = || {
        let accepted = Subject {
            condition: kind::ACCEPTED,
            ..subject.clone()
        };
        now.get(&accepted).map(|it| it.status)
    };
    subject.condition == kind::PROGRAMMED
        && verdict.status == ConditionStatus::False
        && is_accepted() == Some(ConditionStatus::False)
}

fn tell_one(subject: &Subject<'_>, verdict: &Verdict<'_>) {
    let phrase = phrase(subject, verdict);
    let Subject {
        name, condition, ..
    } = subject;
    let Verdict {
        reason,
        message,
        sockets,
        ..
    } = verdict;
    if verdict.status != ConditionStatus::True {
        let status = format!("{condition}={:?}", verdict.status);
        warn!(name, status, reason = *reason, cause = *message, "{phrase}");
        return;
    }
    // As `0.0.0.0:8080 [::]:8080`.
    let sockets: Vec<String> = sockets.iter().map(SocketAddr::to_string).collect();
    let sockets = (!sockets.is_empty()).then(|| sockets.join(" "));
    info!(name, sockets, reason = *reason, "{phrase}");
}

fn phrase(subject: &Subject<'_>, verdict: &Verdict<'_>) -> &'static str {
    let is_true = verdict.status == ConditionStatus::True;
    match (subject.what, subject.condition, is_true) {
        (What::Listener, kind::PROGRAMMED, true) => "listener bound and programmed",
        (What::Listener, kind::PROGRAMMED, false) => "listener not programmed",
        (What::Listener, kind::ACCEPTED, false) => "listener not accepted",
        (What::Listener, ..) => "listener changed",
        (What::Route, kind::ACTIVE, true) => "route serving",
        (What::Route, kind::ACTIVE, false) if verdict.reason == reason::SUPERSEDED => {
            "route superseded"
        }
        (What::Route, kind::ACTIVE, false) => "route not serving",
        (What::Route, kind::ACCEPTED, false) => "route not accepted",
        (What::Route, kind::RESOLVED_REFS, false) => "route with unresolved references",
        (What::Route, ..) => "route changed",
        (What::Gateway, kind::PROGRAMMED, true) => "gateway programmed",
        (What::Gateway, kind::PROGRAMMED, false) => "gateway not programmed",
        (What::Gateway, kind::ACCEPTED, false) => "gateway not accepted",
        (What::Gateway, ..) => "gateway changed",
        (What::Class, ..) => "gateway class changed",
    }
}

fn gone_phrase(what: What) -> &'static str {
    match what {
        What::Class => "gateway class gone",
        What::Listener => "listener gone",
        What::Route => "route gone",
        What::Gateway => "gateway gone",
    }
}

/// Notes all that is said of an object.
fn collect_all<'s>(
    all: &mut Verdicts<'s>,
    key: &ObjectKey,
    status: &'s Status,
    sockets: (&BTreeMap<&str, &[SocketAddr]>, &BTreeSet<SocketAddr>),
) {
    let name = match &*key.namespace {
        "" => key.name.to_string(),
        namespace => format!("{namespace}/{}", key.name),
    };
    match status {
        Status::GatewayClass(class) => collect(all, What::Class, &name, &class.conditions),
        Status::Gateway(gateway) => {
            collect(all, What::Gateway, &name, &gateway.conditions);
            for listener in &gateway.listeners {
                let name = format!("{name}/{}", listener.name);
                collect(all, What::Listener, &name, &listener.conditions);
                serve(all, name, sockets);
            }
        }
        Status::Route(route) => {
            for parent in &route.parents {
                let to = &parent.parent_ref;
                let section = to.section_name.as_ref().map(|it| format!("/{it}"));
                let port = to.port.map(|it| format!(" port {it}"));
                let (section, port) = (section.unwrap_or_default(), port.unwrap_or_default());
                // Of its own namespace unless it says another.
                let namespace = to.namespace.as_ref().map(|it| format!("{it}/"));
                let gateway = namespace.unwrap_or_default() + &to.name;
                let name = format!("{name} at {gateway}{section}{port}");
                collect(all, What::Route, &name, &parent.conditions);
            }
        }
    }
}

fn collect<'s>(all: &mut Verdicts<'s>, what: What, name: &str, conditions: &'s [Condition]) {
    for condition in conditions {
        let subject = Subject {
            what,
            name: name.to_owned(),
            condition: &condition.kind,
        };
        let verdict = Verdict {
            status: condition.status,
            reason: &condition.reason,
            message: &condition.message,
            sockets: Box::default(),
        };
        all.insert(subject, verdict);
    }
}

/// Notes the sockets of a listener, if it is served.
fn serve(
    all: &mut Verdicts<'_>,
    name: String,
    (sockets, absent): (&BTreeMap<&str, &[SocketAddr]>, &BTreeSet<SocketAddr>),
) {
    let Some(sockets) = sockets.get(&*name) else {
        return;
    };
    let subject = Subject {
        what: What::Listener,
        name,
        condition: kind::PROGRAMMED,
    };
    if let Some(verdict) = all.get_mut(&subject)
        && verdict.status == ConditionStatus::True
    {
        let open = sockets.iter().filter(|it| !absent.contains(it));
        verdict.sockets = open.copied().collect();
    }
}
