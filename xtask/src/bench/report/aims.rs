//! What Portway is to reach, and whether it did.
//!
//! In: lines of results. Out: a row for each aim: met, short, or not measured. Never: an aim left
//! out because it was missed, or met because nothing was measured.

use std::fmt::Write;

use serde_json::Value;

use super::{counts, figure, tables, title};
use crate::bench::jobs::{self, Job, Unit};
use crate::bench::results::Lines;
use crate::bench::sample::{Spread, measured};
use crate::bench::targets::Kind;

/// One aim, and what was measured.
struct Aim {
    what: String,
    wanted: Wanted,
    /// `None` if it, or what it is compared with, was not measured.
    is: Option<f64>,
    /// The same of each round, least and most.
    rounds: Option<Spread>,
}

/// Which side of a number is good.
#[derive(Clone, Copy)]
enum Wanted {
    AtLeast(f64),
    AtMost(f64),
}

/// A figure of one job with one target, by round.
struct Series(Vec<(u64, f64)>);

/// What is looked at in a sample.
#[derive(Clone, Copy)]
enum Figure {
    Rate,
    /// CPU seconds of the gateway's processes for each GB.
    OwnCpu,
    P50,
    P99,
}

/// How many times another's rate Portway's is to be.
const RATES: [(&Job, Kind, f64); 20] = [
    (&jobs::UP, Kind::Direct, 0.5),
    (&jobs::UP, Kind::Nginx, 1.8),
    (&jobs::UP, Kind::Envoy, 2.2),
    (&jobs::UP, Kind::HaproxyAuto, 2.6),
    (&jobs::UP, Kind::Traefik, 2.6),
    (&jobs::UP, Kind::HaproxySpliced, 1.0),
    (&jobs::DOWN, Kind::Direct, 0.5),
    (&jobs::DOWN, Kind::Nginx, 1.8),
    (&jobs::DOWN, Kind::Envoy, 2.2),
    (&jobs::DOWN, Kind::HaproxyAuto, 2.6),
    (&jobs::DOWN, Kind::Traefik, 2.6),
    (&jobs::DOWN, Kind::HaproxySpliced, 1.0),
    (&jobs::REQUESTS, Kind::Nginx, 1.05),
    (&jobs::REQUESTS, Kind::HaproxyAuto, 1.1),
    (&jobs::REQUESTS, Kind::Envoy, 1.5),
    (&jobs::REQUESTS, Kind::Traefik, 1.5),
    (&jobs::CONNECTS, Kind::HaproxyAuto, 1.12),
    (&jobs::CONNECTS, Kind::Nginx, 1.2),
    (&jobs::CONNECTS, Kind::Envoy, 1.9),
    (&jobs::CONNECTS, Kind::Traefik, 2.4),
];

/// The table of aims.
pub(super) fn section(lines: &Lines, tables: Option<&Lines>) -> String {
    let mut aims: Vec<Aim> = RATES.iter().map(|it| rate(lines, *it)).collect();
    aims.extend([&jobs::UP, &jobs::DOWN].map(|job| own_cpu(lines, job)));
    aims.extend(waits(lines));
    aims.extend(memory(lines));
    aims.push(integrity(lines));
    aims.extend(of_tables(tables));
    let n_met = aims.iter().filter(|it| it.is_met() == Some(true)).count();
    let n_unknown = aims.iter().filter(|it| it.is.is_none()).count();
    let unknown = match n_unknown {
        0 => String::new(),
        n => format!(", {n} not measured"),
    };
    let mut text = format!(
        "\n## Aims\n\n{n_met} of {} are met{unknown}. The verdict is by the medians of all rounds; beside it what \
         single rounds say.\n\n\
         | | wanted | measured | each round: least–most | |\n|---|---|---|---|---|\n",
        aims.len()
    );
    for aim in &aims {
        let _ = writeln!(text, "{}", aim.row());
    }
    text
}

impl Aim {
    fn is_met(&self) -> Option<bool> {
        let is = self.is?;
        Some(match self.wanted {
            Wanted::AtLeast(wanted) => is >= wanted,
            Wanted::AtMost(wanted) => is <= wanted,
        })
    }

    fn row(&self) -> String {
        let (sign, wanted) = match self.wanted {
            Wanted::AtLeast(wanted) => ("≥", wanted),
            Wanted::AtMost(wanted) => ("≤", wanted),
        };
        let verdict = match self.is_met() {
            Some(true) => "met",
            Some(false) => "**short**",
            None => "not measured",
        };
        let is = self.is.map_or("–".to_owned(), |is| beside(is, wanted));
        let (what, wanted) = (&self.what, figure(wanted));
        let rounds = match self.rounds.filter(|it| it.n > 1) {
            Some(Spread { min, max, .. }) => format!("{}–{}", figure(min), figure(max)),
            None => "–".to_owned(),
        };
        format!("| {what} | {sign} {wanted} | {is} | {rounds} | {verdict} |")
    }

    /// One figure by another, by their medians; and the same of each round.
    fn of_ratio(what: &str, wanted: Wanted, ours: &Series, theirs: &Series) -> Self {
        Self {
            what: what.to_owned(),
            wanted,
            is: over(ours.median(), theirs.median()),
            rounds: ours.over(theirs).spread(),
        }
    }

    /// What was measured once.
    fn of_one(what: String, most: f64, is: Option<f64>) -> Self {
        Self {
            what,
            wanted: Wanted::AtMost(most),
            is,
            rounds: None,
        }
    }
}

impl Series {
    fn of(lines: &Lines, job: &Job, kind: Kind, figure: Figure) -> Self {
        let of = |sample: &Value| {
            let round = sample.get("round").and_then(Value::as_u64)?;
            Some((round, figure.of(job.unit, sample.get("load")?)?))
        };
        Self(lines.samples(job.name, kind).filter_map(of).collect())
    }

    /// Each round by the same round of another.
    fn over(&self, other: &Self) -> Self {
        let of = |(round, ours): &(u64, f64)| {
            let (_, theirs) = other.0.iter().find(|it| it.0 == *round)?;
            Some((*round, ours / theirs))
        };
        Self(self.0.iter().filter_map(of).collect())
    }

    fn spread(&self) -> Option<Spread> {
        Spread::of(self.0.iter().map(|it| it.1))
    }

    fn median(&self) -> Option<f64> {
        self.spread().map(|it| it.median)
    }
}

impl Figure {
    fn of(self, unit: Unit, load: &Value) -> Option<f64> {
        let (work, each) = match unit {
            Unit::Bytes => ("/bytes", 1e9),
            _ => ("/units", 1.0),
        };
        let work = || Some(measured(load, work)? / each);
        match self {
            Self::Rate => Some(work()? / measured(load, "/seconds")?),
            Self::OwnCpu => Some(measured(load, "/cpu/gateway")? / work()?),
            Self::P50 => measured(load, "/waits/p50_us"),
            Self::P99 => measured(load, "/waits/p99_us"),
        }
    }
}

/// The first as a figure; with more digits where it would look like the second, and is not.
pub(super) fn beside(is: f64, wanted: f64) -> String {
    let short = figure(is);
    let looks_equal = short == figure(wanted);
    match looks_equal && (is - wanted).abs() > f64::EPSILON {
        true => format!("{is:.4}"),
        false => short,
    }
}

fn over(ours: Option<f64>, theirs: Option<f64>) -> Option<f64> {
    Some(ours? / theirs?)
}

fn rate(lines: &Lines, (job, other, wanted): (&Job, Kind, f64)) -> Aim {
    let of = |kind| Series::of(lines, job, kind, Figure::Rate);
    let what = format!("{}: rate of Portway over {}", job.name, title(other));
    Aim::of_ratio(
        &what,
        Wanted::AtLeast(wanted),
        &of(Kind::Portway),
        &of(other),
    )
}

fn own_cpu(lines: &Lines, job: &Job) -> Aim {
    let own = Series::of(lines, job, Kind::Portway, Figure::OwnCpu);
    Aim {
        what: format!("{}: CPU-s of Portway itself for each GB", job.name),
        wanted: Wanted::AtMost(0.045),
        is: own.median(),
        rounds: own.spread(),
    }
}

fn waits(lines: &Lines) -> Vec<Aim> {
    let p99 = |job, kind| Series::of(lines, job, kind, Figure::P99);
    let p50 = |job, kind| Series::of(lines, job, kind, Figure::P50);
    let (ours, nginx) = (Kind::Portway, Kind::Nginx);
    let most = |what: &str, wanted, ours: &Series, theirs: &Series| {
        Aim::of_ratio(what, Wanted::AtMost(wanted), ours, theirs)
    };
    let requests = p99(&jobs::REQUESTS, ours);
    let round_trip = p50(&jobs::ROUND_TRIP, ours);
    vec![
        most(
            "requests-64: p99 of Portway over nginx",
            1.0,
            &requests,
            &p99(&jobs::REQUESTS, nginx),
        ),
        most(
            "round-trip: p50 of Portway over direct",
            2.0,
            &round_trip,
            &p50(&jobs::ROUND_TRIP, Kind::Direct),
        ),
        most(
            "round-trip: p50 of Portway over nginx",
            1.0,
            &round_trip,
            &p50(&jobs::ROUND_TRIP, nginx),
        ),
        most(
            &format!(
                "requests-64-churn: p99 while files change over quiet{}",
                counts::tables_per_second(lines)
            ),
            1.1,
            &p99(&jobs::CHURN, ours),
            &requests,
        ),
        fairness(lines),
    ]
}

/// How much a bulk stream raises the p99 of small ones, by how much it does with nginx.
fn fairness(lines: &Lines) -> Aim {
    let p99 = |job, kind| Series::of(lines, job, kind, Figure::P99);
    let of = |kind| {
        let beside = p99(&jobs::SMALL_BESIDE_BULK, kind);
        let alone = p99(&jobs::SMALL_ALONE, kind);
        (over(beside.median(), alone.median()), beside.over(&alone))
    };
    let (ours, nginx) = (of(Kind::Portway), of(Kind::Nginx));
    Aim {
        what: "small-beside-bulk: rise of p99 with Portway over rise with nginx".to_owned(),
        wanted: Wanted::AtMost(1.0),
        is: over(ours.0, nginx.0),
        rounds: ours.1.over(&nginx.1).spread(),
    }
}

fn memory(lines: &Lines) -> Vec<Aim> {
    let each = |kind| {
        let loads = lines.loads("idle", kind);
        let bytes = loads.filter_map(|it| measured(it, "/gateway_bytes_each"));
        Some(Spread::of(bytes)?.median / 1024.0)
    };
    let ours = each(Kind::Portway);
    let beside = |other, most| {
        let what = format!("idle: own memory of Portway over {}", title(other));
        Aim::of_one(what, most, over(ours, each(other)))
    };
    vec![
        Aim::of_one("idle: own KiB for each connection".to_owned(), 0.5, ours),
        beside(Kind::HaproxyAuto, 1.0 / 6.0),
        beside(Kind::Envoy, 1.0 / 35.0),
    ]
}

fn integrity(lines: &Lines) -> Aim {
    let load = lines.loads("integrity", Kind::Portway).next();
    let n = load.and_then(|it| measured(it, "/transfers"));
    let bad = load.and_then(|it| it.get("bad")).and_then(Value::as_f64);
    let of = n.map_or_else(String::new, |n| format!(" of {n}"));
    Aim::of_one(format!("integrity: bad transfers{of}"), 0.0, n.and(bad))
}

/// At 5,000 routes of 10 endpoints, one file per route.
fn of_tables(lines: Option<&Lines>) -> Vec<Aim> {
    let is = |it: &&Value| {
        it.get("routes").and_then(Value::as_u64) == Some(5000)
            && it.get("layout").and_then(Value::as_str) == Some("one per route")
    };
    let table = lines.and_then(|it| it.of_kind("table").find(is));
    let starts = table.and_then(tables::starts);
    let change = table.and_then(|it| measured(it, "/change_ms/median"));
    let rss = |name| Some(measured(table?, name)? / 1e6);
    let rss = rss("/rss_bytes").zip(rss("/rss_bytes_later"));
    // What is gone uses no CPU time either; memory shows that it was there. Less than none is
    // that of threads which ended.
    let idle = table
        .and_then(|it| it.get("idle_cpu"))
        .and_then(Value::as_f64);
    let idle = rss.and(idle).filter(|it| *it >= 0.0).map(|it| it * 100.0);
    let name = |what: &str| format!("5,000 routes: {what}");
    let from_nothing = Aim {
        what: name("from nothing, ms"),
        wanted: Wanted::AtMost(1000.0),
        is: starts.map(|it| it.median),
        rounds: starts,
    };
    vec![
        from_nothing,
        Aim::of_one(name("one change, ms"), 20.0, change),
        Aim::of_one(
            name("RSS before or after changes, whichever is more, MB"),
            80.0,
            rss.map(|(before, after)| before.max(after)),
        ),
        Aim::of_one(name("CPU while idle, %"), 0.0, idle),
    ]
}
