//! `portway run`: be the gateway that the files describe.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use portway_control::diagnostic::{Diagnostic, Severity};
use portway_control::origin::{Source, Span};
use portway_control::snapshot::{CONTROLLER_NAME, Facts, Objects, Snapshot, Target};
use portway_control::translate::translate;
use tracing::{error, info, warn};

use super::input::{InputArgs, Strictness, in_order, n_of};
use super::plane::PlaneArgs;
use crate::access_log::AccessLog;
use crate::admin::{self, At, Door, Readiness};
use crate::board::{Board, Shown, place_of};
use crate::conn_log::{ConnLog, Heard};
use crate::exit::Exit;
use crate::host::{self, LOW_PORT_HELP};
use crate::inputs::Inputs;
use crate::limits::FIRST_TABLE_TIMEOUT;
use crate::logging::{self, Format};
use crate::render::{self, Paint};
use crate::signals::Signals;
use crate::state_log::StateLog;
use crate::systemd;
use crate::wiring::{Change, Config, Standalone};

/// Be the gateway that the objects in files describe
///
/// Listens on this host for every Gateway in the files and sends each connection where its route
/// says. Needs no cluster and no root. What is broken is said and left out, the rest works.
/// Files may change while it runs: what they say then holds for new connections, open ones go on.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  portway run -f examples/tcp-routing
  portway run -f /etc/portway --strict --log-format json
  PORTWAY_LOG_LEVEL=debug portway run -f gateway.yaml    a line for each connection

Signals:
  SIGHUP            read all files again; changed ones are noticed without it
  SIGTERM, SIGINT   accept no more, let open connections finish up to --drain-timeout, then exit;
                    a second one ends at once

Exit codes:
  0   ended by a signal
  1   not started: problems in the input, with --strict
  2   could not run: unreadable input, or not one listener could be bound at the start
  70  a worker died: a defect, please report it")]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,

    #[command(flatten)]
    plane: PlaneArgs,
}

/// Runs until a signal comes.
///
/// # Errors
/// When the input cannot be read, or nothing can listen.
pub(crate) fn run(args: Args) -> Result<Exit> {
    let plane = args.plane;
    let format = plane.log.start();
    let signals = Signals::catch().context("watch for signals")?;
    let strictness = args.input.strictness();
    let (inputs, objects) = args.input.open()?;
    let proxy = plane.config()?;
    let doors = plane.admin.doors();
    if strictness == Strictness::Strict
        && let Some(exit) = refuse_if_broken(&inputs, (&objects, &doors), format)
    {
        return Ok(exit);
    }
    let board = Arc::new(Board::new("run"));
    let admin = admin::serve(&doors, Arc::<Board>::clone(&board))?;
    let config = Config {
        proxy,
        drain_timeout: plane.drain_timeout(),
        admin: admin.addrs(),
    };
    let access_log = plane.access_log(&board)?;
    let pen = access_log.as_ref().map(AccessLog::pen);
    let mut connections = ConnLog::new(board.observer());
    let tell = move |heard: Heard<'_>| {
        if let (Heard::Closed(record), Some(pen)) = (heard, &pen) {
            pen.tell(record);
        }
        connections.hear(heard)
    };
    let mut standalone = Standalone::start(&config, Some(signals), objects, Some(inputs), tell)?;
    board.observe(standalone.observer());
    let mut log = Log::new(strictness, format, Arc::clone(&board));
    let exit = match serve(&mut standalone, &mut log) {
        Ok(End::Asked) => {
            board.set_readiness(Readiness::Draining);
            systemd::stopping();
            Ok(standalone.shutdown())
        }
        Ok(End::AtOnce(exit)) => {
            standalone.cut();
            Ok(exit)
        }
        Err(error) => {
            standalone.cut();
            Err(error)
        }
    };
    if let Some(access_log) = access_log {
        access_log.finish();
    }
    drop(admin);
    exit
}

/// How serving ends.
enum End {
    /// A signal asks for it: connections may finish.
    Asked,
    /// There is nothing to wait for.
    AtOnce(Exit),
}

/// Serves until there is a reason to end.
fn serve(standalone: &mut Standalone, log: &mut Log) -> Result<End> {
    log.tell_findings(standalone);
    log.show_progress(standalone);
    if let Some(exit) = await_first_table(standalone, log)? {
        return Ok(End::AtOnce(exit));
    }
    loop {
        match standalone.next(None)? {
            Change::Translated => log.tell(standalone),
            Change::Applied | Change::HandedOut => log.show_progress(standalone),
            Change::Stop => return Ok(End::Asked),
            Change::WorkerDied => return Ok(End::AtOnce(worker_died())),
        }
    }
}

/// The start is over when the workers have the first table and something listens.
fn await_first_table(standalone: &mut Standalone, log: &mut Log) -> Result<Option<Exit>> {
    let deadline = Instant::now() + FIRST_TABLE_TIMEOUT;
    loop {
        match standalone.next(Some(deadline))? {
            Change::Translated | Change::Applied => break,
            Change::HandedOut => log.show_progress(standalone),
            Change::Stop => return Ok(Some(Exit::Fine)),
            Change::WorkerDied => return Ok(Some(worker_died())),
        }
    }
    log.tell(standalone);
    let n_bound = standalone.bound().count();
    if n_bound > 0 {
        // Whoever hears of it may ask at once.
        log.board.set_readiness(Readiness::Ready);
        info!(sockets = n_bound, "ready");
        systemd::ready();
        return Ok(None);
    }
    let refused = standalone.refused();
    let Some((addr, error)) = refused.iter().next() else {
        bail!("nothing to listen on: no listener of a Gateway of ours is accepted");
    };
    let why = match standalone.facts().admin_at(*addr) {
        Some(admin) => format!(
            "Portway's own admin server is at {admin}; `--admin ADDR` gives it another address, \
             `--admin off` none"
        ),
        None => host::refusal(error),
    };
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            bail!("no listener could be bound; {addr}: {why}\n{LOW_PORT_HELP}")
        }
        _ => bail!("no listener could be bound; {addr}: {why}"),
    }
}

fn worker_died() -> Exit {
    error!("a worker died: a defect of Portway, ending");
    Exit::WorkerDied
}

/// With `--strict`, problems in the input are a reason not to start.
fn refuse_if_broken(
    inputs: &Inputs,
    (objects, doors): (&Objects, &[Door]),
    format: Format,
) -> Option<Exit> {
    let addr = |door: &Door| match door.at {
        At::Tcp(addr) => Some(addr),
        At::Socket(_) => None,
    };
    let translation = translate(&Snapshot {
        target: Target::Standalone,
        controller_name: CONTROLLER_NAME.into(),
        objects: objects.clone(),
        facts: Facts {
            admin: doors.iter().filter_map(addr).collect(),
            ..Facts::default()
        },
    });
    let mut findings = inputs.diagnostics(objects);
    findings.extend(translation.diagnostics);
    let sources = inputs.sources();
    let findings = in_order(findings, &sources, Strictness::Strict);
    // What could not be read was told when it was tried.
    let n_errors = n_of(Severity::Error, &findings) + inputs.unused().unread.len();
    if n_errors == 0 {
        return None;
    }
    tell_findings(&findings, &sources, format);
    error!(
        problems = n_errors,
        "not started: problems in the input, and --strict"
    );
    Some(Exit::Problems)
}

/// What `run` says about its state.
struct Log {
    strictness: Strictness,
    format: Format,
    told: BTreeSet<Diagnostic>,
    states: StateLog,
    is_low_port_told: bool,
    board: Arc<Board>,
}

impl Log {
    fn new(strictness: Strictness, format: Format, board: Arc<Board>) -> Self {
        Self {
            strictness,
            format,
            told: BTreeSet::new(),
            states: StateLog::default(),
            is_low_port_told: false,
            board,
        }
    }

    /// Tells the findings and the changes of state that are new.
    fn tell(&mut self, standalone: &Standalone) {
        self.tell_findings(standalone);
        let absent = &standalone.facts().absent;
        self.states.tell(standalone.translation(), absent);
        self.show(standalone);
        let is_low = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
        let mut refused = standalone.refused().iter();
        if let Some((addr, _)) = refused.find(|(_, error)| is_low(error))
            && !self.is_low_port_told
            && standalone.bound().next().is_some()
        {
            match self.format {
                Format::Text => {
                    warn!(%addr, "port not allowed");
                    logging::text(&format!("{LOW_PORT_HELP}\n"));
                }
                Format::Json => warn!(%addr, help = LOW_PORT_HELP, "port not allowed"),
            }
            self.is_low_port_told = true;
        }
    }

    fn tell_findings(&mut self, standalone: &Standalone) {
        let translated = &standalone.translation().diagnostics;
        let mut findings: BTreeSet<Diagnostic> = translated.iter().cloned().collect();
        if let Some(inputs) = standalone.inputs() {
            findings.extend(inputs.diagnostics(standalone.objects()));
        }
        let new: Vec<Diagnostic> = findings.difference(&self.told).cloned().collect();
        let in_short = |it: &Diagnostic| (format!("{}: {}", it.code, it.what), place_of(&it.place));
        let is_error = |it: &&Diagnostic| it.severity == Severity::Error;
        for (what, place) in new.iter().filter(is_error).map(in_short) {
            self.board.config_error(what, place);
        }
        let mended = self.told.difference(&findings).filter(is_error);
        for (what, place) in mended.map(in_short) {
            self.board.config_mended(&what, place.as_deref());
        }
        self.told = findings;
        if let Some(inputs) = standalone.inputs().filter(|_| !new.is_empty()) {
            let sources = inputs.sources();
            tell_findings(
                &in_order(new, &sources, self.strictness),
                &sources,
                self.format,
            );
        }
    }

    /// Shows on the board how far the newest table is.
    fn show_progress(&self, standalone: &Standalone) {
        if let Some((version, time)) = standalone.progress() {
            self.board.handed_out(version);
            if let Some(time) = time {
                self.board.applied(version, time);
            }
        }
    }

    /// Shows on the board what is served now.
    fn show(&self, standalone: &Standalone) {
        self.show_progress(standalone);
        let refused = standalone.refused().iter();
        self.board.show(Shown {
            objects: standalone.objects().clone(),
            facts: standalone.facts().clone(),
            translation: Arc::clone(standalone.translation()),
            unused: standalone.inputs().map(Inputs::unused).unwrap_or_default(),
            findings: self.told.iter().cloned().collect(),
            refused: refused
                .map(|(addr, error)| (*addr, host::refusal(error)))
                .collect(),
        });
    }
}

/// As `check` shows them, or an event each.
fn tell_findings(findings: &[Diagnostic], sources: &[Source], format: Format) {
    match format {
        Format::Text => {
            let shown = render::diagnostics::show(findings, sources, Paint::for_stderr());
            logging::text(&shown);
        }
        Format::Json => findings.iter().for_each(tell_finding),
    }
}

fn tell_finding(finding: &Diagnostic) {
    let code = finding.code.to_string();
    let file = finding.place.source.as_deref();
    let Span { line, column, .. } = finding.place.span;
    let Diagnostic { what, .. } = finding;
    let (effect, help) = (finding.effect.as_deref(), finding.help.as_deref());
    match finding.severity {
        Severity::Error => error!(
            code,
            file, line, column, what, effect, help, "problem in the input"
        ),
        Severity::Warning => warn!(
            code,
            file, line, column, what, effect, help, "problem in the input"
        ),
        Severity::Note => info!(
            code,
            file, line, column, what, effect, help, "note on the input"
        ),
    }
}
