//! A machine outside of the cluster: a network namespace of its own, behind a wire to the node.
//!
//! In: nothing. Out: connections from an address that no node and no pod has. Never: a trace of it,
//! once it is dropped: the namespace goes with its process, the wire with the namespace.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The node's end of the wire, and its addresses.
const NODE_LINK: &str = "portway-out";
const NODE_ADDRESS: &str = "172.31.99.1";
const ADDRESS: Ipv4Addr = Ipv4Addr::new(172, 31, 99, 2);

/// The machine.
pub(crate) struct Outside {
    /// Holds the namespace.
    holder: Child,
}

/// A program there; it ends with this.
pub(crate) struct Client(Child);

impl Outside {
    /// Makes it; whoever calls is in the node's network.
    ///
    /// # Errors
    /// When the kernel or `ip` refuse.
    pub(crate) fn make() -> Result<Self> {
        // It says that it is there, and waits for an end of its stdin, which comes with ours.
        let mut holder = Command::new("unshare");
        holder.args(["--net", "sh", "-c", "echo there; read _"]);
        holder.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = holder.spawn().context("start unshare")?;
        let said = holder.stdout.take().context("its stdout")?;
        let outside = Self { holder };
        let mut line = String::new();
        BufReader::new(said)
            .read_line(&mut line)
            .context("hear of the namespace")?;
        ensure!(line.trim() == "there", "no network namespace can be made");
        let pid = outside.holder.id().to_string();
        let net = |cidr: &str| format!("{cidr}/30");
        let (node, own) = (net(NODE_ADDRESS), net(&ADDRESS.to_string()));
        run(Command::new("ip").args([
            "link", "add", NODE_LINK, "type", "veth", "peer", "name", "wire", "netns", &pid,
        ]))?;
        run(Command::new("ip").args(["address", "add", &node, "dev", NODE_LINK]))?;
        run(Command::new("ip").args(["link", "set", NODE_LINK, "up"]))?;
        run(outside
            .inside("ip")
            .args(["address", "add", &own, "dev", "wire"]))?;
        run(outside.inside("ip").args(["link", "set", "wire", "up"]))?;
        run(outside
            .inside("ip")
            .args(["route", "add", "default", "via", NODE_ADDRESS]))?;
        Ok(outside)
    }

    /// Its address.
    pub(crate) const fn address(&self) -> Ipv4Addr {
        ADDRESS
    }

    /// A connection that was greeted, and stays until it is dropped.
    ///
    /// # Errors
    /// When nobody greets.
    pub(crate) fn connect(&self, to: SocketAddr) -> Result<Client> {
        let script = format!(
            "exec 3<>/dev/tcp/{}/{} && read -r -t 10 line <&3 && echo \"$line\" && read _",
            to.ip(),
            to.port()
        );
        let mut client = self.inside("bash");
        client.args(["-c", &script]);
        client.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut client = client.spawn().context("start a client")?;
        let said = client.stdout.take().context("its stdout")?;
        let client = Client(client);
        let mut line = String::new();
        BufReader::new(said)
            .read_line(&mut line)
            .context("hear of the client")?;
        ensure!(!line.is_empty(), "nobody greets a client from outside");
        Ok(client)
    }

    fn inside(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        let namespace = format!("--net=/proc/{}/ns/net", self.holder.id());
        command.args([&namespace, "--", program]);
        command
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("run {command:?}"))?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}", error.trim());
    Ok(())
}
