//! `top` on a real terminal: it shows an instance, outlives it, and gives the terminal back.

use rustix::process::{Pid, Signal, kill_process};

use crate::backend::{self, free_port, loopback, talk};
use crate::files::{Dir, guide, services};
use crate::portway::{Running, command, run};
use crate::terminal::OnTerminal;

fn top(socket: &str) -> OnTerminal {
    let mut command = command(&["top", "--interval", "100ms", "--admin-socket", socket]);
    command.env_remove("PORTWAY_ADMIN").env("TERM", "xterm");
    OnTerminal::start(command)
}

#[test]
fn it_waits_for_an_instance_follows_it_and_waits_again() {
    let (ports, endpoints) = (
        [free_port(), free_port()],
        [backend::start("foo"), backend::start("bar")],
    );
    let dir = Dir::new()
        .with("guide.yaml", guide(ports))
        .with("services.yaml", services(endpoints));
    let sockets = Dir::new();
    let socket = sockets.0.join("s").to_str().unwrap().to_owned();
    let mut top = top(&socket);
    top.wait_to_see("no running instance found");
    let arguments = ["run", "-f", dir.path(), "--admin-socket", &socket];
    let mut running = Running::start(command(&arguments));
    running.wait_for("INFO ready");
    top.wait_to_see("default/my-tcp-gateway/foo");
    assert_eq!(talk(loopback(ports[0])[0]), "foo");
    top.press("3");
    top.wait_to_see("reached");
    top.press("4");
    top.wait_to_see("CLIENT");
    drop(running);
    top.wait_to_see("trying again");
    top.press("q");
    assert_eq!(top.wait().code(), Some(0));
}

#[test]
fn a_signal_gives_the_terminal_back_too() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut top = top("/nonexistent/socket");
        top.wait_to_see("no running instance found");
        let pid = i32::try_from(top.id()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
        assert_eq!(top.wait().code(), Some(0));
    }
}

#[test]
fn without_a_terminal_it_says_what_writes() {
    let ended = run(&["top"]);
    assert_eq!(ended.code, 2);
    assert!(
        ended.stderr.contains("portway status --watch"),
        "{}",
        ended.stderr
    );
}
