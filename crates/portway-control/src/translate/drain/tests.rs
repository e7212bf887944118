//! Values of the annotation.

use std::time::Duration;

use portway_engine::table::Drain;

use super::parse;

#[test]
fn a_drain_is_read_as_it_is_documented() {
    let spread = |ms| Some(Drain::Spread(Duration::from_millis(ms)));
    let cases = [
        ("keep", Some(Drain::Keep)),
        ("now", Some(Drain::Now)),
        ("spread=120s", spread(120_000)),
        ("spread=1m30s", spread(90_000)),
        ("spread=500ms", spread(500)),
        ("spread=24h", spread(86_400_000)),
        ("spread=0s", spread(0)),
        ("spread=24h1ms", None),
        ("spread=1h1m1s1ms1s", None),
        ("spread=123456s", None),
        ("spread=", None),
        ("spread=s", None),
        ("spread=10", None),
        ("spread=1.5s", None),
        ("spread=1d", None),
        ("spread", None),
        ("Keep", None),
        ("", None),
        ("spread=5s ", None),
        ("spread=9é", None),
    ];
    for (text, want) in cases {
        assert_eq!(parse(text), want, "{text}");
    }
}
