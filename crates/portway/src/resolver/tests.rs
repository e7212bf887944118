//! How long answers hold, what `/etc/hosts` has to say, and what a slow name does to others.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, TokioResolver};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Known, in_words, watch_names, written};
use crate::limits::{RESOLUTION_TTL_MAX, RESOLUTION_TTL_MIN};
use crate::news::News;

fn unknown() -> Known {
    Known {
        addresses: None,
        ask_again: Instant::now(),
        is_asked: false,
        failing: false,
    }
}

fn addresses(text: &str) -> Vec<IpAddr> {
    text.split_whitespace()
        .map(|it| it.parse().unwrap())
        .collect()
}

#[test]
fn a_failure_keeps_the_last_good_answer() {
    let mut known = unknown();
    known.learn("db", Err(NetError::from("no answer")));
    assert_eq!(known.addresses, Some(Vec::new()), "asked for in vain");
    let day = Duration::from_secs(86_400);
    known.learn("db", Ok((addresses("192.0.2.1"), day)));
    known.learn("db", Err(NetError::from("no answer")));
    assert_eq!(known.addresses, Some(addresses("192.0.2.1")));
    known.learn("db", Ok((addresses("192.0.2.2"), day)));
    assert_eq!(known.addresses, Some(addresses("192.0.2.2")));
}

#[test]
fn an_answer_holds_for_its_ttl_within_bounds() {
    let cases = [
        (Duration::ZERO, RESOLUTION_TTL_MIN),
        (Duration::from_secs(60), Duration::from_secs(60)),
        (Duration::from_secs(86_400), RESOLUTION_TTL_MAX),
    ];
    for (ttl, want) in cases {
        let mut known = unknown();
        let before = Instant::now();
        known.learn("db", Ok((Vec::new(), ttl)));
        let after = Instant::now();
        assert!((before + want..=after + want).contains(&known.ask_again));
    }
}

#[test]
fn a_name_in_the_hosts_file_has_the_addresses_that_stand_there() {
    let mut hosts = Hosts::default();
    let text = "192.0.2.7 db.test DB2.test # ours\n2001:db8::7 db.test\n192.0.2.8 db.test\n";
    hosts.read_hosts_conf(text.as_bytes()).unwrap();
    let written = |name: &str| {
        let mut name = Name::from_utf8(name).unwrap();
        name.set_fqdn(true);
        written(&hosts, &name).into_iter().collect::<Vec<_>>()
    };
    assert_eq!(
        written("db.test"),
        addresses("192.0.2.7 192.0.2.8 2001:db8::7")
    );
    assert_eq!(written("Db2.TEST"), addresses("192.0.2.7"));
    assert_eq!(written("other.test"), addresses(""));
}

/// Answers `fast…` with 192.0.2.1 and is silent about every other name, until nobody asks for a
/// while.
fn name_server() -> SocketAddr {
    const HEADER: usize = 12;
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((n, asker)) = socket.recv_from(&mut query) {
            if !query[HEADER + 1..n].starts_with(b"fast") {
                continue;
            }
            let name_end = HEADER + query[HEADER..n].iter().position(|it| *it == 0).unwrap() + 1;
            let is_a = query[name_end..name_end + 2] == [0, 1];
            let mut answer = query[..name_end + 4].to_vec();
            // Response, recursion available; one question, an answer or none, nothing else.
            answer[2..4].copy_from_slice(&[0x81, 0x80]);
            answer[4..HEADER].copy_from_slice(&[0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
            if is_a {
                // The name of the question, A, IN, a TTL of 60 s, four bytes.
                answer.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
            }
            socket.send_to(&answer, asker).unwrap();
        }
    });
    address
}

fn client_of(server: SocketAddr) -> TokioResolver {
    let mut connection = ConnectionConfig::udp();
    connection.port = server.port();
    let server = NameServerConfig::new(server.ip(), true, vec![connection]);
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    builder.build().unwrap()
}

#[test]
fn a_name_without_an_answer_holds_back_no_other() {
    let client = client_of(name_server());
    let slow = (0..20).map(|at| format!("a-slow-{at}.test"));
    let names: BTreeSet<Arc<str>> = slow
        .chain(["fast.test".to_owned()])
        .map(Arc::from)
        .collect();
    let (sender, mut wanted) = watch::channel(names);
    let (news, heard) = mpsc::channel();
    let watching = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(watch_names(&client, &mut wanted, &news));
    });
    // What is asked for later is asked for at once, too.
    for name in ["fast.test", "fast-2.test"] {
        sender.send_modify(|names| _ = names.insert(name.into()));
        loop {
            let News::Resolved(resolved) = heard.recv_timeout(Duration::from_secs(10)).unwrap()
            else {
                panic!("the resolver tells of names only");
            };
            let slow = resolved.keys().filter(|it| it.contains("slow"));
            assert_eq!(slow.count(), 0, "slow names are not given up yet");
            if resolved.get(name) == Some(&addresses("192.0.2.1")) {
                break;
            }
        }
    }
    drop(sender);
    watching.join().unwrap();
}

#[test]
fn an_error_is_said_in_words() {
    let query = Query::query(Name::from_utf8("db.test.").unwrap(), RecordType::A);
    let none = |code| {
        NetError::Dns(DnsError::NoRecordsFound(NoRecords::new(
            query.clone(),
            code,
        )))
    };
    let refused = NetError::Dns(DnsError::ResponseCode(ResponseCode::ServFail));
    assert_eq!(
        in_words(&none(ResponseCode::NXDomain)),
        "there is no such name"
    );
    assert_eq!(
        in_words(&none(ResponseCode::NoError)),
        "the name has no address"
    );
    assert_eq!(in_words(&refused), "the name server says: Server Failure");
    assert_eq!(
        in_words(&NetError::Timeout),
        "no name server answered in time"
    );
}
