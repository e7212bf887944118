//! README's first command: `portway demo` as it stands, from start to Ctrl-C.
//!
//! It must say that it is up; then real streams go through both listeners, over IPv4 and IPv6, each
//! greeted by its own Service and echoed byte for byte; and Ctrl-C must end it with 0.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use crate::prove::limits::DEADLINE;
use crate::prove::process::Running;
use crate::prove::sockets;
use crate::prove::stage::Stage;
use crate::tally::say;

/// The example's ports, and the Service that must answer there.
const WAYS: [(u16, &str); 2] = [(8080, "my-foo-service"), (8090, "my-bar-service")];

/// What is sent: less than any buffer, since nobody reads while we write.
const WORDS: &str = "a line that comes back";

pub(super) fn run(stage: &Stage) -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["prove-part", "exec", "--"]);
    command.arg(stage.portway()?).arg("demo");
    let mut demo = Running::start("portway demo", command, &stage.log("demo"))?;
    demo.wait_for("line that says how to end it", |line| {
        line.contains("Ctrl-C ends the demo")
    })?;
    for (port, service) in WAYS {
        let families: [SocketAddr; 2] = [
            (Ipv4Addr::LOCALHOST, port).into(),
            (Ipv6Addr::LOCALHOST, port).into(),
        ];
        for addr in families {
            talk(addr, service).with_context(|| format!("stream to {addr}"))?;
            say(&format!("  {addr}: greeted by {service}, and echoed"));
        }
    }
    demo.signal(Signal::INT)?;
    let status = demo.wait(DEADLINE)?;
    ensure!(
        status.success(),
        "Ctrl-C ended it with {status}{}",
        demo.tail()
    );
    Ok(())
}

fn talk(to: SocketAddr, service: &str) -> Result<()> {
    let mut client = sockets::connect(to)?;
    client.write_all(WORDS.as_bytes())?;
    client.shutdown(Shutdown::Write)?;
    let mut heard = String::new();
    client.read_to_string(&mut heard)?;
    let (greeting, echo) = heard.split_once('\n').context("no greeting")?;
    ensure!(greeting.contains(service), "greeted by {greeting:?}");
    ensure!(echo == WORDS, "{echo:?} came back");
    Ok(())
}
