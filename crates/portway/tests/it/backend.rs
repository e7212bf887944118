//! A server that greets with its name and then echoes, and a client for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::Duration;

/// Longest wait for anything that must happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Starts a server that lives as long as the test.
pub(crate) fn start(name: &str) -> SocketAddr {
    start_at((Ipv4Addr::LOCALHOST, 0).into(), name)
}

/// The same at this address.
pub(crate) fn start_at(addr: SocketAddr, name: &str) -> SocketAddr {
    let listener = TcpListener::bind(addr).unwrap();
    let addr = listener.local_addr().unwrap();
    let greeting = format!("{name}\n");
    thread::spawn(move || {
        for client in listener.incoming() {
            let greeting = greeting.clone();
            thread::spawn(move || {
                let mut client = client.unwrap();
                client.write_all(greeting.as_bytes()).unwrap();
                let _ = std::io::copy(&mut client.try_clone().unwrap(), &mut client);
                let _ = client.shutdown(Shutdown::Write);
            });
        }
    });
    addr
}

/// A port that is free in both families and below those the kernel gives to clients, so that no
/// connection of another test takes it meanwhile.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 97).unwrap() * 120;
    loop {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        let is_free = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
            && TcpListener::bind((Ipv6Addr::LOCALHOST, port)).is_ok();
        if is_free {
            return port;
        }
    }
}

/// Connects, hears the greeting, sends more than one buffer, half-closes, and hears it all again.
/// Gives the name of the server.
pub(crate) fn talk(to: SocketAddr) -> String {
    let client = TcpStream::connect_timeout(&to, DEADLINE).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut answers = BufReader::new(client.try_clone().unwrap());
    let mut name = String::new();
    answers.read_line(&mut name).unwrap();
    let sent: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    let echoed = thread::scope(|scope| {
        let echoed = scope.spawn(move || {
            let mut echoed = Vec::new();
            answers.read_to_end(&mut echoed).unwrap();
            echoed
        });
        (&client).write_all(&sent).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        echoed.join().unwrap()
    });
    assert!(echoed == sent, "{} bytes came back", echoed.len());
    name.trim_end().to_owned()
}

/// Both loopback addresses with `port`.
pub(crate) fn loopback(port: u16) -> [SocketAddr; 2] {
    [
        (Ipv4Addr::LOCALHOST, port).into(),
        (Ipv6Addr::LOCALHOST, port).into(),
    ]
}
