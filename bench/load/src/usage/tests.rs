//! What `usage` promises.

use super::{Stat, Usage, field_kib, machine};

#[test]
fn the_machines_time_is_what_is_not_idle() {
    let stat = "cpu  100 0 50 1000 20 3 7 11 0 0\ncpu0 1 2 3\ncpu1 1 2 3\nintr 5\n";
    let usage = machine(stat);
    assert_eq!((usage.idle, usage.softirq, usage.steal), (10.2, 0.1, 0.11));
    let later = Usage {
        elapsed: 1.0,
        idle: 11.2,
        ..usage.clone()
    };
    let since = later.since(&usage);
    assert_eq!(
        (since["capacity"].as_f64(), since["busy"].as_f64()),
        (Some(2.0), Some(1.0))
    );
}

#[test]
fn a_name_with_parentheses_does_not_shift_the_fields() {
    let line = "42 (a) b (c)) S 2 1 1 0 -1 0 0 0 0 0 300 200 50 25 20 0 1 0 5";
    let stat = Stat::parse(line).unwrap();
    assert_eq!(
        (stat.own, stat.of_children, stat.is_of_the_kernel),
        (5.0, 0.75, true)
    );
}

#[test]
fn memory_is_read_by_name() {
    let status = "Name:\tx\nRssAnon:\t    1234 kB\nRssFile:\t 7 kB\n";
    assert_eq!(field_kib(status, "RssAnon:"), 1234);
    assert_eq!(field_kib(status, "VmSwap:"), 0);
}
