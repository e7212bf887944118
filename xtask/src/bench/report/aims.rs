//! What Portway is to reach, and whether it did.
//!
//! In: lines of results. Out: a row for each aim, met or not. Never: an aim left out because it was
//! missed.

use std::fmt::Write;

use super::{figure, title};
use crate::bench::jobs::{self, Job};
use crate::bench::results::Lines;
use crate::bench::sample::{Figures, Spread, number, ratio};
use crate::bench::targets::Kind;

/// One aim, and what was measured.
struct Aim {
    what: String,
    wanted: f64,
    is: f64,
    /// Less is better.
    at_most: bool,
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
pub(super) fn section(lines: &Lines) -> String {
    let mut aims: Vec<Aim> = RATES
        .iter()
        .filter_map(|(job, other, wanted)| rate(lines, job, *other, *wanted))
        .collect();
    aims.extend(own_cpu(lines));
    aims.extend(waits(lines));
    aims.extend(memory(lines));
    aims.extend(integrity(lines));
    let n_met = aims.iter().filter(|it| it.is_met()).count();
    let mut text = format!(
        "\n## Aims\n\n{n_met} of {} are met.\n\n| | wanted | measured | |\n|---|---|---|---|\n",
        aims.len()
    );
    for aim in &aims {
        let sign = if aim.at_most { "≤" } else { "≥" };
        let verdict = if aim.is_met() { "met" } else { "**short**" };
        let (wanted, is) = (figure(aim.wanted), figure(aim.is));
        let _ = writeln!(
            text,
            "| {} | {sign} {wanted} | {is} | {verdict} |",
            aim.what
        );
    }
    text
}

impl Aim {
    fn is_met(&self) -> bool {
        match self.at_most {
            true => self.is <= self.wanted,
            false => self.is >= self.wanted,
        }
    }
}

fn median(lines: &Lines, job: &Job, kind: Kind, of: fn(&Figures) -> f64) -> Option<f64> {
    let figures = lines.figures(job, kind);
    Spread::of(figures.iter().map(of)).map(|it| it.median)
}

fn rate(lines: &Lines, job: &Job, other: Kind, wanted: f64) -> Option<Aim> {
    let ours = median(lines, job, Kind::Portway, |it| it.rate)?;
    let theirs = median(lines, job, other, |it| it.rate)?;
    Some(Aim {
        what: format!("{}: rate of Portway over {}", job.name, title(other)),
        wanted,
        is: ratio(ours, theirs),
        at_most: false,
    })
}

fn own_cpu(lines: &Lines) -> Vec<Aim> {
    let of = |job: &Job| {
        let is = median(lines, job, Kind::Portway, |it| it.own)?;
        let what = format!("{}: CPU-s of Portway itself for each GB", job.name);
        Some(at_most(what, 0.045, is))
    };
    [&jobs::UP, &jobs::DOWN]
        .into_iter()
        .filter_map(of)
        .collect()
}

fn waits(lines: &Lines) -> Vec<Aim> {
    let p99 = |job, kind| median(lines, job, kind, |it| it.p99_us);
    let p50 = |job, kind| median(lines, job, kind, |it| it.p50_us);
    let over = |what: &str, wanted, ours: Option<f64>, theirs: Option<f64>| {
        Some(at_most(what.to_owned(), wanted, ratio(ours?, theirs?)))
    };
    let rise = |kind| {
        let alone = p99(&jobs::SMALL_ALONE, kind)?;
        Some(ratio(p99(&jobs::SMALL_BESIDE_BULK, kind)?, alone))
    };
    let (ours, nginx) = (Kind::Portway, Kind::Nginx);
    let aims = [
        over(
            "requests-64: p99 of Portway over nginx",
            1.0,
            p99(&jobs::REQUESTS, ours),
            p99(&jobs::REQUESTS, nginx),
        ),
        over(
            "round-trip: p50 of Portway over direct",
            2.0,
            p50(&jobs::ROUND_TRIP, ours),
            p50(&jobs::ROUND_TRIP, Kind::Direct),
        ),
        over(
            "round-trip: p50 of Portway over nginx",
            1.0,
            p50(&jobs::ROUND_TRIP, ours),
            p50(&jobs::ROUND_TRIP, nginx),
        ),
        over(
            "requests-64-churn: p99 while files change over quiet",
            1.1,
            p99(&jobs::CHURN, ours),
            p99(&jobs::REQUESTS, ours),
        ),
        over(
            "small-beside-bulk: rise of p99 with Portway over rise with nginx",
            1.0,
            rise(ours),
            rise(nginx),
        ),
    ];
    aims.into_iter().flatten().collect()
}

fn memory(lines: &Lines) -> Option<Aim> {
    let load = lines.loads("idle", Kind::Portway).next()?;
    let is = number(load, "/gateway_bytes_each") / 1024.0;
    Some(at_most(
        "idle: own KiB for each connection".to_owned(),
        0.5,
        is,
    ))
}

fn integrity(lines: &Lines) -> Option<Aim> {
    let load = lines.loads("integrity", Kind::Portway).next()?;
    let what = format!("integrity: bad transfers of {}", number(load, "/transfers"));
    Some(at_most(what, 0.0, number(load, "/bad")))
}

fn at_most(what: String, wanted: f64, is: f64) -> Aim {
    Aim {
        what,
        wanted,
        is,
        at_most: true,
    }
}
