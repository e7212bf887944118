//! Waits as people write them: `5s`, `300ms`, `2m`, `1h`.

use std::time::Duration;

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

fn expected() -> String {
    "expected a number and a unit: 300ms, 5s, 2m or 1h".to_owned()
}

#[cfg(test)]
mod tests {
    //! What is a wait, and what is none.

    use expect_test::{Expect, expect};

    use super::parse;

    fn check(text: &str, want: &Expect) {
        want.assert_eq(&match parse(text) {
            Ok(wait) => format!("{wait:?}"),
            Err(error) => error,
        });
    }

    #[test]
    fn a_wait_has_a_number_and_a_unit() {
        check("5s", &expect!["5s"]);
        check("300ms", &expect!["300ms"]);
        check("2m", &expect!["120s"]);
        check("1h", &expect!["3600s"]);
        check("0s", &expect!["0ns"]);
        for wrong in ["", "5", "s", "-5s", "5 s", "5d", "1.5s", "５s"] {
            let want = "expected a number and a unit: 300ms, 5s, 2m or 1h";
            assert_eq!(parse(wrong), Err(want.to_owned()), "{wrong:?}");
        }
    }

    #[test]
    fn a_wait_is_at_most_a_day() {
        check("24h", &expect!["86400s"]);
        check("25h", &expect!["longer than a day"]);
        check("18446744073709551615h", &expect!["longer than a day"]);
    }
}
