//! What `peers` promises.

use super::{Peer, is_version};

#[test]
fn versions_are_told_from_other_words() {
    let said = "HAProxy version 2.8.25-5cf5d0683 2026/06/26 - https://haproxy.org/";
    let words = said.split(|it: char| it.is_whitespace() || it == '/');
    let versions: Vec<_> = words.filter(|it| is_version(it)).collect();
    assert_eq!(versions, ["2.8.25-5cf5d0683"]);
}

/// Debian's nginx has streams in a module of their own, which nobody loads here.
#[test]
fn an_nginx_that_cannot_relay_by_itself_is_none() {
    let said = |how| format!("nginx version: nginx/1.31.3\nconfigure arguments: {how}\n");
    let version = |how| Peer::Nginx.version_in(&said(how));
    let own = "--with-threads --with-stream --with-stream_ssl_module";
    assert_eq!(version(own).as_deref(), Some("1.31.3"));
    assert_eq!(
        version("--with-stream=dynamic --with-stream_ssl_module"),
        None
    );
}

/// Another version may know other settings, and is another peer.
#[test]
fn packages_are_of_one_version() {
    for peer in [Peer::Nginx, Peer::Haproxy, Peer::Envoy, Peer::Traefik] {
        let (_, version) = peer.package().split_once("==").unwrap();
        assert!(is_version(version), "{version}");
    }
}
