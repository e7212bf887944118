//! Hostile input to `portway check`: whatever it is given, it ends soon, stays small and says what
//! is wrong. All cases are tried; those that fail are told at the end.

mod cases;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use self::cases::{Case, Input};
use crate::prove::measure;
use crate::prove::stage::{Stage, write};
use crate::tally::say;

/// Longest time of one.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Most memory of one, in KiB.
const PEAK_KIB_MAX: u64 = 1_536 * 1024;

/// Most it may write about one, in bytes.
const OUTPUT_BYTES_MAX: u64 = 64 << 20;

/// Wait between two looks at the memory of a process.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// How it went.
struct Outcome {
    seconds: f64,
    peak_kib: u64,
    output_bytes: u64,
    code: Option<i32>,
    /// The last line it wrote to stderr.
    last_line: String,
}

pub(super) fn run(stage: &Stage) -> Result<()> {
    let mut bad = Vec::new();
    let scale = stage.pick(1, 8);
    for case in cases::all(scale) {
        let outcome = try_one(stage, &case).with_context(|| case.name.to_owned())?;
        let verdict = judge(&case, &outcome);
        let Outcome {
            seconds,
            peak_kib,
            output_bytes,
            ..
        } = outcome;
        let code = outcome
            .code
            .map_or_else(|| "none".into(), |it| it.to_string());
        say(&format!(
            "  {:<44} exit {code}, {seconds:5.2} s, {:4} MiB, {output_bytes} bytes out",
            case.name,
            peak_kib / 1024,
        ));
        if let Err(why) = verdict {
            say(&format!(
                "    WRONG: {why}; its last line: {}",
                outcome.last_line
            ));
            bad.push(case.name);
        }
    }
    ensure!(
        bad.is_empty(),
        "{} inputs are not stood: {}",
        bad.len(),
        bad.join("; ")
    );
    Ok(())
}

fn judge(case: &Case, outcome: &Outcome) -> Result<()> {
    let Some(code) = outcome.code else {
        bail!("it was ended by a signal, or after {TIME_MAX:?} by us");
    };
    ensure!(
        case.codes.contains(&code),
        "exit {code}, not one of {:?}",
        case.codes
    );
    let (seconds, peak_kib) = (outcome.seconds, outcome.peak_kib);
    ensure!(seconds <= TIME_MAX.as_secs_f64(), "it took {seconds:.1} s");
    ensure!(peak_kib <= PEAK_KIB_MAX, "it took {peak_kib} KiB");
    let output_bytes = outcome.output_bytes;
    ensure!(
        output_bytes <= OUTPUT_BYTES_MAX,
        "it wrote {output_bytes} bytes"
    );
    ensure!(code == 0 || output_bytes > 0, "it fails without a word");
    Ok(())
}

fn try_one(stage: &Stage, case: &Case) -> Result<Outcome> {
    let dir = stage.subdir("input")?;
    let mut command = Command::new(stage.portway()?);
    command.args(["check", "-f"]).stdin(Stdio::null());
    match &case.input {
        Input::File(make) => {
            let path = dir.join(case.file);
            write(&path, make())?;
            command.arg(path);
        }
        Input::Endless => {
            command.arg("-").stdin(File::open("/dev/zero")?);
        }
        Input::Device(path) => {
            command.arg(path);
        }
        Input::Circle => {
            std::os::unix::fs::symlink(&dir, dir.join("again"))?;
            write(&dir.join("a.yaml"), "a: [")?;
            command.arg(&dir);
        }
    }
    let (stdout, stderr) = (stage.log("stdout"), stage.log("stderr"));
    command.stdout(File::create(&stdout)?);
    command.stderr(File::create(&stderr)?);
    let start = Instant::now();
    let mut child = command.spawn().context("start portway")?;
    let (code, peak_kib) = watch(&mut child, start)?;
    let seconds = start.elapsed().as_secs_f64();
    fs::remove_dir_all(&dir)?;
    Ok(Outcome {
        seconds,
        peak_kib,
        output_bytes: size(&stdout)? + size(&stderr)?,
        code,
        last_line: last_line(&stderr)?,
    })
}

/// Waits for its end, and looks at its memory meanwhile: the kernel keeps the peak, so that only
/// what it takes in its last two milliseconds can be missed.
fn watch(child: &mut Child, start: Instant) -> Result<(Option<i32>, u64)> {
    let mut peak_kib = 0;
    loop {
        peak_kib = peak_kib.max(measure::peak_kib(child.id()).unwrap_or(0));
        if let Some(status) = child.try_wait()? {
            return Ok((status.code(), peak_kib));
        }
        if start.elapsed() > TIME_MAX + Duration::from_secs(1) || peak_kib > 2 * PEAK_KIB_MAX {
            child.kill()?;
        }
        thread::sleep(LOOK_EVERY);
    }
}

fn size(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path)?.len())
}

fn last_line(path: &Path) -> Result<String> {
    let text = fs::read(path)?;
    let end = &text[text.len().saturating_sub(400)..];
    let end = String::from_utf8_lossy(end);
    Ok(end.trim_end().lines().last().unwrap_or_default().to_owned())
}
