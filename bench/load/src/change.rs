//! Changes: a file is replaced, and new connections are made until one obeys it.
//!
//! In: a file, versions of it that take turns, the address that only each of them leads to. Out:
//! how long each took, from the replacement to the end of the first exchange that obeyed. Never: a
//! file half written: each version is put beside it and takes its name in one step.

use std::fs;
use std::io::{Read, Write};
use std::net::IpAddr;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::args::DriveArgs;
use crate::dial::connect;
use crate::limits::{DEADLINE, LOOK};
use crate::protocol::Purpose;

/// Replaces the file so and so often.
pub(crate) fn run(args: &DriveArgs) -> Result<Value> {
    let file = args.file.as_deref().context("which file?")?;
    let name = file.file_name().context("a file without a name")?;
    let beside = file.with_file_name(format!(".{}.new", name.to_string_lossy()));
    ensure!(!args.version.is_empty(), "which versions?");
    let mut waits_ms = Vec::new();
    for index in 0..args.count {
        let turn = usize::try_from(index).unwrap_or(0) % args.version.len();
        let (version, addr) = args.version.get(turn).context("no version")?;
        fs::copy(version, &beside).with_context(|| format!("copy {}", version.display()))?;
        let start = Instant::now();
        fs::rename(&beside, file).with_context(|| format!("replace {}", file.display()))?;
        while whom(args)? != *addr {
            ensure!(start.elapsed() < DEADLINE, "no connection came to {addr}");
        }
        waits_ms.push(start.elapsed().as_secs_f64() * 1000.0);
        // Apart from each other, as changes by people are.
        thread::sleep(LOOK * 5);
    }
    Ok(json!({ "waits_ms": waits_ms }))
}

/// Whom a new connection reaches.
fn whom(args: &DriveArgs) -> Result<IpAddr> {
    let mut stream = connect(args, 0)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.write_all(&[Purpose::Where.to_byte()])?;
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .context("read whom we reached")?;
    answer.trim().parse().context("understand whom we reached")
}
