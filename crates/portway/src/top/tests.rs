//! What is drawn, and how it ends: pictures of statuses, and a terminal that panics.

use std::env;
use std::fmt::Write;
use std::process::Command;
use std::sync::mpsc;

use expect_test::{Expect, expect};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::{Value, json};

use super::picture::draw;
use super::view::{Flow, Top};
use super::{News, start};

#[expect(dead_code, reason = "its other users also look at the picture")]
#[path = "../../tests/it/terminal.rs"]
mod terminal;

/// What is on the screen, without the ends of lines.
fn picture(top: &mut Top, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(top, frame)).unwrap();
    let cells = terminal.backend().buffer().content();
    let mut text = String::new();
    for line in cells.chunks(usize::from(width.max(1))) {
        let line: String = line.iter().map(ratatui::buffer::Cell::symbol).collect();
        _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn check(top: &mut Top, height: u16, wanted: &Expect) {
    wanted.assert_eq(&picture(top, 80, height));
}

fn press(top: &mut Top, codes: &[KeyCode]) -> Flow {
    let mut flow = Flow::GoOn;
    for code in codes {
        flow = top.press(KeyEvent::new(*code, KeyModifiers::NONE));
    }
    flow
}

fn traffic(open: u64, accepted: u64, bytes: u64) -> Value {
    let to_client = 10 * bytes;
    json!({
        "open": open, "accepted": accepted,
        "bytesToBackend": bytes, "bytesToClient": to_client,
    })
}

/// An instance after so many seconds; each second one connection more, and 5 kB more.
fn status(seconds: u64, n_routes: u64) -> Value {
    let listener = |n: u64| {
        let (is_well, traffic) = (n != 2, traffic(n, n * seconds, n * 5000 * seconds));
        json!({
            "fullName": format!("default/edge/l{n}"), "port": 5000 + n, "connections": traffic,
            "fate": if is_well { "serves" } else { "not_served" },
            "route": if is_well { json!(format!("TCPRoute default/r{n}")) } else { Value::Null },
            "reason": if is_well { Value::Null } else { json!("PortUnavailable") },
        })
    };
    let route = |n: u64| {
        let health = if n == 3 { "avoided" } else { "reached" };
        json!({
            "kind": "TCPRoute", "namespace": "default", "name": format!("r{n}"),
            "connections": traffic(n, n * seconds, n * 5000 * seconds),
            "parents": [{ "active": { "status": if n == 2 { "False" } else { "True" },
                "reason": "Superseded", "message": "another is older" } }],
            "backends": [{ "name": format!("default/s{n}:80"), "endpointCount": 1,
                "failingCount": u64::from(n == 3), "endpoints": [{
                    "address": format!("192.0.2.{n}:80"), "health": health, "open": n,
                    "reached": n * seconds, "failedDials": 0,
                    "bytesToBackend": 0, "bytesToClient": 1_500_000 * n * seconds }] }],
        })
    };
    json!({
        "role": "run", "version": "0.1.0", "state": "ready", "uptimeSeconds": seconds,
        "startedAt": "2026-01-01T00:00:00Z", "config": { "appliedVersion": 7 },
        "findings": { "errors": 0, "warnings": 1 },
        "connections": traffic(6, 6 * seconds, 30_000 * seconds), "dials": { "failed": 0 },
        "gateways": [{ "namespace": "default",
            "listeners": (1..=n_routes).map(listener).collect::<Vec<_>>() }],
        "routes": (1..=n_routes).map(route).collect::<Vec<_>>(),
    })
}

fn looked_twice(n_routes: u64) -> Top {
    let mut top = Top::default();
    top.take_status(&status(60, n_routes));
    top.take_status(&status(62, n_routes));
    top
}

#[test]
fn listeners_have_rates_between_two_statuses() {
    let mut top = Top::default();
    top.take_status(&status(60, 3));
    check(
        &mut top,
        9,
        &expect![[r#"
            portway 0.1.0 run: ready, up 1m 0s                version 7, 0 errors, 1 warning
            6 open, - new/s; - B/s in, - B/s out; - failed dials/s
            [1 Listeners 3] 2 Routes 3  3 Endpoints 3  4 Connections 6
            LISTENER                     PORT  ▼OPEN  NEW/S   IN/S  OUT/S GETS THEM
            default/edge/l3              5003      3      -      -      - r3
            default/edge/l2              5002      2      -      -      - ✗ PortUnavailable
            default/edge/l1              5001      1      -      -      - r1

            q quit  Tab,1-4 table  ←→ sort by  r turn  ↑↓ PgUp PgDn scroll          1-3 of 3
        "#]],
    );
    top.take_status(&status(62, 3));
    check(
        &mut top,
        9,
        &expect![[r#"
            portway 0.1.0 run: ready, up 1m 2s                version 7, 0 errors, 1 warning
            6 open, 6.0 new/s; 30k B/s in, 300k B/s out; 0 failed dials/s
            [1 Listeners 3] 2 Routes 3  3 Endpoints 3  4 Connections 6
            LISTENER                     PORT  ▼OPEN  NEW/S   IN/S  OUT/S GETS THEM
            default/edge/l3              5003      3    3.0    15k   150k r3
            default/edge/l2              5002      2    2.0    10k   100k ✗ PortUnavailable
            default/edge/l1              5001      1    1.0   5.0k    50k r1

            q quit  Tab,1-4 table  ←→ sort by  r turn  ↑↓ PgUp PgDn scroll          1-3 of 3
        "#]],
    );
}

/// Beyond the bound of series, also once it is within.
#[test]
fn what_is_not_known_is_no_zero() {
    let without = |seconds| {
        let mut status = status(seconds, 1);
        let listener = &mut status["gateways"][0]["listeners"][0];
        for (_, it) in listener["connections"].as_object_mut().unwrap() {
            *it = Value::Null;
        }
        status
    };
    let mut top = Top::default();
    let mut line = |status| {
        top.take_status(&status);
        let picture = picture(&mut top, 80, 6);
        picture.lines().nth(4).unwrap().to_owned()
    };
    let unknown = "default/edge/l1              5001      -      -      -      - r1";
    assert_eq!(line(without(60)), unknown);
    assert_eq!(line(without(62)), unknown);
    let began = "default/edge/l1              5001      1      -      -      - r1";
    assert_eq!(line(status(64, 1)), began);
    let known = "default/edge/l1              5001      1    1.0   5.0k    50k r1";
    assert_eq!(line(status(66, 1)), known);
}

#[test]
fn another_process_has_no_rates_yet() {
    let mut top = looked_twice(1);
    let mut restarted = status(1, 1);
    restarted["startedAt"] = "2026-01-01T00:05:00Z".into();
    top.take_status(&restarted);
    check(
        &mut top,
        6,
        &expect![[r#"
            portway 0.1.0 run: ready, up 1s                   version 7, 0 errors, 1 warning
            6 open, - new/s; - B/s in, - B/s out; - failed dials/s
            [1 Listeners 1] 2 Routes 1  3 Endpoints 1  4 Connections 6
            LISTENER                     PORT  ▼OPEN  NEW/S   IN/S  OUT/S GETS THEM
            default/edge/l1              5001      1      -      -      - r1
            q quit  Tab,1-4 table  ←→ sort by  r turn  ↑↓ PgUp PgDn scroll          1-1 of 1
        "#]],
    );
}

#[test]
fn routes_endpoints_and_connections_have_tables_of_their_own() {
    let mut top = looked_twice(3);
    assert!(!top.wants_connections());
    press(&mut top, &[KeyCode::Tab]);
    check(
        &mut top,
        8,
        &expect![[r#"
        portway 0.1.0 run: ready, up 1m 2s                version 7, 0 errors, 1 warning
        6 open, 6.0 new/s; 30k B/s in, 300k B/s out; 0 failed dials/s
         1 Listeners 3 [2 Routes 3] 3 Endpoints 3  4 Connections 6
        ROUTE                     ▼OPEN  NEW/S   IN/S  OUT/S ENDPTS  FAIL STATE
        default/r3                    3    3.0    15k   150k      1     1 ok
        default/r2                    2    2.0    10k   100k      1     0 ✗ Superseded
        default/r1                    1    1.0   5.0k    50k      1     0 ok
        q quit  Tab,1-4 table  ←→ sort by  r turn  ↑↓ PgUp PgDn scroll          1-3 of 3
    "#]],
    );
    press(&mut top, &[KeyCode::Char('3')]);
    check(
        &mut top,
        8,
        &expect![[r#"
        portway 0.1.0 run: ready, up 1m 2s                version 7, 0 errors, 1 warning
        6 open, 6.0 new/s; 30k B/s in, 300k B/s out; 0 failed dials/s
         1 Listeners 3  2 Routes 3 [3 Endpoints 3] 4 Connections 6
        ENDPOINT              HEALTH  ▼OPEN  NEW/S   IN/S  OUT/S FAILED BACKEND
        192.0.2.3:80          avoided     3    3.0      0   4.5M      0 default/s3:80
        192.0.2.2:80          reached     2    2.0      0   3.0M      0 default/s2:80
        192.0.2.1:80          reached     1    1.0      0   1.5M      0 default/s1:80
        q quit  Tab,1-4 table  ←→ sort by  r turn  ↑↓ PgUp PgDn scroll          1-3 of 3
    "#]],
    );
    press(&mut top, &[KeyCode::BackTab, KeyCode::Char('4')]);
    assert!(top.wants_connections());
    let connection = |age: f64, bytes: u64| {
        json!({ "client": "192.0.2.9:40000", "listener": "default/edge/l1", "ageSeconds": age,
            "endpoint": "[2001:db8::1234:5678:9abc:1]:80", "state": "relaying",
            "draining": false, "bytesToBackend": bytes, "bytesToClient": 0 })
    };
    top.take_connections(&[connection(100.0, 1000)]);
    top.take_connections(&[connection(102.0, 9000)]);
    check(
        &mut top,
        8,
        &expect![[r#"
        portway 0.1.0 run: ready, up 1m 2s                version 7, 0 errors, 1 warning
        6 open, 6.0 new/s; 30k B/s in, 300k B/s out; 0 failed dials/s
         1 Listeners 3  2 Routes 3  3 Endpoints 3 [4 Connections 6]
        CLIENT                ENDPOINT                  AGE   IN/S ▼OUT/S LISTENER
        192.0.2.9:40000       [2001:db8:…9abc:1]:80  1m 42s   4.0k      0 defaul…edge/l1


        q quit  Tab,1-4 table  ←→ sort by  r turn  ↑↓ PgUp PgDn scroll 1-1 of 1 (6 open)
    "#]],
    );
    // The port came to another connection.
    top.take_connections(&[connection(1.0, 10)]);
    let picture = picture(&mut top, 80, 8);
    assert!(picture.contains("1s      -      -"), "{picture}");
}

#[test]
fn rows_are_sorted_by_any_column_either_way() {
    let mut top = looked_twice(30);
    picture(&mut top, 80, 8);
    press(&mut top, &[KeyCode::Left, KeyCode::Char('r')]);
    check(
        &mut top,
        8,
        &expect![[r#"
            portway 0.1.0 run: ready, up 1m 2s                version 7, 0 errors, 1 warning
            6 open, 6.0 new/s; 30k B/s in, 300k B/s out; 0 failed dials/s
            [1 Listeners 30] 2 Routes 30  3 Endpoints 30  4 Connections 6
            LISTENER                    ▲PORT   OPEN  NEW/S   IN/S  OUT/S GETS THEM
            default/edge/l1              5001      1    1.0   5.0k    50k r1
            default/edge/l2              5002      2    2.0    10k   100k ✗ PortUnavailable
            default/edge/l3              5003      3    3.0    15k   150k r3
            q quit  Tab,1-4 table  ←→ sort by  r turn  ↑↓ PgUp PgDn scroll         1-3 of 30
        "#]],
    );
    press(&mut top, &[KeyCode::Char('<'), KeyCode::Char('<')]);
    check(
        &mut top,
        8,
        &expect![[r#"
            portway 0.1.0 run: ready, up 1m 2s                version 7, 0 errors, 1 warning
            6 open, 6.0 new/s; 30k B/s in, 300k B/s out; 0 failed dials/s
            [1 Listeners 30] 2 Routes 30  3 Endpoints 30  4 Connections 6
            LISTENER                     PORT   OPEN  NEW/S   IN/S  OUT/S ▲GETS THEM
            default/edge/l1              5001      1    1.0   5.0k    50k r1
            default/edge/l10             5010     10     10    50k   500k r10
            default/edge/l11             5011     11     11    55k   550k r11
            q quit  Tab,1-4 table  ←→ sort by  r turn  ↑↓ PgUp PgDn scroll         1-3 of 30
        "#]],
    );
}

/// The size of a terminal that nobody made larger.
#[test]
fn a_picture_of_500_routes_fits_80_by_24() {
    let mut top = looked_twice(500);
    // Only a picture knows how long a page is.
    picture(&mut top, 80, 24);
    press(
        &mut top,
        &[KeyCode::Char('2'), KeyCode::PageDown, KeyCode::Down],
    );
    check(
        &mut top,
        24,
        &expect![[r#"
        portway 0.1.0 run: ready, up 1m 2s                version 7, 0 errors, 1 warning
        6 open, 6.0 new/s; 30k B/s in, 300k B/s out; 0 failed dials/s
         1 Listeners 500 [2 Routes 500] 3 Endpoints 500  4 Connections 6
        ROUTE                     ▼OPEN  NEW/S   IN/S  OUT/S ENDPTS  FAIL STATE
        default/r480                480    480   2.4M    24M      1     0 ok
        default/r479                479    479   2.4M    24M      1     0 ok
        default/r478                478    478   2.4M    24M      1     0 ok
        default/r477                477    477   2.4M    24M      1     0 ok
        default/r476                476    476   2.4M    24M      1     0 ok
        default/r475                475    475   2.4M    24M      1     0 ok
        default/r474                474    474   2.4M    24M      1     0 ok
        default/r473                473    473   2.4M    24M      1     0 ok
        default/r472                472    472   2.4M    24M      1     0 ok
        default/r471                471    471   2.4M    24M      1     0 ok
        default/r470                470    470   2.4M    24M      1     0 ok
        default/r469                469    469   2.3M    23M      1     0 ok
        default/r468                468    468   2.3M    23M      1     0 ok
        default/r467                467    467   2.3M    23M      1     0 ok
        default/r466                466    466   2.3M    23M      1     0 ok
        default/r465                465    465   2.3M    23M      1     0 ok
        default/r464                464    464   2.3M    23M      1     0 ok
        default/r463                463    463   2.3M    23M      1     0 ok
        default/r462                462    462   2.3M    23M      1     0 ok
        q quit  Tab,1-4 table  ←→ sort by  r turn  ↑↓ PgUp PgDn scroll      21-39 of 500
    "#]],
    );
    press(&mut top, &[KeyCode::End]);
    let at_end = picture(&mut top, 80, 24);
    assert!(at_end.contains("482-500 of 500"), "{at_end}");
    // What is gone is not scrolled to.
    top.take_status(&status(64, 1));
    assert!(picture(&mut top, 80, 24).contains("1-1 of 1"));
}

#[test]
fn nobody_there_is_said_and_gone_is_said_above_what_was() {
    let mut top = Top::default();
    top.lost("no running instance found; tried 127.0.0.1:9180 (connection refused)".into());
    check(
        &mut top,
        8,
        &expect![[r#"
        portway top

        [1 Listeners 0] 2 Routes 0  3 Endpoints 0  4 Connections 0

        no running instance found; tried 127.0.0.1:9180 (connection refused).

        Trying again until it is there; q quits.
        q quit  Tab,1-4 table  ←→ sort by  r turn  ↑↓ PgUp PgDn scroll
    "#]],
    );
    let mut top = looked_twice(1);
    top.lost("no running instance found; tried 127.0.0.1:9180 (connection refused)".into());
    check(
        &mut top,
        6,
        &expect![[r#"
            portway 0.1.0 run: ready, up 1m 2s                version 7, 0 errors, 1 warning
            ✗ trying again: no running instance found; tried 127.0.0.1:9180 (connection refu
            [1 Listeners 1] 2 Routes 1  3 Endpoints 1  4 Connections 6
            LISTENER                     PORT  ▼OPEN  NEW/S   IN/S  OUT/S GETS THEM
            default/edge/l1              5001      1    1.0   5.0k    50k r1
            q quit  Tab,1-4 table  ←→ sort by  r turn  ↑↓ PgUp PgDn scroll          1-1 of 1
        "#]],
    );
    top.take_status(&status(64, 1));
    assert!(!picture(&mut top, 80, 6).contains("trying again"));
}

/// No size makes it panic, and no name writes control characters.
#[test]
fn any_size_and_any_name_can_be_drawn() {
    let mut hostile = status(62, 3);
    hostile["gateways"][0]["listeners"][0]["fullName"] = "a\u{1b}[31m\n\u{202e}b".into();
    for size in 0..30 {
        for shown in ['1', '2', '3', '4'] {
            let mut top = looked_twice(3);
            top.take_status(&hostile);
            press(&mut top, &[KeyCode::Char(shown), KeyCode::End]);
            for (width, height) in [(size * 5, 24), (80, size), (size, size)] {
                let picture = picture(&mut top, width, height);
                let is_control = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
                assert!(!picture.contains(is_control), "{picture:?}");
            }
        }
    }
}

#[test]
fn it_ends_by_a_key() {
    let mut top = Top::default();
    for code in [KeyCode::Char('q'), KeyCode::Esc] {
        assert_eq!(press(&mut top, &[code]), Flow::End);
    }
    let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(top.press(ctrl_c), Flow::End);
    assert_eq!(press(&mut top, &[KeyCode::Char('c')]), Flow::GoOn);
}

/// Set for the process of a test that panics on purpose.
const ON_PURPOSE: &str = "PANIC_ON_PURPOSE";

/// A process of its own, since a terminal and a panic are of the whole process.
#[test]
fn a_panic_of_any_thread_gives_the_terminal_back_and_is_told() {
    if env::var_os(ON_PURPOSE).is_some() {
        ratatui::try_init().unwrap();
        let (sender, news) = mpsc::sync_channel(1);
        start("broken", &sender, || panic!("on purpose")).unwrap();
        assert!(matches!(news.recv().unwrap(), News::Died));
        return;
    }
    let name = "top::tests::a_panic_of_any_thread_gives_the_terminal_back_and_is_told";
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", name, "--nocapture"])
        .env(ON_PURPOSE, "1");
    let mut process = terminal::OnTerminal::start(command);
    process.wait_for("\x1b[?1049h");
    assert!(process.wait().success());
    process.wait_for("on purpose");
}
