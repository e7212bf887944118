//! What a running instance serves, for people, on 80 columns.
//!
//! In: the JSON of `/api/v1/status`, of this version or another. Out: text: how it is, what is wrong,
//! then the busiest. Never: control characters from names on a terminal.
//!
//! ```text
//! portway 0.1.0 run: ready, up 3h 12m
//! config    version 42, applied 2m ago in 1.2 ms; 0 errors, 1 warning
//! traffic   12 open of 1204 connections; 1.2 MB to backends, 3.4 MB to clients
//! dials     1200 reached, 4 failed
//! workers   2: 6 open, 6 open
//!
//! GATEWAY default/edge
//!   LISTENER      PORT  OPEN   TOTAL      IN     OUT  GETS THEM
//!   sql           5432    12    1204  1.2 MB  3.4 MB  sql
//!   web             80  ✗ PortUnavailable: address already in use
//! ```

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::Value;

use super::page::{COLUMNS, Extent, Page, clean, known, list, number, shortened, whole, word};
use super::paint::Paint;
use super::words::{bytes, count, duration};
use crate::limits::STATUS_ROWS;

/// The status of an instance.
pub(crate) fn show(status: &Value, extent: Extent, paint: Paint) -> String {
    let mut page = Page::new(extent, paint);
    page.head(status);
    page.files(status);
    page.errors(status);
    page.gateways(status);
    page.routes(status);
    page.endpoints(status);
    page.text
}

impl Page {
    fn head(&mut self, status: &Value) {
        let state = word(&status["state"]);
        let state = match &*state {
            "ready" => self.paint.good("ready"),
            other => self.paint.bad(other),
        };
        let age = duration(number(&status["uptimeSeconds"]));
        self.line(&format!(
            "portway {} {}: {state}, up {age}",
            word(&status["version"]),
            word(&status["role"]),
        ));
        self.config(status);
        let traffic = &status["connections"];
        if traffic.is_object() {
            self.line(&format!(
                "traffic   {} open of {}; {} to backends, {} to clients",
                whole(&traffic["open"]),
                count_of(&traffic["accepted"], "connection"),
                bytes(whole(&traffic["bytesToBackend"])),
                bytes(whole(&traffic["bytesToClient"])),
            ));
            self.closed(&traffic["closed"]);
            let dials = &status["dials"];
            let (reached, failed) = (whole(&dials["reached"]), whole(&dials["failed"]));
            self.line(&format!("dials     {reached} reached, {failed} failed"));
            let workers = list(&status["workers"]);
            let open: Vec<String> = workers
                .iter()
                .take(STATUS_ROWS)
                .map(|it| whole(&it["open"]).to_string())
                .collect();
            let more = if workers.len() > STATUS_ROWS {
                ", …"
            } else {
                ""
            };
            let open = open.join(", ");
            self.line(&format!(
                "workers   {}, with {open}{more} open",
                workers.len()
            ));
        }
        self.together(status);
    }

    /// What is served and whose own numbers nobody knows.
    fn together(&mut self, status: &Value) {
        let together = &status["countedTogether"];
        let kinds = [("listeners", "listener"), ("endpoints", "endpoint")];
        let such = kinds
            .into_iter()
            .filter(|(field, _)| whole(&together[field]) > 0);
        let such: Vec<String> = such
            .map(|(field, one)| count_of(&together[field], one))
            .collect();
        if !such.is_empty() {
            let such = such.join(" and ");
            let told = format!("{such} beyond the bound of series: only their sum is known");
            self.sentence_after("together  ", 10, &told);
        }
    }

    /// Ends that were none in order, by how often.
    fn closed(&mut self, closed: &Value) {
        let mut ends: Vec<(&String, u64)> = closed
            .as_object()
            .into_iter()
            .flatten()
            .map(|(reason, n)| (reason, whole(n)))
            .filter(|(reason, _)| *reason != "finished")
            .collect();
        ends.sort_by_key(|(_, n)| Reverse(*n));
        if !ends.is_empty() {
            let ends: Vec<String> = ends
                .iter()
                .map(|(reason, n)| format!("{n} {}", clean(reason)))
                .collect();
            let ends = format!("ended otherwise: {}", ends.join(", "));
            self.wrapped(10, &ends);
        }
    }

    fn config(&mut self, status: &Value) {
        let config = &status["config"];
        let (version, applied) = (whole(&config["version"]), whole(&config["appliedVersion"]));
        let applied = match version == applied {
            true => format!(
                "applied in {:.1} ms",
                number(&config["applySeconds"]) * 1000.0
            ),
            false => self.paint.bad(&format!("workers still have {applied}")),
        };
        let findings = &status["findings"];
        let errors = count_of(&findings["errors"], "error");
        let errors = match whole(&findings["errors"]) {
            0 => errors,
            _ => self.paint.bad(&errors),
        };
        let warnings = count_of(&findings["warnings"], "warning");
        self.line(&format!(
            "config    version {version}, {applied}; {errors}, {warnings}"
        ));
    }

    /// Files that are not used as they are.
    fn files(&mut self, status: &Value) {
        let files = &status["files"];
        let mark = self.paint.bad("✗");
        let unused = list(&files["unused"]);
        let n = self.rows(unused.len());
        for file in unused.iter().take(n) {
            let (name, errors) = (word(&file["file"]), count_of(&file["errors"], "error"));
            let what = match file["holdsWhatItHeld"] == true {
                true => "what it held before stays",
                false => "nothing of it is used",
            };
            self.wrapped(
                2,
                &format!("{mark} {name} is not used as it is, {errors}: {what}"),
            );
        }
        let n_all = usize::try_from(whole(&files["unusedCount"])).unwrap_or(usize::MAX);
        self.more(n_all, n, "such file");
        for cause in list(&files["unread"]).iter().take(STATUS_ROWS) {
            let cause = word(cause);
            self.wrapped(
                2,
                &format!("{mark} {cause}: what it held before, if anything, stays"),
            );
        }
    }

    /// What is wrong in the configuration, and what was last.
    fn errors(&mut self, status: &Value) {
        let findings = &status["findings"];
        let listed = list(&findings["listed"]);
        let errors: Vec<&Value> = listed
            .iter()
            .filter(|it| it["severity"] == "error")
            .collect();
        let n = self.rows(errors.len());
        for finding in errors.iter().take(n) {
            let what = format!("{}: {}", word(&finding["code"]), word(&finding["what"]));
            let mark = self.paint.bad("✗");
            self.wrapped(2, &format!("{mark} {what}"));
            if let Some(place) = finding["where"].as_str() {
                self.line(&format!("    at {}", clean(place)));
            }
        }
        let n_all = usize::try_from(whole(&findings["errors"])).unwrap_or(usize::MAX);
        self.more(n_all, errors.len().min(n), "error");
        let last = &status["config"]["lastError"];
        if last.is_object() && errors.is_empty() {
            let at = word(&last["at"]);
            self.wrapped(2, &format!("last error, at {at}: {}", word(&last["what"])));
            if let Some(place) = last["place"].as_str() {
                self.line(&format!("    at {}", clean(place)));
            }
        }
    }

    /// The more Gateways, the fewer listeners of each.
    fn gateways(&mut self, status: &Value) {
        let gateways = list(&status["gateways"]);
        if gateways.is_empty() && status["role"] == "run" {
            let nothing = self.paint.bad("nothing is served");
            self.line(&format!("{nothing}: no Gateway of ours is in the files"));
        }
        let n = self.rows(gateways.len());
        let n_listeners = (2 * STATUS_ROWS / n.max(1)).clamp(1, STATUS_ROWS);
        for gateway in gateways.iter().take(n) {
            self.gateway(gateway, n_listeners);
        }
        self.more(gateways.len(), n, "gateway");
    }

    fn gateway(&mut self, gateway: &Value, n_listeners: usize) {
        let space = word(&gateway["namespace"]);
        let name = format!("{space}/{}", word(&gateway["name"]));
        self.line("");
        let heading = self.paint.heading(&format!("GATEWAY {name}"));
        self.line(&heading);
        for condition in [&gateway["accepted"], &gateway["programmed"]] {
            if condition["status"] == "False" {
                self.problem(2, condition);
            }
        }
        let mut listeners: Vec<&Value> = list(&gateway["listeners"]).iter().collect();
        let head = format!(
            "  {:<20} {:>5} {:>6} {:>8} {:>8} {:>8}  {}",
            "LISTENER", "PORT", "OPEN", "TOTAL", "IN", "OUT", "GETS THEM"
        );
        let head = self.paint.aside(&head);
        self.line(&head);
        let is_well = |it: &Value| it["fate"] == "serves";
        let n_all = listeners.len();
        let n = match self.extent {
            Extent::All => n_all,
            Extent::WhatMatters => n_all.min(n_listeners),
        };
        self.worst_first(&mut listeners, is_well);
        for listener in listeners.into_iter().take(n) {
            self.listener(listener, &space);
        }
        self.more(n_all, n, "listener");
    }

    fn listener(&mut self, listener: &Value, space: &str) {
        let name = shortened(&word(&listener["name"]), 20);
        let port = whole(&listener["port"]);
        if listener["fate"] == "not_served" {
            let why = format!(
                "{}: {}",
                word(&listener["reason"]),
                word(&listener["message"])
            );
            let mark = self.paint.bad("✗");
            return self.sentence_after(&format!("  {name:<20} {port:>5}  {mark} "), 31, &why);
        }
        let traffic = &listener["connections"];
        let gets = match listener["route"].as_str() {
            Some(route) => shortened(local(&clean(route), space), 17),
            None => self.paint.bad("reset"),
        };
        self.line(&format!(
            "  {name:<20} {port:>5} {:>6} {:>8} {:>8} {:>8}  {gets}",
            known(&traffic["open"], plain),
            known(&traffic["accepted"], plain),
            known(&traffic["bytesToBackend"], bytes),
            known(&traffic["bytesToClient"], bytes),
        ));
        if listener["fate"] == "rejects" {
            self.wrapped(
                6,
                &format!("every connection is reset: {}", word(&listener["message"])),
            );
        }
    }

    fn routes(&mut self, status: &Value) {
        let mut routes: Vec<&Value> = list(&status["routes"]).iter().collect();
        if routes.is_empty() {
            return;
        }
        self.line("");
        let heading = self.paint.heading("ROUTES");
        self.line(&heading);
        let head = format!(
            "  {:<31} {:>6} {:>8}  {}",
            "ROUTE", "OPEN", "TOTAL", "SENDS THEM TO"
        );
        let head = self.paint.aside(&head);
        self.line(&head);
        let n_all = routes.len();
        let n = self.rows(n_all);
        self.worst_first(&mut routes, |it| problems(it).is_empty());
        for route in routes.into_iter().take(n) {
            self.route(route);
        }
        self.more(n_all, n, "route");
    }

    fn route(&mut self, route: &Value) {
        let space = word(&route["namespace"]);
        let name = shortened(&format!("{space}/{}", word(&route["name"])), 31);
        let traffic = &route["connections"];
        let head = format!(
            "  {name:<31} {:>6} {:>8}  ",
            known(&traffic["open"], plain),
            known(&traffic["accepted"], plain),
        );
        let backends = list(&route["backends"]);
        match backends {
            [] => self.line(&format!("{head}{}", self.paint.bad("nothing"))),
            [first, rest @ ..] => {
                let first = self.backend(first, &space);
                self.line(&format!("{head}{first}"));
                for backend in rest {
                    let backend = self.backend(backend, &space);
                    self.line(&format!("{:50}{backend}", ""));
                }
            }
        }
        for condition in problems(route) {
            self.problem(4, condition);
        }
    }

    fn backend(&self, backend: &Value, space: &str) -> String {
        let name = word(&backend["name"]);
        let name = local(&name, space);
        let (weight, sum) = (whole(&backend["weight"]), whole(&backend["weightSum"]));
        let share = match weight == sum {
            true => String::new(),
            false => format!("{}% ", (weight * 100 + sum / 2) / sum.max(1)),
        };
        let all = whole(&backend["endpointCount"]);
        let failing = whole(&backend["failingCount"]);
        let (end, is_well) = match (backend["rejected"].is_string(), failing) {
            (true, _) => ("✗ reset".to_owned(), false),
            (false, 0) => (format!("({all})"), true),
            (false, _) => (format!("({failing}/{all} fail)"), false),
        };
        let left = COLUMNS.saturating_sub(51 + share.len() + end.chars().count());
        let name = shortened(name, left.max(8));
        match is_well {
            true => format!("{share}{name} {end}"),
            false => format!("{share}{name} {}", self.paint.bad(&end)),
        }
    }

    /// Endpoints: those that fail; with everything, all.
    fn endpoints(&mut self, status: &Value) {
        let routes = list(&status["routes"]).iter();
        let backends = routes.flat_map(|it| list(&it["backends"]));
        let endpoints = backends.flat_map(|backend| {
            let endpoints = list(&backend["endpoints"]).iter();
            endpoints.map(move |it| (backend, it))
        });
        let matters = |it: &(&Value, &Value)| self.extent == Extent::All || is_failing(it.1);
        // Routes may share a backend, whose endpoints are then the same.
        let key = |(backend, it): &(&Value, &Value)| (word(&backend["name"]), word(&it["address"]));
        let shown = endpoints.filter(matters).map(|it| (key(&it), it));
        let shown: BTreeMap<_, _> = shown.collect();
        if shown.is_empty() {
            return;
        }
        self.line("");
        let heading = match self.extent {
            Extent::All => "ENDPOINTS",
            Extent::WhatMatters => "ENDPOINTS THAT FAIL",
        };
        let heading = self.paint.heading(heading);
        self.line(&heading);
        let head = format!(
            "  {:<24} {:<8} {:>6} {:>8} {:>7}  {}",
            "ENDPOINT", "HEALTH", "OPEN", "REACHED", "FAILED", "BACKEND"
        );
        let head = self.paint.aside(&head);
        self.line(&head);
        let (n_all, n) = (shown.len(), self.rows(shown.len()));
        for (backend, endpoint) in shown.into_values().take(n) {
            let address = shortened(&word(&endpoint["address"]), 24);
            let health = endpoint["health"].as_str().map_or("-".into(), clean);
            let health = format!("{health:<8}");
            let health = match is_failing(endpoint) {
                true => self.paint.bad(&health),
                false => health,
            };
            self.line(&format!(
                "  {address:<24} {health} {:>6} {:>8} {:>7}  {}",
                known(&endpoint["open"], plain),
                known(&endpoint["reached"], plain),
                known(&endpoint["failedDials"], plain),
                shortened(&word(&backend["name"]), 19),
            ));
        }
        self.more(n_all, n, "endpoint");
    }

    /// Those that are not well, then the busiest; when all are shown, as they stand.
    fn worst_first(&self, things: &mut [&Value], is_well: impl Fn(&Value) -> bool) {
        if self.extent == Extent::All {
            return;
        }
        things.sort_by_cached_key(|it| {
            let traffic = &it["connections"];
            let busy = (whole(&traffic["open"]), whole(&traffic["accepted"]));
            (is_well(it), Reverse(busy))
        });
    }
}

/// Whether the last dial of an endpoint failed.
pub(crate) fn is_failing(endpoint: &Value) -> bool {
    matches!(endpoint["health"].as_str(), Some("avoided" | "failing"))
}

/// The conditions of a route's parents that say what is not as it was meant.
pub(crate) fn problems(route: &Value) -> Vec<&Value> {
    let parents = list(&route["parents"]).iter();
    let conditions = parents.flat_map(|it| {
        // What is not accepted serves nothing either, and one reason is enough.
        let accepted = &it["accepted"];
        match accepted["status"] == "False" {
            true => vec![accepted],
            false => vec![&it["resolvedRefs"], &it["active"]],
        }
    });
    conditions.filter(|it| it["status"] == "False").collect()
}

fn plain(n: u64) -> String {
    n.to_string()
}

fn count_of(value: &Value, one: &str) -> String {
    count(usize::try_from(whole(value)).unwrap_or(usize::MAX), one)
}

/// A name without the kind of the only kind of route, and without the namespace if it is `space`.
pub(crate) fn local<'a>(name: &'a str, space: &str) -> &'a str {
    let name = name.strip_prefix("TCPRoute ").unwrap_or(name);
    let rest = name.strip_prefix(space);
    rest.and_then(|rest| rest.strip_prefix('/')).unwrap_or(name)
}

#[cfg(test)]
mod tests;
