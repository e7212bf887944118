//! What one sample says, and how several become one number.
//!
//! In: lines of JSON, as the load tool and the schedule write them. Out: rates, CPU time for each
//! unit of work, waits. Never: a mean; the median of several, beside their extremes.

use serde_json::Value;

use super::jobs::Unit;

/// The figures of one sample that was measured over a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figures {
    /// Gbit/s, or units a second.
    pub(crate) rate: f64,
    /// CPU time of the machine less that of others, for each GB in seconds, for each unit in µs.
    pub(crate) cpu: f64,
    /// CPU time of the gateway's processes, likewise.
    pub(crate) own: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    /// CPU time of others, as a share of the machine, if it was observed.
    pub(crate) noise: Option<f64>,
}

/// Several figures as one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
    pub(crate) n: usize,
}

/// The number at `path`, 0 if there is none: only for what is shown beside others, never for what
/// is to be small.
pub(crate) fn number(value: &Value, path: &str) -> f64 {
    value.pointer(path).and_then(Value::as_f64).unwrap_or(0.0)
}

/// The number at `path`, if one was measured: the load tool counts what it could not read as 0.
pub(crate) fn measured(value: &Value, path: &str) -> Option<f64> {
    let found = value.pointer(path).and_then(Value::as_f64);
    found.filter(|it| *it > 0.0)
}

impl Figures {
    /// What the load tool's result comes to.
    pub(crate) fn of(unit: Unit, load: &Value) -> Self {
        let seconds = number(load, "/seconds");
        let (rate_of, work) = match unit {
            Unit::Bytes => (
                number(load, "/bytes") * 8.0 / 1e9,
                number(load, "/bytes") / 1e9,
            ),
            _ => (number(load, "/units"), number(load, "/units") / 1e6),
        };
        let cpu = number(load, "/cpu/busy") - number(load, "/cpu/others");
        Self {
            rate: ratio(rate_of, seconds),
            cpu: ratio(cpu, work),
            own: ratio(number(load, "/cpu/gateway"), work),
            p50_us: number(load, "/waits/p50_us"),
            p99_us: number(load, "/waits/p99_us"),
            p999_us: number(load, "/waits/p999_us"),
            noise: noise(load),
        }
    }
}

/// CPU time of others, as a share of the machine, while a sample was taken; `None` if nobody
/// looked.
pub(crate) fn noise(load: &Value) -> Option<f64> {
    let capacity = measured(load, "/cpu/capacity")?;
    let others = number(load, "/cpu/others") + number(load, "/cpu/steal");
    Some(others / capacity)
}

/// One over the other, 0 if there is no other.
pub(crate) fn ratio(over: f64, under: f64) -> f64 {
    if under == 0.0 { 0.0 } else { over / under }
}

impl Spread {
    /// Of all these; `None` if there are none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let n = values.len();
        let (min, max) = (*values.first()?, *values.last()?);
        let (low, high) = (values.get((n - 1) / 2)?, values.get(n / 2)?);
        let median = f64::midpoint(*low, *high);
        Some(Self {
            min,
            median,
            max,
            n,
        })
    }
}

#[cfg(test)]
mod tests;
