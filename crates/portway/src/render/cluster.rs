//! What stands in the statuses of a cluster, for people, on 80 columns.
//!
//! In: the JSON of [`crate::stored`]. Out: text: what is wrong first. Never: control characters from
//! names on a terminal.
//!
//! ```text
//! cluster: 1 Gateway and 2 routes of portway.dev/gateway-controller, no problems
//!
//! GATEWAY default/edge, of class portway, at 172.30.1.1
//!   LISTENER              PORT PROTOCOL  ROUTES
//!   sql                   5432 TCP            2
//!   web                     80 HTTP     ✗ UnsupportedProtocol: …
//! ```

use serde_json::Value;

use super::page::{Extent, Page, list, shortened, whole, word};
use super::paint::Paint;
use super::words::{count, duration};

/// The statuses of a cluster.
pub(crate) fn show(cluster: &Value, extent: Extent, paint: Paint) -> String {
    let mut page = Page::new(extent, paint);
    let (gateways, routes) = (list(&cluster["gateways"]), list(&cluster["routes"]));
    let problems = match n_problems(cluster) {
        0 => paint.good("no problems"),
        n => paint.bad(&count(n, "problem")),
    };
    let whose = word(&cluster["controllerName"]);
    page.wrapped(
        0,
        &format!(
            "cluster: {} and {} of {whose}, {problems}",
            count(gateways.len(), "Gateway"),
            count(routes.len(), "route"),
        ),
    );
    if list(&cluster["classes"]).is_empty() {
        page.wrapped(
            2,
            &format!("no GatewayClass names it: is Portway installed, or is its name not {whose}?"),
        );
    } else if cluster["lead"]["isHeld"] == false {
        let since = match cluster["lead"]["renewedSecondsAgo"].as_f64() {
            Some(seconds) => format!("its Lease was renewed {} ago", duration(seconds)),
            None => "it has no Lease".to_owned(),
        };
        page.wrapped(
            2,
            &format!("no controller leads, {since}: what stands here may be old"),
        );
    }
    show_classless(&mut page, list(&cluster["classless"]));
    let n = page.rows(gateways.len());
    for it in worst_first(gateways, extent, |it| gateway_problems(it) == 0).take(n) {
        gateway(&mut page, it);
    }
    page.more(gateways.len(), n, "gateway");
    show_routes(&mut page, routes);
    page.text
}

/// Gateways that nobody serves: their proxies, if they have any, keep the table they have.
fn show_classless(page: &mut Page, gateways: &[Value]) {
    if gateways.is_empty() {
        return;
    }
    let n = page.rows(gateways.len());
    let names = gateways.iter().take(n).map(|it| {
        let [namespace, name, class] = ["namespace", "name", "class"].map(|field| word(&it[field]));
        format!("{namespace}/{name} ({class})")
    });
    let mut names = names.collect::<Vec<_>>().join(", ");
    if gateways.len() > n {
        names += &format!(" and {} more; --all shows them", gateways.len() - n);
    }
    let does = match gateways.len() {
        1 => "names",
        _ => "name",
    };
    let who = count(gateways.len(), "Gateway");
    page.wrapped(
        2,
        &format!("{who} {does} a class that is not there: {names}"),
    );
}

/// How many Gateways, listeners and routes are not as they were meant; without a class nothing is.
pub(crate) fn n_problems(cluster: &Value) -> usize {
    let n_absent = usize::from(list(&cluster["classes"]).is_empty());
    let gateways = list(&cluster["gateways"]).iter().map(gateway_problems);
    let routes = list(&cluster["routes"]).iter();
    let routes = routes.filter(|it| !route_problems(it).is_empty());
    let n_classless = list(&cluster["classless"]).len();
    n_absent + n_classless + gateways.sum::<usize>() + routes.count()
}

fn gateway_problems(gateway: &Value) -> usize {
    let listeners = list(&gateway["listeners"]).iter();
    let listeners = listeners.filter(|it| listener_problem(it).is_some());
    usize::from(gateway_problem(gateway).is_some()) + listeners.count()
}

fn gateway_problem(gateway: &Value) -> Option<&Value> {
    first_untrue([&gateway["accepted"], &gateway["programmed"]])
}

fn listener_problem(listener: &Value) -> Option<&Value> {
    let accepted_first = [
        &listener["accepted"],
        &listener["resolvedRefs"],
        &listener["programmed"],
    ];
    first_untrue(accepted_first)
}

/// The first that is not as it was meant, for each parent.
fn route_problems(route: &Value) -> Vec<&Value> {
    let parents = list(&route["parents"]).iter();
    let problem = |parent: &'_ Value| -> Option<&'static str> {
        let fields = ["accepted", "resolvedRefs", "active"].into_iter();
        let mut told = fields.filter(|field| parent[*field].is_object());
        told.find(|field| is_untrue(&parent[*field]))
    };
    let found = parents.filter_map(|parent| problem(parent).map(|field| &parent[field]));
    found.collect()
}

/// What is not accepted serves nothing either, and one reason is enough.
fn first_untrue<const N: usize>(conditions: [&Value; N]) -> Option<&Value> {
    conditions.into_iter().find(|it| is_untrue(it))
}

fn is_untrue(condition: &Value) -> bool {
    condition["status"] != "True"
}

fn worst_first(
    things: &[Value],
    extent: Extent,
    is_well: impl Fn(&Value) -> bool,
) -> impl Iterator<Item = &Value> {
    let mut things: Vec<&Value> = things.iter().collect();
    if extent == Extent::WhatMatters {
        things.sort_by_cached_key(|it| is_well(it));
    }
    things.into_iter()
}

fn gateway(page: &mut Page, gateway: &Value) {
    let name = format!("{}/{}", word(&gateway["namespace"]), word(&gateway["name"]));
    let addresses: Vec<String> = list(&gateway["addresses"]).iter().map(word).collect();
    let at = match addresses.is_empty() {
        true => "without an address".to_owned(),
        false => format!("at {}", addresses.join(", ")),
    };
    page.line("");
    let heading = page.paint.heading(&format!("GATEWAY {name}"));
    page.line(&format!(
        "{heading}, of class {}, {at}",
        word(&gateway["class"])
    ));
    if let Some(problem) = gateway_problem(gateway) {
        page.problem(2, problem);
    }
    let head = format!(
        "  {:<20} {:>5} {:<8} {:>6}",
        "LISTENER", "PORT", "PROTOCOL", "ROUTES"
    );
    let head = page.paint.aside(&head);
    page.line(&head);
    let listeners = list(&gateway["listeners"]);
    let n = page.rows(listeners.len());
    let is_well = |it: &Value| listener_problem(it).is_none();
    for listener in worst_first(listeners, page.extent, is_well).take(n) {
        let head = format!(
            "  {:<20} {:>5} {:<8}",
            shortened(&word(&listener["name"]), 20),
            whole(&listener["port"]),
            shortened(&word(&listener["protocol"]), 8),
        );
        match listener_problem(listener) {
            None => page.line(&format!("{head} {:>6}", whole(&listener["attachedRoutes"]))),
            Some(problem) => {
                let why = format!(
                    "{}: {}",
                    word(&problem["reason"]),
                    word(&problem["message"])
                );
                let mark = page.paint.bad("✗");
                page.sentence_after(&format!("{head} {mark} "), 40, &why);
            }
        }
    }
    page.more(listeners.len(), n, "listener");
}

fn show_routes(page: &mut Page, routes: &[Value]) {
    if routes.is_empty() {
        return;
    }
    page.line("");
    let heading = page.paint.heading("ROUTES");
    page.line(&heading);
    let head = page
        .paint
        .aside(&format!("  {:<37}  {}", "ROUTE", "ATTACHED TO"));
    page.line(&head);
    let n = page.rows(routes.len());
    let is_well = |it: &Value| route_problems(it).is_empty();
    for route in worst_first(routes, page.extent, is_well).take(n) {
        let space = word(&route["namespace"]);
        let name = shortened(&format!("{space}/{}", word(&route["name"])), 37);
        let mut head = format!("  {name:<37}  ");
        for parent in list(&route["parents"]) {
            let mark = match is_untrue(&parent["accepted"]) {
                true => page.paint.bad("✗ "),
                false => String::new(),
            };
            page.line(&format!(
                "{head}{mark}{}",
                shortened(&place(parent, &space), 37)
            ));
            head = format!("{:41}", "");
        }
        for problem in route_problems(route) {
            page.problem(4, problem);
        }
    }
    page.more(routes.len(), n, "route");
}

/// What a route attaches to, as short as it can be said.
fn place(parent: &Value, space: &str) -> String {
    let namespace = word(&parent["namespace"]);
    let mut place = match namespace.is_empty() || namespace == space {
        true => word(&parent["name"]),
        false => format!("{namespace}/{}", word(&parent["name"])),
    };
    let section = word(&parent["sectionName"]);
    if !section.is_empty() {
        place += &format!(" {section}");
    }
    if let Some(port) = parent["port"].as_u64() {
        place += &format!(" :{port}");
    }
    place
}
