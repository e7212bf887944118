//! Protocols whose server speaks first: the greeting must come while the client says nothing.

use std::io::Read;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::prove::crowd::Crowd;
use crate::prove::gateway::Settings;
use crate::prove::peer::Echo;
use crate::prove::sockets;
use crate::prove::stage::Stage;
use crate::tally::say;

const GREETING: &str = "220 mail.example.com ESMTP ready\r\n";

/// Clients that wait for a greeting, one after the other.
const CLIENTS: usize = 200;

pub(super) fn run(stage: &Stage) -> Result<()> {
    let front = stage.front(&[Echo::start(GREETING)?], &Settings::default())?;
    let start = Instant::now();
    for number in 0..CLIENTS {
        let mut client = sockets::connect(front.addr)?;
        let mut heard = vec![0; GREETING.len()];
        client
            .read_exact(&mut heard)
            .with_context(|| format!("client {number} waits for the greeting"))?;
        ensure!(heard == GREETING.as_bytes(), "another greeting came");
    }
    let each = start.elapsed() / u32::try_from(CLIENTS)?;
    say(&format!(
        "  {CLIENTS} clients were greeted without a word, {each:.0?} each"
    ));
    front.end()?;

    // The same when the client does speak later.
    let front = stage.front(&[Echo::start("")?], &Settings::default())?;
    let mut crowd = Crowd::gather(front.addr, 10)?;
    crowd.echo(100)?;
    crowd.leave()?;
    front.end()
}
