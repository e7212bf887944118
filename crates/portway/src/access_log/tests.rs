//! Lines, and what becomes of those that nobody takes.

use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::bounded;
use expect_test::{Expect, expect};
use portway_engine::limits::DIAL_TIMEOUT;
use portway_engine::record::{CloseReason, ConnRecord, DialError, Path};
use portway_engine::time::Moment;
use portway_proxy::{Config, Observer, Proxy};
use serde_json::Value;

use super::line::{self, Calendar, FIELDS, Form};
use super::{AccessLog, Pen, Tally, To};
use crate::limits::{ACCESS_LOG_BATCH_BYTES, ACCESS_LOG_END_TIMEOUT, ACCESS_LOG_RECORDS_MAX};

const SECOND: u64 = 1_000_000_000;

fn record() -> ConnRecord {
    let addr = |text: &str| text.parse::<SocketAddr>().unwrap();
    ConnRecord {
        listener: "default/edge/sql".into(),
        route: Some("TCPRoute default/sql".into()),
        backend: Some("default/postgres:5432".into()),
        endpoint: Some(addr("10.0.0.7:5432")),
        client: addr("[2001:db8::1]:40000"),
        started: Moment::from_nanos(10 * SECOND),
        ended: Moment::from_nanos(12 * SECOND + 345_678_000),
        bytes_to_backend: 17,
        bytes_to_client: 4_000_000_000,
        failed_dials: vec![
            (addr("10.0.0.5:5432"), DialError::Refused),
            (addr("10.0.0.6:5432"), DialError::Other(13)),
        ],
        reason: CloseReason::Finished,
        dial_time: Some(Duration::from_micros(1250)),
        client_path: Some(Path {
            rtt: Duration::from_micros(20_125),
            retransmits: 3,
        }),
        backend_path: Some(Path {
            rtt: Duration::from_micros(99),
            retransmits: 0,
        }),
    }
}

/// A stream that was rejected: most is not known of it.
fn rejected() -> ConnRecord {
    ConnRecord {
        listener: "a \"b\"\n\\".into(),
        route: None,
        backend: None,
        endpoint: None,
        failed_dials: Vec::new(),
        reason: CloseReason::ClientGone,
        dial_time: None,
        client_path: None,
        backend_path: None,
        ..record()
    }
}

/// A data plane, whose clock records go by.
fn proxy() -> (Proxy, Arc<OnceLock<Observer>>) {
    let config = Config {
        workers: NonZeroUsize::MIN,
        dial_timeout: DIAL_TIMEOUT,
        measure_paths: false,
    };
    let proxy = Proxy::start(&config, mpsc::sync_channel(1).0).unwrap();
    let observer = Arc::new(OnceLock::from(proxy.observer()));
    (proxy, observer)
}

fn shown(form: Form, record: &ConnRecord) -> String {
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let calendar = Calendar::at(Moment::from_nanos(20 * SECOND), date);
    let mut text = String::new();
    line::push(&mut text, form, record, calendar);
    text
}

fn check(form: Form, record: &ConnRecord, want: &Expect) {
    want.assert_eq(&shown(form, record));
}

#[test]
fn a_line_of_text_has_what_is_known() {
    check(
        Form::Text,
        &record(),
        &expect![[r#"
        start=2027-01-15T07:59:50.000000Z duration_seconds=2.345678 client=[2001:db8::1]:40000 listener=default/edge/sql route="TCPRoute default/sql" backend=default/postgres:5432 endpoint=10.0.0.7:5432 bytes_to_backend=17 bytes_to_client=4000000000 dial_seconds=0.001250 failed_dials="10.0.0.5:5432 refused,10.0.0.6:5432 errno 13" client_rtt_seconds=0.020125 client_retransmits=3 backend_rtt_seconds=0.000099 backend_retransmits=0 reason=finished
    "#]],
    );
    check(
        Form::Text,
        &rejected(),
        &expect![[r#"
        start=2027-01-15T07:59:50.000000Z duration_seconds=2.345678 client=[2001:db8::1]:40000 listener="a \"b\"\n\\" bytes_to_backend=17 bytes_to_client=4000000000 reason=client_gone
    "#]],
    );
}

#[test]
fn a_line_of_json_has_every_field() {
    check(
        Form::Json,
        &record(),
        &expect![[r#"
        {"start":"2027-01-15T07:59:50.000000Z","duration_seconds":2.345678,"client":"[2001:db8::1]:40000","listener":"default/edge/sql","route":"TCPRoute default/sql","backend":"default/postgres:5432","endpoint":"10.0.0.7:5432","bytes_to_backend":17,"bytes_to_client":4000000000,"dial_seconds":0.001250,"failed_dials":[{"endpoint":"10.0.0.5:5432","error":"refused"},{"endpoint":"10.0.0.6:5432","error":"errno 13"}],"client_rtt_seconds":0.020125,"client_retransmits":3,"backend_rtt_seconds":0.000099,"backend_retransmits":0,"reason":"finished"}
    "#]],
    );
    for record in [record(), rejected()] {
        let line = shown(Form::Json, &record);
        assert_eq!(line.matches('\n').count(), 1);
        let value: Value = serde_json::from_str(&line).unwrap();
        let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
        assert_eq!(keys, FIELDS.map(|(name, _)| name));
        assert_eq!(value["listener"], &*record.listener);
    }
}

/// Several lines follow each other in one batch.
#[test]
fn the_next_line_begins_afresh() {
    let date = SystemTime::UNIX_EPOCH;
    let calendar = Calendar::at(Moment::default(), date);
    for form in [Form::Text, Form::Json] {
        let mut text = String::new();
        line::push(&mut text, form, &record(), calendar);
        line::push(&mut text, form, &record(), calendar);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0], lines[1]);
    }
}

/// Nobody takes records: what has no room is counted, and whoever has it does not wait.
#[test]
fn a_record_without_room_is_counted_and_gone() {
    let (notes, _taken_by_nobody) = bounded(2);
    let tally = Arc::<Tally>::default();
    let pen = Pen {
        notes,
        tally: Arc::clone(&tally),
    };
    for _ in 0..5 {
        pen.tell(&record());
    }
    assert_eq!((tally.dropped(), tally.written()), (3, 0));
}

/// A device that is always full.
#[test]
fn what_cannot_be_written_is_counted() {
    let (_proxy, observer) = proxy();
    let to = To::File(PathBuf::from("/dev/full"));
    let log = AccessLog::start(Form::Text, to, observer).unwrap();
    let (pen, tally) = (log.pen(), log.tally());
    pen.tell(&record());
    drop(pen);
    log.finish();
    assert_eq!((tally.dropped(), tally.written()), (1, 0));
}

#[test]
fn a_file_is_appended_to_and_opened_again() {
    let name = format!("portway-access-log-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let moved = path.with_extension("1");
    fs::write(&path, "before\n").unwrap();
    let (_proxy, observer) = proxy();
    let log = AccessLog::start(Form::Json, To::File(path.clone()), observer).unwrap();
    let (pen, tally) = (log.pen(), log.tally());
    pen.tell(&record());
    while tally.written() < 1 {
        std::thread::yield_now();
    }
    fs::rename(&path, &moved).unwrap();
    log.reopening().ask().unwrap();
    while !path.exists() {
        std::thread::yield_now();
    }
    pen.tell(&rejected());
    log.finish();
    let old = fs::read_to_string(&moved).unwrap();
    assert!(old.starts_with("before\n{\"start\":"), "{old}");
    assert_eq!(old.lines().count(), 2, "{old}");
    let new = fs::read_to_string(&path).unwrap();
    assert!(
        new.contains("client_gone") && new.lines().count() == 1,
        "{new}"
    );
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o007, 0);
    assert_eq!(tally.written(), 2);
    fs::remove_file(path).unwrap();
    fs::remove_file(moved).unwrap();
}

/// The writer comes to none of them before there is a data plane: what waits leaves no room for more.
#[test]
fn a_file_is_opened_again_though_nothing_more_can_wait() {
    let name = format!("portway-full-queue-{}.log", std::process::id());
    let path = std::env::temp_dir().join(name);
    let moved = path.with_extension("1");
    let observer = Arc::default();
    let log = AccessLog::start(Form::Text, To::File(path.clone()), Arc::clone(&observer)).unwrap();
    let (pen, tally) = (log.pen(), log.tally());
    let mut n_told = 0;
    while tally.dropped() == 0 {
        pen.tell(&rejected());
        n_told += 1;
    }
    assert!(n_told > ACCESS_LOG_RECORDS_MAX);
    fs::rename(&path, &moved).unwrap();
    log.reopening().ask().unwrap();
    let (_proxy, of_proxy) = proxy();
    observer.set(of_proxy.get().unwrap().clone()).unwrap();
    log.finish();
    let n_lines = |path| fs::read_to_string(path).unwrap().lines().count();
    let (n_old, n_new) = (n_lines(&moved), n_lines(&path));
    assert_eq!(n_old + n_new, n_told - 1);
    assert!(n_new > n_old, "{n_old} {n_new}");
    fs::remove_file(path).unwrap();
    fs::remove_file(moved).unwrap();
}

/// A worker that died leaves others, which may have more to tell: what was told is written all the same.
#[test]
fn who_may_still_tell_holds_up_no_end() {
    let path = std::env::temp_dir().join(format!("portway-held-{}.log", std::process::id()));
    let (_proxy, observer) = proxy();
    let log = AccessLog::start(Form::Text, To::File(path.clone()), observer).unwrap();
    let (pen, tally) = (log.pen(), log.tally());
    for _ in 0..100 {
        pen.tell(&record());
    }
    let begin = Instant::now();
    log.finish();
    assert!(begin.elapsed() < ACCESS_LOG_END_TIMEOUT);
    assert_eq!((tally.written(), tally.dropped()), (100, 0));
    drop(pen);
    fs::remove_file(path).unwrap();
}

/// They wait until there is a data plane, and are more than are written at once.
#[test]
fn of_all_that_wait_none_is_lost() {
    let path = std::env::temp_dir().join(format!("portway-waiting-{}.log", std::process::id()));
    let observer = Arc::default();
    let log = AccessLog::start(Form::Json, To::File(path.clone()), Arc::clone(&observer)).unwrap();
    let (pen, tally) = (log.pen(), log.tally());
    for _ in 0..1000 {
        pen.tell(&record());
    }
    let (_proxy, of_proxy) = proxy();
    observer.set(of_proxy.get().unwrap().clone()).unwrap();
    drop(pen);
    log.finish();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.len() > 2 * ACCESS_LOG_BATCH_BYTES);
    assert_eq!((text.lines().count(), tally.written()), (1000, 1000));
    fs::remove_file(path).unwrap();
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let to = To::File(PathBuf::from("/no/such/directory/access.log"));
    let error = AccessLog::start(Form::Text, to, Arc::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "open the access log /no/such/directory/access.log"
    );
}

/// To open it would wait for a reader, and nothing would be served meanwhile.
#[test]
fn a_pipe_that_nobody_reads_is_an_error() {
    let path = std::env::temp_dir().join(format!("portway-pipe-{}", std::process::id()));
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        &path,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
    )
    .unwrap();
    let start = || AccessLog::start(Form::Text, To::File(path.clone()), Arc::default());
    let error = start().unwrap_err();
    let why = error.source().unwrap().to_string();
    assert_eq!(why, "a pipe that nobody reads; start its reader first");
    let reader = fs::OpenOptions::new().read(true).write(true).open(&path);
    let reader = reader.unwrap();
    start().unwrap();
    drop(reader);
    fs::remove_file(path).unwrap();
}

#[test]
fn the_reference_of_the_access_log_is_current() {
    let mut page = String::from(
        "# Access log\n\nA record for each connection that is over, with `--access-log text` or \
         `--access-log json`. Both forms have the same fields in the same order; text leaves out \
         what is not known, JSON has `null` for it. Fields are only ever added, at the end.\n\n\
         | field | is |\n|---|---|\n",
    );
    for (name, meaning) in FIELDS {
        page += &format!("| `{name}` | {meaning} |\n");
    }
    page += "\nAn example of each:\n\n```text\n";
    page += &shown(Form::Text, &record());
    page += "```\n\n```json\n";
    page += &shown(Form::Json, &record());
    page += "```\n";
    crate::reference::check("access-log.md", &page);
}
