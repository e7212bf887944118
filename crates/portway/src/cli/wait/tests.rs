//! What is a wait, and what is none.

use expect_test::{Expect, expect};

use super::{parse, parse_dial, parse_some};

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
fn where_something_must_happen_zero_is_no_wait() {
    for zero in ["0s", "0ms", "000h"] {
        let want = "a wait of zero: nothing could happen in it";
        assert_eq!(parse_some(zero), Err(want.to_owned()), "{zero}");
    }
    assert_eq!(parse_some("1ms"), parse("1ms"));
    assert_eq!(parse_some("x"), parse("x"));
}

#[test]
fn a_wait_is_at_most_a_day() {
    check("24h", &expect!["86400s"]);
    check("25h", &expect!["longer than a day"]);
    check("18446744073709551615h", &expect!["longer than a day"]);
}

#[test]
fn a_dial_leaves_time_for_another() {
    assert_eq!(parse_dial("9999ms"), parse("9999ms"));
    for wrong in ["10s", "10000ms", "1m"] {
        let told = parse_dial(wrong).unwrap_err();
        assert!(told.starts_with("not below the 10s"), "{told}");
    }
    assert_eq!(parse_dial("0s"), parse_some("0s"));
}
