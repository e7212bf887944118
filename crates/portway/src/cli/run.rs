//! `portway run`: be the gateway that the files describe.

use std::collections::BTreeSet;
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use portway_control::diagnostic::{Diagnostic, Severity};
use portway_control::origin::Source;
use portway_control::snapshot::{CONTROLLER_NAME, Facts, Objects, Snapshot, Target};
use portway_control::translate::translate;
use portway_engine::limits::DIAL_TIMEOUT;
use tracing::level_filters::LevelFilter;
use tracing::{error, info, warn};

use super::admin::AdminArgs;
use super::input::{InputArgs, Strictness, in_order, n_of};
use super::wait;
use crate::access_log::{AccessLog, Form, To};
use crate::admin::{self, Readiness};
use crate::board::{Board, Shown, place_of};
use crate::conn_log::ConnLog;
use crate::exit::Exit;
use crate::host::{self, LOW_PORT_HELP};
use crate::inputs::Inputs;
use crate::limits::{DRAIN_TIMEOUT, FIRST_TABLE_TIMEOUT, WORKERS_MAX};
use crate::logging::{self, Format};
use crate::render::{self, Paint};
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

    /// Worker threads; by default one a core.
    #[arg(
        long,
        value_name = "N",
        env = "PORTWAY_WORKERS", hide_env_values = true,
        value_parser = clap::value_parser!(u16).range(1..=i64::from(WORKERS_MAX))
    )]
    workers: Option<u16>,

    /// Longest wait for one endpoint before the next is tried; by default 5s.
    #[arg(
        long,
        value_name = "WAIT",
        env = "PORTWAY_DIAL_TIMEOUT",
        hide_env_values = true,
        value_parser = wait::parse
    )]
    dial_timeout: Option<Duration>,

    /// Longest wait for open connections at the end; by default 30s.
    #[arg(
        long,
        value_name = "WAIT",
        env = "PORTWAY_DRAIN_TIMEOUT",
        hide_env_values = true,
        value_parser = wait::parse
    )]
    drain_timeout: Option<Duration>,

    #[command(flatten)]
    admin: AdminArgs,

    /// Write a record for each connection that is over, on stdout unless --access-log-file is given.
    #[arg(
        long,
        value_enum,
        value_name = "FORM",
        env = "PORTWAY_ACCESS_LOG",
        hide_env_values = true
    )]
    access_log: Option<RecordArg>,

    /// Append the records to this file, which SIGHUP opens again.
    #[arg(
        long,
        value_name = "PATH",
        requires = "access_log",
        env = "PORTWAY_ACCESS_LOG_FILE",
        hide_env_values = true
    )]
    access_log_file: Option<PathBuf>,

    /// Form of the log on stderr.
    #[arg(
        long,
        value_enum,
        default_value = "text",
        env = "PORTWAY_LOG_FORMAT",
        hide_env_values = true
    )]
    log_format: FormatArg,

    /// What is logged: off, error, warn, info, debug (a line for each connection) or trace.
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "info",
        env = "PORTWAY_LOG_LEVEL",
        hide_env_values = true
    )]
    log_level: LevelFilter,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatArg {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RecordArg {
    /// A line of `key=value`
    Text,
    /// One JSON object a line
    Json,
}

/// Runs until a signal comes.
///
/// # Errors
/// When the input cannot be read, or nothing can listen.
pub(crate) fn run(args: Args) -> Result<Exit> {
    let format = match args.log_format {
        FormatArg::Text => Format::Text,
        FormatArg::Json => Format::Json,
    };
    logging::start(format, args.log_level);
    let strictness = args.input.strictness();
    let (inputs, objects) = args.input.open()?;
    let config = Config {
        proxy: portway_proxy::Config {
            workers: workers(args.workers)?,
            dial_timeout: args.dial_timeout.unwrap_or(DIAL_TIMEOUT),
            measure_paths: args.access_log.is_some(),
        },
        drain_timeout: args.drain_timeout.unwrap_or(DRAIN_TIMEOUT),
    };
    if strictness == Strictness::Strict
        && let Some(exit) = refuse_if_broken(&inputs, &objects, format)
    {
        return Ok(exit);
    }
    let board = Arc::new(Board::new("run"));
    let doors = args.admin.doors();
    let admin = admin::serve(&doors, Arc::<Board>::clone(&board))?;
    let access_log = access_log(args.access_log, args.access_log_file, &board)?;
    let pen = access_log.as_ref().map(AccessLog::pen);
    let mut connections = ConnLog::new();
    let tell = move |record: &_| {
        connections.tell(record);
        if let Some(pen) = &pen {
            pen.tell(record);
        }
    };
    let mut standalone = Standalone::start(&config, objects, Some(inputs), tell)?;
    board.observe(standalone.observer());
    let mut log = Log::new(strictness, format, Arc::clone(&board));
    log.tell_findings(&standalone);
    if let Some(exit) = await_first_table(&mut standalone, &mut log)? {
        return Ok(exit);
    }
    loop {
        match standalone.next(None)? {
            Change::Translated => log.tell(&standalone),
            Change::Stop => break,
            Change::WorkerDied => return Ok(worker_died()),
        }
    }
    board.set_readiness(Readiness::Draining);
    systemd::stopping();
    standalone.shutdown();
    if let Some(access_log) = access_log {
        access_log.finish();
    }
    drop(admin);
    Ok(Exit::Fine)
}

/// The start is over when the workers have the first table and something listens.
fn await_first_table(standalone: &mut Standalone, log: &mut Log) -> Result<Option<Exit>> {
    let deadline = Instant::now() + FIRST_TABLE_TIMEOUT;
    match standalone.next(Some(deadline))? {
        Change::Translated => {}
        Change::Stop => return Ok(Some(Exit::Fine)),
        Change::WorkerDied => return Ok(Some(worker_died())),
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
    let why = host::refusal(error);
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            bail!("no listener could be bound; {addr}: {why}\n{LOW_PORT_HELP}")
        }
        _ => bail!("no listener could be bound; {addr}: {why}"),
    }
}

fn access_log(
    form: Option<RecordArg>,
    file: Option<PathBuf>,
    board: &Arc<Board>,
) -> Result<Option<AccessLog>> {
    let Some(form) = form else {
        return Ok(None);
    };
    let form = match form {
        RecordArg::Text => Form::Text,
        RecordArg::Json => Form::Json,
    };
    let to = file.map_or(To::Stdout, To::File);
    let log = AccessLog::start(form, to, board.observer())?;
    board.count_records(log.tally());
    Ok(Some(log))
}

fn worker_died() -> Exit {
    error!("a worker died: a defect of Portway, ending");
    Exit::WorkerDied
}

fn workers(asked: Option<u16>) -> Result<NonZeroUsize> {
    match asked.and_then(|n| NonZeroUsize::new(usize::from(n))) {
        Some(n) => Ok(n),
        None => thread::available_parallelism().context("find out how many cores there are"),
    }
}

/// With `--strict`, problems in the input are a reason not to start.
fn refuse_if_broken(inputs: &Inputs, objects: &Objects, format: Format) -> Option<Exit> {
    let translation = translate(&Snapshot {
        target: Target::Standalone,
        controller_name: CONTROLLER_NAME.into(),
        objects: objects.clone(),
        facts: Facts::default(),
    });
    let mut findings = inputs.diagnostics(objects);
    findings.extend(translation.diagnostics);
    let sources = inputs.sources();
    let findings = in_order(findings, &sources, Strictness::Strict);
    let n_errors = n_of(Severity::Error, &findings);
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
        self.states.tell(standalone.translation());
        self.show(standalone);
        let is_low = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
        let mut refused = standalone.refused().iter();
        if let Some((addr, _)) = refused.find(|(_, error)| is_low(error))
            && !self.is_low_port_told
            && standalone.bound().next().is_some()
        {
            warn!(%addr, help = LOW_PORT_HELP, "port not allowed");
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
        self.told = findings;
        for error in new.iter().filter(|it| it.severity == Severity::Error) {
            let what = format!("{}: {}", error.code, error.what);
            self.board.config_error(what, place_of(&error.place));
        }
        if let Some(inputs) = standalone.inputs().filter(|_| !new.is_empty()) {
            let sources = inputs.sources();
            tell_findings(
                &in_order(new, &sources, self.strictness),
                &sources,
                self.format,
            );
        }
    }

    /// Shows on the board what is served now.
    fn show(&self, standalone: &Standalone) {
        if let Some((version, time)) = standalone.progress() {
            self.board.handed_out(version);
            if let Some(time) = time {
                self.board.applied(version, time);
            }
        }
        let refused = standalone.refused().iter();
        self.board.show(Shown {
            objects: standalone.objects().clone(),
            translation: standalone.translation().clone(),
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
            render::stderr(&shown);
        }
        Format::Json => findings.iter().for_each(tell_finding),
    }
}

fn tell_finding(finding: &Diagnostic) {
    let code = finding.code.to_string();
    let (file, line) = (finding.place.source.as_deref(), finding.place.span.line);
    let Diagnostic { what, .. } = finding;
    let (effect, help) = (finding.effect.as_deref(), finding.help.as_deref());
    match finding.severity {
        Severity::Error => error!(code, file, line, what, effect, help, "problem in the input"),
        Severity::Warning => warn!(code, file, line, what, effect, help, "problem in the input"),
        Severity::Note => info!(code, file, line, what, effect, help, "note on the input"),
    }
}
