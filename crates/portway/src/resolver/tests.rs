//! How long answers hold, and what `/etc/hosts` has to say.

use std::net::IpAddr;
use std::time::Duration;

use hickory_resolver::Hosts;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::Name;
use tokio::time::Instant;

use super::{Known, written};
use crate::limits::{RESOLUTION_TTL_MAX, RESOLUTION_TTL_MIN};

fn unknown() -> Known {
    Known {
        addresses: None,
        ask_again: Instant::now(),
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
    assert_eq!(known.addresses, None);
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
