//! Sentences that several steps say.
//!
//! In: names and weights. Out: text. Never: a finding of its own.

use std::fmt::Display;

use crate::api::RouteGroupKind;
use crate::limits::{NAMES_SHOWN_MAX, SHARE_DENOMINATOR_MAX};

/// `` `a`, `b` and `c` ``; a long list ends in "and 5 more".
pub(super) fn names<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let mut items: Vec<String> = items.into_iter().map(|item| format!("`{item}`")).collect();
    if items.len() > NAMES_SHOWN_MAX {
        let n_more = items.len() - NAMES_SHOWN_MAX;
        items.truncate(NAMES_SHOWN_MAX);
        items.push(format!("{n_more} more"));
    }
    match items.pop() {
        None => String::new(),
        Some(last) if items.is_empty() => last,
        Some(last) => format!("{} and {last}", items.join(", ")),
    }
}

/// `listener` or `listeners` and their names.
pub(super) fn listeners<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<T> = items.into_iter().collect();
    let noun = if items.len() == 1 {
        "listener"
    } else {
        "listeners"
    };
    format!("{noun} {}", names(items))
}

/// `TCPRoute`, with its group if it is not Gateway API's.
pub(super) fn kind(group: &str, kind: &str) -> String {
    match group {
        crate::api::GATEWAY_GROUP | "" => kind.to_owned(),
        group => format!("{kind}.{group}"),
    }
}

/// [`kind`] of a route kind.
pub(super) fn route_kind(of: &RouteGroupKind) -> String {
    kind(&of.group, &of.kind)
}

/// What it does to the connections of `listeners` that a backend of this share is closed.
pub(super) fn closed_share<T: Display>(weight: u32, sum: u64, listeners: &[T]) -> String {
    let weight = u64::from(weight);
    if weight == 0 {
        return "none: its weight is 0".to_owned();
    }
    if listeners.is_empty() {
        return "none now: no listener gives connections to this route".to_owned();
    }
    let to = self::listeners(listeners);
    if weight == sum {
        return format!("every connection to {to} is closed right after accept");
    }
    let share = share(weight, sum);
    format!("{share} connections to {to} are closed right after accept")
}

/// `40 of 100`, `1 of 3`, or `about 33.33 of 100` where the fraction says nothing to people.
pub(super) fn share(weight: u64, sum: u64) -> String {
    if (weight * 100).is_multiple_of(sum) && sum >= 10 {
        return format!("{} of 100", weight * 100 / sum);
    }
    let divisor = gcd(weight, sum);
    let (part, whole) = (weight / divisor, sum / divisor);
    if whole <= SHARE_DENOMINATOR_MAX {
        return format!("{part} of {whole}");
    }
    let hundredths = weight * 10_000 / sum;
    format!("about {}.{:02} of 100", hundredths / 100, hundredths % 100)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
