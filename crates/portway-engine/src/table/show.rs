//! A table as text: one fact a line, the same for the same table, made for goldens and people.
//!
//! In: a [`TableSpec`] or the [`RoutingTable`] built from it; both show the same. Out: text.
//!
//! ```text
//! listen edge/web tcp 0.0.0.0:8080 [::]:8080 -> shop/web
//! listen edge/old tcp 0.0.0.0:8090 -> reject no_route
//! route shop/web
//!   70% shop/blue:80 -> 10.0.0.1:80 10.0.0.2:80
//!   30% shop/green:80 -> reject no_endpoint
//! drain shop/web shop/green:80 spread=120s
//! grant shop/* -> db/*
//! ```
//!
//! A share that is no whole percentage is shown as it is: weight by sum, `1/3`. A route without any
//! weight is said to be one: `route shop/web -> reject no_weight`.

use std::fmt;

use super::{
    BackendSpec, Drain, DrainSpec, GrantSpec, Listener, ListenerKey, ListenerSpec, Protocol,
    RejectReason, Route, RouteSpec, RoutingTable, TableSpec, TargetSpec,
};

/// Every listener with its sockets and its route, every route with its backends, then the drains
/// and the grants.
pub fn show(spec: &TableSpec) -> String {
    spec.to_string()
}

impl fmt::Display for RoutingTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_lines(f, &self.listeners)?;
        write_lines(f, &self.routes)?;
        write_lines(f, &self.drains)?;
        write_lines(f, self.grants.as_deref().unwrap_or_default())
    }
}

impl fmt::Display for TableSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_lines(f, &self.listeners)?;
        write_lines(f, &self.routes)?;
        write_lines(f, &self.drains)?;
        write_lines(f, self.grants.as_deref().unwrap_or_default())
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "listen {}", self.name)?;
        let mut protocol = None;
        for key in &self.keys {
            if protocol.replace(key.protocol) != Some(key.protocol) {
                write!(f, " {}", key.protocol)?;
            }
            write!(f, " {}", key.addr)?;
        }
        write_destination(f, self.route.as_ref().map(|it| &*it.name))
    }
}

impl fmt::Display for ListenerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "listen {} {}", self.name, self.protocol)?;
        for addr in &self.binds {
            write!(f, " {addr}")?;
        }
        write_destination(f, self.route.as_deref())
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_route(f, &self.name, &self.backends)
    }
}

impl fmt::Display for RouteSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_route(f, &self.name, &self.backends)
    }
}

impl fmt::Display for BackendSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.name, self.target)
    }
}

impl fmt::Display for TargetSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reject(reason) => write!(f, "reject {reason}"),
            Self::Endpoints(endpoints) => {
                for (i, endpoint) in endpoints.iter().enumerate() {
                    let space = if i == 0 { "" } else { " " };
                    write!(f, "{space}{endpoint}")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for DrainSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "drain {}", self.route)?;
        if let Some(backend) = &self.backend {
            write!(f, " {backend}")?;
        }
        write!(f, " {}", self.drain)
    }
}

impl fmt::Display for GrantSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "grant {}* -> {}*", self.routes, self.backends)
    }
}

impl fmt::Display for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keep => f.write_str("keep"),
            Self::Now => f.write_str("now"),
            Self::Spread(time) if time.subsec_nanos() == 0 => {
                write!(f, "spread={}s", time.as_secs())
            }
            Self::Spread(time) => write!(f, "spread={}ms", time.as_millis()),
        }
    }
}

impl fmt::Display for ListenerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.protocol, self.addr)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
        })
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn write_lines(f: &mut fmt::Formatter<'_>, items: &[impl fmt::Display]) -> fmt::Result {
    items.iter().try_for_each(|item| writeln!(f, "{item}"))
}

fn write_destination(f: &mut fmt::Formatter<'_>, route: Option<&str>) -> fmt::Result {
    match route {
        Some(route) => write!(f, " -> {route}"),
        None => write!(f, " -> reject {}", RejectReason::NoRoute),
    }
}

fn write_route(f: &mut fmt::Formatter<'_>, name: &str, backends: &[BackendSpec]) -> fmt::Result {
    write!(f, "route {name}")?;
    let sum = backends.iter().map(|it| u64::from(it.weight)).sum();
    if sum == 0 {
        write!(f, " -> reject {}", RejectReason::NoWeight)?;
    }
    for backend in backends {
        let weight = u64::from(backend.weight);
        write!(f, "\n  {} {backend}", Share { weight, sum })?;
    }
    Ok(())
}

/// The share of a backend: exact, so a fraction where a percentage would be rounded.
struct Share {
    weight: u64,
    sum: u64,
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { weight, sum } = *self;
        if sum == 0 {
            return f.write_str("0%");
        }
        if (weight * 100).is_multiple_of(sum) {
            return write!(f, "{}%", weight * 100 / sum);
        }
        write!(f, "{weight}/{sum}")
    }
}
