//! Waits as people write them: `5s`, `300ms`, `2m`, `1h`.

use std::time::Duration;

use portway_engine::limits::DIAL_TOTAL_TIMEOUT;

use crate::limits::WAIT_MAX;

/// Reads a wait, for clap.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = &text[digits.len()..];
    let number: u64 = digits.parse().map_err(|_| expected())?;
    let millis = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1000),
        "m" => number.checked_mul(60 * 1000),
        "h" => number.checked_mul(60 * 60 * 1000),
        _ => return Err(expected()),
    };
    match millis.map(Duration::from_millis) {
        Some(wait) if wait <= WAIT_MAX => Ok(wait),
        _ => Err("longer than a day".to_owned()),
    }
}

/// Reads a wait that is longer than nothing, for clap.
pub(crate) fn parse_some(text: &str) -> Result<Duration, String> {
    match parse(text)? {
        Duration::ZERO => Err("a wait of zero: nothing could happen in it".to_owned()),
        wait => Ok(wait),
    }
}

/// Reads the longest wait for one dial, for clap.
pub(crate) fn parse_dial(text: &str) -> Result<Duration, String> {
    match parse_some(text)? {
        wait if wait < DIAL_TOTAL_TIMEOUT => Ok(wait),
        _ => {
            let total = DIAL_TOTAL_TIMEOUT.as_secs();
            Err(format!(
                "not below the {total}s for all tries of a connection: a second endpoint would never be tried"
            ))
        }
    }
}

fn expected() -> String {
    "expected a number and a unit: 300ms, 5s, 2m or 1h".to_owned()
}

#[cfg(test)]
mod tests;
