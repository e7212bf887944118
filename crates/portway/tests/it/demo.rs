//! `portway demo` from start to Ctrl-C.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::backend::{free_port, loopback, talk};
use crate::portway::{Running, command, run};

#[test]
fn the_demo_goes_from_start_to_ctrl_c() {
    let ports = [free_port(), free_port()];
    let option = format!("{},{}", ports[0], ports[1]);
    let mut running = Running::start(command(&["demo", "--ports", &option]));
    running.wait_for("Ctrl-C ends the demo");
    let seen = running.seen().to_owned();
    // How long the path of the binary is, is not the demo's to say.
    let short = |line: &&str| !line.contains(env!("CARGO_BIN_EXE_portway"));
    for line in seen.lines().filter(short) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for part in [
        "tcp-app-1 → my-foo-service:6000 → 127.0.0.1:",
        "tcp-app-2 → my-bar-service:6000 → 127.0.0.1:",
        "\"Hello, I am my-foo-service. I echo what you send.\"",
        "\"Hello, I am my-bar-service. I echo what you send.\"",
        "✓Accepted ✓Programmed",
        "✓Active",
        "check -f examples/tcp-routing",
    ] {
        assert!(seen.contains(part), "{part} in:\n{seen}");
    }
    let greeting = talk(loopback(ports[1])[1]);
    assert_eq!(
        greeting,
        "Hello, I am my-bar-service. I echo what you send."
    );
    running.wait_for("→ bar");
    running.signal(Signal::INT);
    assert_eq!(running.wait().code(), Some(0), "{}", running.seen());
    assert!(
        running.seen().ends_with("The demo is over.\n"),
        "{}",
        running.seen()
    );
}

/// The commands it prints are pasted by people: they must work.
#[test]
fn what_the_demo_says_to_try_works() {
    let option = format!("{},{}", free_port(), free_port());
    let mut running = Running::start(command(&["demo", "--ports", &option]));
    running.wait_for("Three things to try");
    for name in ["my-foo-service", "my-bar-service"] {
        let line = running.wait_for("  ");
        let effect = running.wait_for("backend");
        assert!(
            line.contains("127.0.0.1") || line.contains("::1"),
            "{line}{effect}"
        );
        let mut shell = Command::new("bash");
        // `nc` reads what is typed; here nobody types.
        shell.args(["-c", &line]).stdin(Stdio::null());
        let output = shell.output().unwrap();
        let answer = String::from_utf8(output.stdout).unwrap();
        assert!(
            answer.contains(&format!("Hello, I am {name}.")),
            "{line}: {answer}"
        );
    }
    let line = running.wait_for("check -f examples/tcp-routing");
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[0], env!("CARGO_BIN_EXE_portway"));
    assert_eq!(run(&words[1..]).code, 0);
}

#[test]
fn a_taken_port_is_said_with_a_way_out() {
    let taken = free_port();
    let _holder = TcpListener::bind((Ipv4Addr::UNSPECIFIED, taken)).unwrap();
    let ended = run(&["demo", "--ports", &format!("{taken},{}", free_port())]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    let want = format!(
        "error: port {taken} cannot be used: address already in use (0.0.0.0:{taken})\n\
         other ports: portway demo --ports 18080,18090\n"
    );
    assert_eq!(ended.stderr, want);
}
