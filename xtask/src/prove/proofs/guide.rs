//! The guide verbatim: `portway run -f examples/tcp-routing`, on its own ports and endpoints.
//!
//! Each stream is greeted by the backend it reached, sends more than a buffer and its FIN, and gets
//! everything back. Then the same with the routes attached in the other ways.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};

use crate::prove::bytes::{Block, Check};
use crate::prove::gateway::{Gateway, Settings};
use crate::prove::peer::Echo;
use crate::prove::sockets;
use crate::prove::stage::{Stage, write};
use crate::repo::root;
use crate::tally::say;

/// The guide's ports.
const PORTS: [u16; 2] = [8080, 8090];

/// The endpoints of its two Services.
const ENDPOINTS: [&str; 2] = ["127.0.0.1:6000", "127.0.0.2:6000"];

/// Bytes of one stream, each way: several buffers.
const STREAM_BYTES: u64 = 300_000;

/// How the routes name their listener, and who answers then.
struct Attachment {
    name: &'static str,
    foo: &'static str,
    bar: &'static str,
    answers: [&'static str; 2],
}

const ATTACHMENTS: [Attachment; 4] = [
    Attachment {
        name: "by sectionName",
        foo: "    sectionName: foo\n",
        bar: "    sectionName: bar\n",
        answers: ["foo", "bar"],
    },
    Attachment {
        name: "by port",
        foo: "    port: 8080\n",
        bar: "    port: 8090\n",
        answers: ["foo", "bar"],
    },
    Attachment {
        name: "by both",
        foo: "    sectionName: foo\n    port: 8080\n",
        bar: "    sectionName: bar\n    port: 8090\n",
        answers: ["foo", "bar"],
    },
    // Both routes want both listeners; the older one gets them.
    Attachment {
        name: "by neither",
        foo: "",
        bar: "",
        answers: ["foo", "foo"],
    },
];

pub(super) fn run(stage: &Stage) -> Result<()> {
    let example = root().join("examples/tcp-routing");
    for (endpoint, name) in ENDPOINTS.iter().zip(["foo", "bar"]) {
        Echo::start_at(endpoint.parse()?, &format!("{name}\n"))?;
    }
    let block = Block::new(stage.seed);
    check(stage, &example, ["foo", "bar"], &block)?;
    say("  examples/tcp-routing as it stands: 8080 to foo, 8090 to bar, IPv4 and IPv6");
    for version in ["v1alpha2", "v1"] {
        for attachment in &ATTACHMENTS {
            let dir = variant(stage, &example, version, attachment)?;
            let Attachment { name, answers, .. } = attachment;
            check(stage, &dir, *answers, &block).with_context(|| format!("{version} {name}"))?;
            let [first, second] = answers;
            say(&format!(
                "  {version} {name}: 8080 to {first}, 8090 to {second}"
            ));
        }
    }
    Ok(())
}

/// A copy of the guide whose routes are of this version and attached so.
fn variant(
    stage: &Stage,
    example: &Path,
    version: &str,
    attachment: &Attachment,
) -> Result<PathBuf> {
    let dir = stage.subdir(&format!("{version} {}", attachment.name))?;
    let replaced = |text: &str, from: &str, to: &str| {
        ensure!(text.contains(from), "the guide has no {from:?}");
        Ok(text.replace(from, to))
    };
    for name in ["tcp-routing.yaml", "services.yaml"] {
        let mut text = fs::read_to_string(example.join(name))?;
        if name == "tcp-routing.yaml" {
            text = replaced(&text, "networking.k8s.io/v1alpha2", &group(version))?;
            text = replaced(&text, "    sectionName: foo\n", attachment.foo)?;
            text = replaced(&text, "    sectionName: bar\n", attachment.bar)?;
        }
        write(&dir.join(name), text)?;
    }
    Ok(dir)
}

fn group(version: &str) -> String {
    format!("networking.k8s.io/{version}")
}

fn check(stage: &Stage, dir: &Path, answers: [&str; 2], block: &Block) -> Result<()> {
    let gateway = Gateway::start_with(stage, dir, PORTS.to_vec(), &Settings::default())?;
    for (port, answer) in PORTS.into_iter().zip(answers) {
        let families: [SocketAddr; 2] = [
            (Ipv4Addr::LOCALHOST, port).into(),
            (Ipv6Addr::LOCALHOST, port).into(),
        ];
        for addr in families {
            let name = talk(addr, block).with_context(|| format!("stream to {addr}"))?;
            ensure!(name == answer, "{addr} led to {name}, not to {answer}");
        }
    }
    gateway.end()
}

/// Hears the greeting, sends a stream and FIN, and gets it all back; gives the greeting.
fn talk(to: SocketAddr, block: &Block) -> Result<String> {
    let mut client = sockets::connect(to)?;
    let mut greeting = [0; 4];
    client.read_exact(&mut greeting)?;
    let stream = block.stream(u64::from(to.port()));
    let mut sent = vec![0; usize::try_from(STREAM_BYTES)?];
    stream.fill(0, &mut sent);
    let mut check = Check::new(stream);
    thread::scope(|scope| {
        let sending = scope.spawn(|| {
            (&client).write_all(&sent)?;
            client.shutdown(Shutdown::Write)
        });
        let mut buffer = [0; 65_536];
        loop {
            match (&client).read(&mut buffer)? {
                0 => break,
                n => check.take(&buffer[..n])?,
            }
        }
        check.is_complete(STREAM_BYTES)?;
        sending
            .join()
            .map_err(|_| anyhow!("the sender panicked"))?
            .context("send")
    })?;
    Ok(String::from_utf8_lossy(&greeting).trim_end().to_owned())
}
