//! What a word names, and what names nothing.

use super::Wanted;

fn check(word: &str, want: &str) {
    let got = match word.parse::<Wanted>() {
        Ok(Wanted::Code(code)) => format!("code {code}"),
        Ok(Wanted::Object {
            kind,
            namespace,
            name,
        }) => format!("{} {}/{name}", kind.name(), namespace.unwrap_or_default()),
        Ok(Wanted::Address(Some(ip), port)) => format!("{ip} port {port}"),
        Ok(Wanted::Address(None, port)) => format!("port {port}"),
        Ok(Wanted::Connection) => "a connection".to_owned(),
        Err(_) => "nothing".to_owned(),
    };
    assert_eq!(got, want, "{word}");
}

#[test]
fn a_word_is_a_code_an_object_or_an_address() {
    check("PW0203", "code PW0203");
    check("pw0203", "code PW0203");
    check("tcproute/app", "TCPRoute /app");
    check("TCPRoute/shop/app", "TCPRoute shop/app");
    check("gateway/edge", "Gateway /edge");
    check("gtw/edge", "Gateway /edge");
    check("192.0.2.1:80", "192.0.2.1 port 80");
    check("[2001:db8::1]:80", "2001:db8::1 port 80");
    check("localhost:80", "127.0.0.1 port 80");
    check(":80", "port 80");
    check("*:80", "port 80");
    check("connection", "a connection");
}

/// A subject goes to an instance as it is shown.
#[test]
fn what_is_shown_is_read_as_the_same() {
    for word in [
        "PW0203",
        "tcproute/app",
        "gateway/shop/edge",
        "[::1]:80",
        ":80",
        "connection",
    ] {
        let wanted: Wanted = word.parse().unwrap();
        assert_eq!(wanted.to_string(), word);
    }
}

#[test]
fn anything_else_is_refused() {
    for word in [
        "",
        "app",
        "PW02",
        "PW020x",
        "pod/app",
        "tcproute/",
        "gateway/a/b/c",
        "192.0.2.1",
        "example.com:80",
        ":65536",
        "PW",
        "é",
        "pé203",
    ] {
        check(word, "nothing");
    }
}
