//! Large transfers: up and then the reply after the FIN, down, and both at once.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::prove::gateway::Settings;
use crate::prove::measure;
use crate::prove::stage::Stage;
use crate::prove::transfer::{Manner, Order, Transfer, Transfers};
use crate::tally::say;

pub(super) fn run(stage: &Stage) -> Result<()> {
    let n_bytes = stage.pick(1 << 30, 64 << 20);
    let transfer = |n_upload, n_download, order| Transfer {
        n_upload,
        n_download,
        order,
        client: Manner::EAGER,
        backend: Manner::EAGER,
    };
    let all = [
        (
            "up, and after the FIN the reply",
            transfer(n_bytes, n_bytes, Order::ReplyAfterFin),
        ),
        (
            "down, the client having sent its FIN at once",
            transfer(0, n_bytes, Order::AtOnce),
        ),
        (
            "down, and after the FIN up",
            transfer(n_bytes, n_bytes, Order::UploadAfterFin),
        ),
        ("both at once", transfer(n_bytes, n_bytes, Order::AtOnce)),
    ];
    for (what, transfer) in all {
        let transfers = Transfers::prepare(stage.seed, vec![transfer])?;
        let front = stage.front(&[transfers.backend()], &Settings::default())?;
        let start = Instant::now();
        let bad = transfers.run(front.addr, 1);
        let seconds = start.elapsed().as_secs_f64();
        ensure!(bad.is_empty(), "{what}: {bad:?}");
        let gib = transfers.n_bytes() as f64 / f64::from(1 << 30);
        let mut line = format!("  {what}: {gib:.3} GiB, every byte right, {seconds:.2} s");
        if let Some(gateway) = &front.gateway {
            let cpu = measure::cpu(gateway.pid())?.as_secs_f64();
            line += &format!(", portway's own CPU {:.3} s/GiB", cpu / gib);
        }
        say(&line);
        front.end()?;
    }
    Ok(())
}
