//! `portway run` as the first process of a container: signals, and children that it never had.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::backend::{self, DEADLINE, free_port, loopback, talk};
use crate::files::{Dir, guide, services};
use crate::portway::{Running, not_shown};

/// A new process namespace, of which the next program is the first process.
fn namespace() -> Command {
    let mut unshare = Command::new("unshare");
    unshare.args(["--pid", "--fork", "--mount-proc", "--kill-child"]);
    if !rustix::process::geteuid().is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    unshare
}

/// Whether this host lets us have one; if not, why not.
fn may_have_namespaces() -> Result<(), String> {
    let tried = namespace().arg("true").stdin(Stdio::null()).output();
    let tried = tried.map_err(|error| format!("run unshare: {error}"))?;
    match tried.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&tried.stderr).trim().to_owned()),
    }
}

/// State and parent of a process, as this namespace numbers them. Spec: proc_pid_stat(5).
fn stat(pid: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// The only child of a process.
fn child_of(parent: u32) -> u32 {
    let all = fs::read_dir("/proc").unwrap();
    let all = all.filter_map(|it| it.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let own = all.filter(|pid| stat(*pid).is_some_and(|it| it.1 == parent));
    let own: Vec<u32> = own.collect();
    assert_eq!(own.len(), 1, "{own:?}");
    own[0]
}

fn send(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// The kernel gives the first process no signal that it has no handler for, and all orphans. What a
/// shell started before it became Portway is a child that Portway knows nothing of: its end is not
/// Portway's, nor taken by it from whoever waits for it.
#[test]
fn as_the_first_process_it_ends_when_asked_and_minds_its_own_children() {
    if let Err(why) = may_have_namespaces() {
        return not_shown("portway run as process 1", why);
    }
    let ports = [free_port(), free_port()];
    let dir = Dir::new().with("guide.yaml", guide(ports)).with(
        "services.yaml",
        services([backend::start("foo"), backend::start("bar")]),
    );
    let mut run = namespace();
    run.args([
        "sh",
        "-c",
        "sleep 1000 >&- 2>&- & test $$ = 1 && exec \"$@\"",
        "sh",
    ]);
    run.arg(env!("CARGO_BIN_EXE_portway"));
    run.args(["run", "-f", dir.path(), "--workers", "1", "--admin", "off"]);
    let mut running = Running::start(run);
    running.wait_for("INFO ready");
    let first = child_of(running.id());
    let stranger = child_of(first);
    send(stranger, Signal::KILL);
    let deadline = Instant::now() + DEADLINE;
    while stat(stranger).is_none_or(|it| it.0 != 'Z') {
        assert!(Instant::now() < deadline, "{:?}", stat(stranger));
        thread::yield_now();
    }
    assert_eq!(talk(loopback(ports[0])[0]), "foo");
    assert_eq!(stat(stranger), Some(('Z', first)));
    send(first, Signal::TERM);
    assert_eq!(running.wait().code(), Some(0), "{}", running.seen());
    for said in ["draining", "stopped"] {
        assert!(running.seen().contains(said), "{}", running.seen());
    }
}
