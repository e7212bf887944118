//! 500 routes in one file, some of them busy: what `status` and `top` tell of them.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Instant;

use serde_json::Value;

use crate::backend::{self, DEADLINE};
use crate::files::Dir;
use crate::portway::{Running, command, run};
use crate::terminal::OnTerminal;

const ROUTES: u16 = 500;

/// Listeners of a Gateway. Spec: `GatewaySpec.listeners`.
const LISTENERS_MAX: u16 = 64;

/// Below the ports of other tests, on an address of this process alone.
const FIRST_PORT: u16 = 12_000;

/// What each client sends; the server greets with `many` and a line feed before it sends that back.
const SENT: &[u8] = &[7; 1000];

/// Routes with how many open streams, the busiest first.
const BUSY: [(u16, usize); 3] = [(123, 5), (7, 3), (499, 1)];

fn address() -> Ipv4Addr {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 77, high, low)
}

/// Each route has a listener of its own; all send to one server.
fn manifests(server: SocketAddr) -> String {
    let mut text = String::new();
    for gateway in 0..ROUTES.div_ceil(LISTENERS_MAX) {
        let address = address();
        _ = write!(
            text,
            "apiVersion: gateway.networking.k8s.io/v1\n\
             kind: Gateway\n\
             metadata: {{name: g{gateway}}}\n\
             spec:\n  gatewayClassName: portway\n  addresses: [{{value: {address}}}]\n  listeners:\n"
        );
        let end = ROUTES.min((gateway + 1) * LISTENERS_MAX);
        for route in gateway * LISTENERS_MAX..end {
            let port = FIRST_PORT + route;
            _ = writeln!(
                text,
                "  - {{name: l{route:03}, protocol: TCP, port: {port}}}"
            );
        }
        text += "---\n";
    }
    for route in 0..ROUTES {
        let gateway = route / LISTENERS_MAX;
        _ = write!(
            text,
            "apiVersion: gateway.networking.k8s.io/v1\n\
             kind: TCPRoute\n\
             metadata: {{name: r{route:03}}}\n\
             spec:\n  parentRefs: [{{name: g{gateway}, sectionName: l{route:03}}}]\n  \
             rules: [{{backendRefs: [{{name: s, port: 80}}]}}]\n---\n"
        );
    }
    let (ip, port) = (server.ip(), server.port());
    _ = write!(
        text,
        "apiVersion: v1\nkind: Service\nmetadata: {{name: s}}\nspec: {{ports: [{{port: 80}}]}}\n---\n\
         apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
         metadata: {{name: s, labels: {{kubernetes.io/service-name: s}}}}\n\
         addressType: IPv4\nports: [{{port: {port}}}]\nendpoints: [{{addresses: [{ip}]}}]\n"
    );
    text
}

/// A client that was greeted and got back what it sent.
fn open(route: u16) -> TcpStream {
    let to = SocketAddr::from((address(), FIRST_PORT + route));
    let mut client = TcpStream::connect_timeout(&to, DEADLINE).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client.write_all(SENT).unwrap();
    let mut answer = vec![0; b"many\n".len() + SENT.len()];
    client.read_exact(&mut answer).unwrap();
    client
}

/// Open, accepted, bytes to the server and to clients, of so many streams.
fn traffic(n: usize) -> Value {
    serde_json::json!({
        "open": n,
        "accepted": n,
        "bytesToBackend": n * SENT.len(),
        "bytesToClient": n * (SENT.len() + b"many\n".len()),
    })
}

/// `status --output json` of what its clients did; it may be a moment behind them.
fn status(admin: &str, n_streams: usize) -> Value {
    let start = Instant::now();
    loop {
        let ended = run(&["status", "--output", "json", "--admin", admin]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let status: Value = serde_json::from_str(&ended.stdout).unwrap();
        let all = &status["connections"];
        if all["bytesToClient"] == traffic(n_streams)["bytesToClient"] {
            return status;
        }
        assert!(start.elapsed() < DEADLINE, "{all}");
    }
}

#[test]
fn of_500_routes_status_and_top_tell_who_is_busy() {
    let dir = Dir::new().with("all.yaml", manifests(backend::start("many")));
    let run = [
        "run",
        "-f",
        dir.path(),
        "--workers",
        "2",
        "--admin",
        "127.0.0.1:0",
    ];
    let mut running = Running::start(command(&[&run[..], &["--admin-socket", "off"]].concat()));
    let line = running.wait_for("admin server listening at=127.0.0.1:");
    let admin = line.rsplit("at=").next().unwrap().to_owned();
    let ready = running.wait_for("INFO ready");
    assert!(ready.ends_with("sockets=500"), "{ready}");
    let streams = BUSY.into_iter().flat_map(|(route, n)| vec![route; n]);
    let streams: Vec<TcpStream> = streams.map(open).collect();

    let status = status(&admin, streams.len());
    assert_eq!(
        (&status["connections"]["open"], &status["routesLeftOut"]),
        (&9.into(), &0.into())
    );
    let gateways = status["gateways"].as_array().unwrap().iter();
    let listeners = gateways.flat_map(|it| it["listeners"].as_array().unwrap());
    let routes = status["routes"].as_array().unwrap().iter();
    for (all, prefix) in [
        (listeners.collect::<Vec<_>>(), "l"),
        (routes.collect(), "r"),
    ] {
        assert_eq!(all.len(), usize::from(ROUTES));
        for (n, it) in (0..).zip(all) {
            assert_eq!(it["name"], format!("{prefix}{n:03}"));
            let busy = BUSY.into_iter().find(|it| it.0 == n);
            let want = traffic(busy.map_or(0, |it| it.1));
            assert_eq!(it["connections"], want, "{prefix}{n}");
        }
    }
    let endpoint = &status["routes"][0]["backends"][0]["endpoints"][0];
    assert_eq!(
        (&endpoint["open"], &endpoint["reached"]),
        (&9.into(), &9.into())
    );

    let text = crate::portway::run(&["status", "--admin", &admin]).stdout;
    assert!(
        text.contains("… and 488 more routes; --all shows them"),
        "{text}"
    );
    let rows = text.lines().filter(|it| it.starts_with("  default/r"));
    let first: Vec<&str> = rows.take(3).map(|it| &it[2..14]).collect();
    assert_eq!(first, BUSY.map(|(route, _)| format!("default/r{route:03}")));
    look_at_top(&admin);
    drop(streams);
}

/// On a terminal of 80 by 24: the busiest first, or by name from either end.
fn look_at_top(admin: &str) {
    let mut top = command(&["top", "--interval", "100ms", "--admin", admin]);
    top.env("TERM", "xterm");
    let mut top = OnTerminal::start(top);
    top.wait_to_see("[1 Listeners 500]");
    top.wait_to_see_lines(
        4,
        &["default/g1/l123", "default/g0/l007", "default/g7/l499"],
    );
    top.press("2");
    top.wait_to_see("[2 Routes 500]");
    let busy = BUSY.map(|(route, n)| format!("default/r{route:03}{n:>19}"));
    top.wait_to_see_lines(4, &busy.each_ref().map(String::as_str));
    top.wait_to_see("of 500");
    top.press("<");
    top.wait_to_see_lines(4, &["default/r000", "default/r001"]);
    top.press("r");
    top.wait_to_see_lines(4, &["default/r499", "default/r498"]);
    top.press("G");
    top.wait_to_see("default/r000");
    top.press("q");
    assert_eq!(top.wait().code(), Some(0));
}
