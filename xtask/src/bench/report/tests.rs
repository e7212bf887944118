//! Reports of results that stand here.

use super::{aims, chart, counts, figure, memory_section, noise, settings, summary, tables, worse};
use crate::bench::jobs::{CHURN, UP};
use crate::bench::results::Lines;
use crate::bench::sample::Spread;
use crate::bench::targets::Kind;

/// Two targets, two jobs, two rounds.
fn lines() -> Lines {
    let mut text = String::from(
        "{\"kind\":\"run\",\"date\":\"2026-01-02T03:04:05Z\"}\n\
         {\"kind\":\"target\",\"target\":\"nginx\",\"version\":\"1.2.3\"}\n\
         {\"kind\":\"target\",\"target\":\"portway\",\"version\":\"0.1.0\"}\n",
    );
    let samples = [
        ("portway", 0, 8),
        ("portway", 1, 10),
        ("nginx", 0, 5),
        ("nginx", 1, 4),
    ];
    for (target, round, gigabytes) in samples {
        text += &format!(
            "{{\"kind\":\"sample\",\"target\":\"{target}\",\"job\":\"up\",\"round\":{round},\"load\":{{\"seconds\":1.0,\
             \"bytes\":{gigabytes}000000000,\"cpu\":{{\"busy\":2.0,\"others\":0.2,\"capacity\":2.0,\
             \"gateway\":0.8}}}}}}\n"
        );
    }
    Lines::parse(&text).unwrap()
}

#[test]
fn the_short_table_has_medians_in_the_order_of_targets() {
    let text = summary(&lines());
    let rows: Vec<&str> = text.lines().skip(2).take(2).collect();
    assert_eq!(
        rows,
        [
            "| **Portway** | 72.0 (0.203) | – | – | – |",
            "| nginx | 36.0 (0.405) | – | – | – |"
        ]
    );
}

#[test]
fn an_aim_is_met_or_said_to_be_short() {
    check_aims(
        "",
        &[
            "1 of 35 are met, 33 not measured",
            "| up: rate of Portway over nginx | ≥ 1.80 | 2.00 | 1.60–2.50 | met |",
            "for each GB | ≤ 0.045 | 0.090 | 0.080–0.100 | **short** |",
        ],
    );
}

#[test]
fn a_figure_just_beside_its_aim_does_not_look_equal() {
    let shown =
        [(1.0468, 1.05), (1.05, 1.05), (1.02, 1.05)].map(|(is, wanted)| aims::beside(is, wanted));
    assert_eq!(shown, ["1.0468", "1.05", "1.02"]);
}

#[test]
fn an_aim_without_a_figure_is_not_measured_and_not_met() {
    let idle = |target, bytes: &str| {
        format!(
            "{{\"kind\":\"sample\",\"target\":\"{target}\",\"job\":\"idle\",\"load\":{{{bytes}}}}}\n"
        )
    };
    let each = "\"gateway_bytes_each\":";
    check_aims(
        &(idle("portway", &format!("{each}256")) + &idle("haproxy-auto", &format!("{each}0"))),
        &[
            "| idle: own KiB for each connection | ≤ 0.500 | 0.250 | – | met |",
            "| idle: own memory of Portway over HAProxy, splice-auto | ≤ 0.167 | – | – | not measured |",
            "| integrity: bad transfers | ≤ 0.000 | – | – | not measured |",
        ],
    );
    check_aims(
        &idle("portway", ""),
        &["| idle: own KiB for each connection | ≤ 0.500 | – | – | not measured |"],
    );
}

/// What the table of aims has, for the lines that stand here and these.
fn check_aims(more: &str, wanted: &[&str]) {
    let mut lines = lines();
    lines.append(Lines::parse(more).unwrap());
    let text = aims::section(&lines, None);
    for row in wanted {
        assert!(text.contains(row), "{row}\n{text}");
    }
}

/// The table of 5,000 routes with these fields.
fn table(fields: &str) -> Lines {
    let line = format!(
        "{{\"kind\":\"run\",\"date\":\"a day\",\"commit\":\"c0ffee\",\"kernel\":\"Linux 6\"}}\n\
         {{\"kind\":\"table\",\"routes\":5000,\"layout\":\"one per route\",{fields}}}\n"
    );
    Lines::parse(&line).unwrap()
}

#[test]
fn tables_of_5000_routes_have_four_aims() {
    let rest = "\"change_ms\":{\"min\":5.0,\"median\":21.0,\"max\":30.0,\"n\":20},\
        \"rss_bytes\":70000000,\"rss_bytes_later\":90000000,\"idle_cpu\":0.0";
    let several = table(&format!("\"starts_ms\":[800.0,1200.0,900.0],{rest}"));
    let text = aims::section(&lines(), Some(&several));
    for row in [
        "from nothing, ms | ≤ 1000 | 900 | 800–1200 | met |",
        "one change, ms | ≤ 20.0 | 21.0 | – | **short** |",
        "whichever is more, MB | ≤ 80.0 | 90.0 | – | **short** |",
        "CPU while idle, % | ≤ 0.000 | 0.000 | – | met |",
    ] {
        assert!(text.contains(row), "{row}\n{text}");
    }
    let text = tables::section(&several);
    assert!(text.contains("a day, commit c0ffee, Linux 6."), "{text}");
    let row = "| 900 (800–1200) | 21.0 (5.00–30.0) | 66.8 | 85.8 | 0.00 % |";
    assert!(text.contains(row), "{text}");
    let once = tables::section(&table("\"start_ms\":800.0"));
    assert!(once.contains("| 800 | – | – | – | – |"), "{once}");
}

/// The memory that could not be read any more shows that the gateway was gone.
#[test]
fn a_gateway_that_is_gone_is_not_idle() {
    let gone = table("\"rss_bytes\":70000000,\"rss_bytes_later\":0,\"idle_cpu\":0.0");
    let text = aims::section(&lines(), Some(&gone));
    assert!(text.contains("CPU while idle, % | ≤ 0.000 | – | – | not measured |"));
}

#[test]
fn samples_that_others_disturbed_are_counted() {
    let of = |limit| {
        let it = lines().noise(limit);
        (it.noisy, it.observed, it.unobserved, it.retried)
    };
    assert_eq!(of(0.12), (0, 4, 0, 0));
    assert_eq!(of(0.05), (4, 4, 0, 0));
}

#[test]
fn samples_that_nobody_watched_are_told_and_retries_only_if_there_were_some() {
    let mut lines = lines();
    assert!(!noise(lines.noise(0.12)).contains("again"));
    let more = "{\"kind\":\"sample\",\"tries\":3,\"load\":{\"transfers\":240}}\n";
    lines.append(Lines::parse(more).unwrap());
    let text = noise(lines.noise(0.12));
    let wanted = "0 of 4 samples with more than 12 % of the machine used by others; \
        1 were taken again; 1 more not observed";
    assert_eq!(text, wanted);
}

#[test]
fn a_line_that_is_not_json_is_an_error() {
    assert!(Lines::parse("{\"kind\":\"run\"}\nnot json\n").is_err());
}

#[test]
fn numbers_keep_three_digits() {
    let told = [0.0451, 1.234, 12.34, 123.4, 1234.5, 123_456.0].map(figure);
    assert_eq!(told, ["0.045", "1.23", "12.3", "123", "1234", "123.5k"]);
}

#[test]
fn a_chart_has_a_bar_for_each_target_and_escapes_its_heading() {
    let spread = Spread {
        min: 1.0,
        median: 2.0,
        max: 4.0,
        n: 3,
    };
    let bar = |kind| chart::Bar { kind, spread };
    let svg = chart::draw("a < b", &[bar(Kind::Portway), bar(Kind::Nginx)]);
    assert_eq!(svg.matches("<line").count(), 2);
    assert!(svg.contains("a &lt; b") && svg.contains(">Portway<"));
}

#[test]
fn how_samples_were_taken_is_told_where_results_say() {
    assert_eq!(settings::section(&lines()), "");
    let line = crate::bench::settings(1000, 5, &[&UP]).to_string();
    let text = settings::section(&Lines::parse(&line).unwrap());
    assert!(text.contains("5 rounds; each sample is measured for 1000 ms after 300 ms"));
    assert!(
        text.contains("`net/ipv4/tcp_congestion_control=reno`"),
        "{text}"
    );
    assert!(
        text.contains("| up | `portway-load drive up --conns 8` |"),
        "{text}"
    );
}

#[test]
fn peers_with_shorter_waits_are_named() {
    let line = |target, p99| {
        format!(
            "{{\"kind\":\"sample\",\"job\":\"connects\",\"target\":\"{target}\",\
             \"load\":{{\"waits\":{{\"p99_us\":{p99}}}}}}}\n"
        )
    };
    let all = line("portway", 300.0) + &line("nginx", 200.0) + &line("envoy", 900.0);
    let text = worse::section(&Lines::parse(&all).unwrap());
    assert!(
        text.contains("* connects: p99 300 µs, nginx 200 µs"),
        "{text}"
    );
    assert!(!text.contains("Envoy") && !text.contains("p99.9"), "{text}");
}

/// Of several floods the median; a client that was not served is told in words.
#[test]
fn memory_is_told_of_all_rounds() {
    let line = |target, job, load: &str| {
        format!(
            "{{\"kind\":\"sample\",\"job\":\"{job}\",\"target\":\"{target}\",\"load\":{load}}}\n"
        )
    };
    let idle = |target, kernel: u32| {
        let load = format!(
            "{{\"conns\":8500,\"gateway_bytes_each\":256,\"kernel_bytes_each\":{kernel},\
             \"cpu\":{{\"capacity\":2.0,\"gateway\":0.002}}}}"
        );
        line(target, "idle", &load)
    };
    let flood = |ms: u32, word| {
        let load = format!(
            "{{\"gateway_bytes_most\":1048576,\"next_client_ms\":{ms},\"next_client\":\"{word}\"}}"
        );
        line("portway", "flood", &load)
    };
    let more = line("direct", "idle", "{\"kernel_bytes_each\":8192}")
        + &idle("portway", 14336)
        + &flood(10, "served")
        + &flood(30, "served")
        + &flood(1, "no answer");
    let mut lines = lines();
    lines.append(Lines::parse(&more).unwrap());
    let text = memory_section(&lines);
    let row = "| **Portway** | 8500 | 0.250 | 6.00 | \
        0.100 | 1.00 | 20.0 (10.0–30.0); no answer |";
    assert!(text.contains(row), "{text}");
    assert!(text.contains("| nginx | – | – | – | – | – | – |"), "{text}");
}

#[test]
fn what_was_counted_is_told_where_results_have_it() {
    assert_eq!(counts::tables(&lines(), &CHURN), "");
    assert_eq!(counts::records(&lines()), "");
    let counted = "{\"kind\":\"sample\",\"job\":\"requests-64-churn\",\"target\":\"portway\",\
        \"load\":{\"seconds\":1.0,\"changes\":130,\"tables\":117.0}}\n\
        {\"kind\":\"records\",\"closed\":70000.0,\"dropped\":3.0,\"lines\":69997}\n";
    let counted = Lines::parse(counted).unwrap();
    let tables = counts::tables(&counted, &CHURN);
    assert!(
        tables.contains("Of 130 changes of files in a sample, 117 became"),
        "{tables}"
    );
    assert_eq!(
        counts::tables_per_second(&counted),
        ", 90.0 tables a second"
    );
    assert_eq!(counts::tables_per_second(&lines()), "");
    let records = counts::records(&counted);
    let wanted = "70000 connections closed, 69997 lines, 3 dropped and counted";
    assert!(records.contains(wanted), "{records}");
}
