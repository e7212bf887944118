//! Drains: a histogram of closes. `spread` ends connections evenly over its time and never more than
//! the cap a second; `now` ends them at once; `keep` and everybody else are not touched.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::prove::crowd::Crowd;
use crate::prove::gateway::{Gateway, Settings};
use crate::prove::manifest::{Backend, Plan};
use crate::prove::peer::Echo;
use crate::prove::sockets::Next;
use crate::prove::stage::Stage;
use crate::tally::say;

/// Closes a second over all workers, as documented.
const CAP_PER_SECOND: usize = 1000;

/// Closes come in steps of the timer, so a second may show those of one step more.
const STEP_SHARE: usize = 5;

/// What a proof does with connections whose endpoint is taken away.
struct Case {
    drain: &'static str,
    n_clients: usize,
    /// Within which the last must have ended, and a bit.
    time: Duration,
    /// Whether each second must show its even share.
    is_even: bool,
}

pub(super) fn run(stage: &Stage) -> Result<()> {
    let n = |full: usize, short: usize| stage.pick(full, short);
    let spread = stage.pick(("spread=10s", 10), ("spread=5s", 5));
    case(
        stage,
        &Case {
            drain: spread.0,
            n_clients: n(3000, 1000),
            time: Duration::from_secs(spread.1),
            is_even: true,
        },
    )?;
    case(
        stage,
        &Case {
            drain: "spread=1s",
            n_clients: n(3500, 2200),
            time: Duration::from_secs(u64::try_from(n(3500, 2200) / CAP_PER_SECOND)? + 1),
            is_even: false,
        },
    )?;
    case(
        stage,
        &Case {
            drain: "now",
            n_clients: n(3000, 1000),
            time: Duration::ZERO,
            is_even: false,
        },
    )
}

/// Connects everybody, takes the endpoint away, and counts who ends when.
fn case(stage: &Stage, case: &Case) -> Result<()> {
    let (gone, next) = (Echo::start("")?, Echo::start("")?);
    let mut plan = Plan::to(&[gone])?.with(vec![Backend::with(&[gone])])?;
    let mut gateway = Gateway::start(stage, &plan, &Settings::default())?;
    let mut drained = Crowd::gather(gateway.addr(0)?, case.n_clients)?;
    let mut kept = Crowd::gather(gateway.addr(1)?, 50)?;
    drained.echo(8)?;
    kept.echo(8)?;

    // Both lose their endpoint; only the first route has a drain.
    for listener in &mut plan.listeners {
        listener.backends = vec![Backend::with(&[next])];
    }
    let named = format!(
        "{{name: r0, annotations: {{portway.dev/drain: {}}}}}",
        case.drain
    );
    let text = plan.to_yaml().replace("{name: r0}", &named);
    let first = plan.listeners.first().map_or(0, |it| it.port);
    let path = stage.dir.join(format!("manifests-{first}/proof.yaml"));
    let start = Instant::now();
    replace(&path, &text)?;
    let ends = ends(&drained, start, case.time + Duration::from_secs(5))?;
    tell(case, &ends)?;
    kept.echo(8)?;
    ensure!(kept.len() == 50, "some were touched that had no drain");
    gateway.wait_for("connections lost their place, draining")?;
    drop((drained, kept));
    gateway.end()
}

/// When each client was reset, counted from `start`.
fn ends(crowd: &Crowd, start: Instant, most: Duration) -> Result<Vec<Duration>> {
    let mut open: Vec<usize> = (0..crowd.len()).collect();
    let mut ends = Vec::new();
    while !open.is_empty() {
        ensure!(
            start.elapsed() < most,
            "{} of {} still open after {most:?}",
            open.len(),
            crowd.len()
        );
        let now = start.elapsed();
        let mut still = Vec::with_capacity(open.len());
        for number in open {
            match crowd.peek(number)? {
                None => still.push(number),
                Some(Next::Reset) => ends.push(now),
                Some(other) => bail!("client {number} got {other:?}, not a reset"),
            }
        }
        open = still;
        thread::sleep(Duration::from_millis(5));
    }
    Ok(ends)
}

/// Shows the histogram and holds it against the case.
fn tell(case: &Case, ends: &[Duration]) -> Result<()> {
    let last = ends.iter().max().copied().unwrap_or_default();
    let n_seconds = usize::try_from(last.as_secs())? + 1;
    let mut seconds = vec![0_usize; n_seconds];
    for end in ends {
        seconds[usize::try_from(end.as_secs())?] += 1;
    }
    say(&format!(
        "  {}: {} closes, by second {seconds:?}, the last after {:.2} s",
        case.drain,
        ends.len(),
        last.as_secs_f64()
    ));
    let most = CAP_PER_SECOND + CAP_PER_SECOND / STEP_SHARE;
    let is_capped = case.drain == "now" || seconds.iter().all(|it| *it <= most);
    ensure!(is_capped, "more than {CAP_PER_SECOND} closes in a second");
    ensure!(
        last <= case.time + Duration::from_secs(2),
        "the last ended after {last:?}, {:?} were given",
        case.time
    );
    if case.is_even {
        let share = ends.len() / usize::try_from(case.time.as_secs())?;
        let whole = &seconds[..usize::try_from(case.time.as_secs())?.min(seconds.len())];
        ensure!(
            whole.iter().all(|it| (share / 2..=share * 2).contains(it)),
            "about {share} a second were due"
        );
    }
    Ok(())
}

fn replace(path: &Path, text: &str) -> Result<()> {
    let beside = path.with_extension("new");
    fs::write(&beside, text)?;
    Ok(fs::rename(beside, path)?)
}
