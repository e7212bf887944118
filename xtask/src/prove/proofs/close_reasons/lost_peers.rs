//! Peers that vanish without a word, and what the kernel says of them two minutes later.
//!
//! In: a namespace of our own. Out: the reasons. To lose a peer, packets *from* its port find no
//! way any more (`ip rule`), as when a cable is pulled. Never: a reset or FIN, which the peer's
//! socket would like to send. Spec: `TCP_USER_TIMEOUT` and keepalive in tcp(7).

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Seen, connected, settings};
use crate::prove::gateway::Gateway;
use crate::prove::manifest::Plan;
use crate::prove::sockets;
use crate::prove::stage::Stage;
use crate::tally::say;

/// What only the kernel's timeouts bring about.
pub(super) const REASONS: [&str; 2] = ["client_timeout", "backend_timeout"];

/// Longest wait: the two minutes of `TCP_USER_TIMEOUT`, and the kernel's next probe.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(180);

/// Two connections, of each of which one peer is lost.
#[derive(Debug)]
pub(super) struct LostPeers {
    gateway: Gateway,
    /// The client is lost while nothing is under way: keepalive must notice.
    idle: (TcpStream, TcpStream),
    /// The endpoint is lost with a byte under way.
    busy: (TcpStream, TcpStream),
    since: Instant,
}

impl LostPeers {
    /// Connects, and loses them.
    ///
    /// # Errors
    /// When `ip` cannot do it.
    pub(super) fn lose(stage: &Stage) -> Result<Self> {
        let listener = sockets::listen_anywhere()?;
        let plan = Plan::to(&[listener.local_addr()?])?;
        let gateway = Gateway::start(stage, &plan, &settings())?;
        let mut busy = connected(gateway.addr(0)?, &listener)?;
        let idle = connected(gateway.addr(0)?, &listener)?;
        // Rules are asked in order, and the one for local addresses comes first: make room before.
        ip(&["rule", "add", "pref", "100", "lookup", "local"])?;
        ip(&["rule", "del", "pref", "0"])?;
        cut_off(idle.0.local_addr()?, gateway.addr(0)?)?;
        cut_off(busy.1.local_addr()?, busy.1.peer_addr()?)?;
        busy.0.write_all(b"is anybody there?")?;
        Ok(Self {
            gateway,
            idle,
            busy,
            since: Instant::now(),
        })
    }

    /// Waits until the kernel has given up on both.
    ///
    /// # Errors
    /// When it does not, or another reason is told.
    pub(super) fn found(mut self, seen: &mut Seen) -> Result<()> {
        let clients = [self.idle.0.local_addr()?, self.busy.0.local_addr()?];
        let said = [
            (
                "client_timeout",
                "the client vanished from an idle connection",
            ),
            (
                "backend_timeout",
                "the endpoint vanished with bytes under way",
            ),
        ];
        for _ in said {
            let (client, reason) = self.gateway.reason_of_any(&clients, GIVEN_UP_WITHIN)?;
            let which = usize::from(client == clients[1]);
            let (want, what) = said[which];
            ensure!(reason == want, "{what}: the reason is {reason}, not {want}");
            seen.insert(reason, what);
        }
        sockets::expect_reset(&self.idle.1).context("the endpoint whose client vanished")?;
        sockets::expect_reset(&self.busy.0).context("the client whose endpoint vanished")?;
        let seconds = self.since.elapsed().as_secs();
        say(&format!(
            "  the kernel gave up on two vanished peers after {seconds} s"
        ));
        self.gateway.end()
    }
}

/// Nothing that this peer sends to the other arrives any more.
fn cut_off(peer: SocketAddr, other: SocketAddr) -> Result<()> {
    let (from, to) = (peer.port().to_string(), other.port().to_string());
    let rule = [
        "rule", "add", "pref", "50", "ipproto", "tcp", "sport", &from, "dport", &to,
    ];
    ip(&[&rule[..], &["blackhole"]].concat())
}

fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(arguments).output();
    let output = output.context("run ip (iproute2)")?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "ip {}: {told}",
        arguments.join(" ")
    );
    Ok(())
}
