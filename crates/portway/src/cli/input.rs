//! `-f`: what `run` and `check` read, and what is wrong with it.
//!
//! In: [`InputArgs`]. Out: an [`Input`]: objects, sources, and the findings of reading.

use std::io;
use std::path::PathBuf;

use clap::Args;
use portway_control::diagnostic::{Diagnostic, NOT_TEXT, Severity};
use portway_control::manifest::{self, Reading};
use portway_control::origin::{Place, Source, Span};
use portway_control::snapshot::{CONTROLLER_NAME, Facts, Snapshot, Target};
use portway_control::translate::{Translation, translate};

use crate::source_files::{self, NotText, SourceError};

/// What to read.
#[derive(Debug, Args)]
pub(crate) struct InputArgs {
    /// A file, a directory, or `-` for standard input; may be given several times.
    ///
    /// A directory is read with all below it: *.yaml, *.yml and *.json, without names that start
    /// with a dot. PORTWAY_FILE holds one path.
    #[arg(
        short = 'f',
        long = "file",
        value_name = "PATH",
        required = true,
        env = "PORTWAY_FILE",
        hide_env_values = true
    )]
    files: Vec<PathBuf>,

    /// Take warnings for errors: also objects that are missing and that a cluster may have.
    #[arg(long, env = "PORTWAY_STRICT", hide_env_values = true)]
    strict: bool,
}

/// How warnings are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// As warnings.
    Usual,
    /// As errors.
    Strict,
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Input {
    /// The texts, for snippets.
    pub(crate) sources: Vec<Source>,
    /// The objects in them, and what reading found.
    pub(crate) reading: Reading,
    /// How warnings are taken.
    pub(crate) strictness: Strictness,
}

impl InputArgs {
    /// Reads everything.
    ///
    /// # Errors
    /// When a path cannot be read.
    pub(crate) fn read(&self) -> Result<Input, SourceError> {
        let strictness = match self.strict {
            true => Strictness::Strict,
            false => Strictness::Usual,
        };
        Input::read(&self.files, strictness)
    }
}

impl Input {
    /// Reads all of `paths`.
    ///
    /// # Errors
    /// When a path cannot be read.
    pub(crate) fn read(paths: &[PathBuf], strictness: Strictness) -> Result<Self, SourceError> {
        let files = source_files::read(paths, &mut io::stdin().lock())?;
        let mut reading = manifest::read(&files.texts);
        let not_text = files.binary.iter().map(not_text);
        reading.diagnostics.extend(not_text);
        Ok(Self {
            sources: files.texts,
            reading,
            strictness,
        })
    }

    /// The input of a translation for `target`, with nothing known of the world.
    pub(crate) fn snapshot(&self, target: Target) -> Snapshot {
        Snapshot {
            target,
            controller_name: CONTROLLER_NAME.into(),
            objects: self.reading.objects.clone(),
            facts: Facts::default(),
        }
    }

    /// What it means for `target`, with nothing known of the world.
    pub(crate) fn preview(&self, target: Target) -> Translation {
        translate(&self.snapshot(target))
    }

    /// The findings of reading and of translating, in order of the input.
    pub(crate) fn findings(&self, translated: &[Diagnostic]) -> Vec<Diagnostic> {
        let read = self.reading.diagnostics.iter();
        let mut all: Vec<Diagnostic> = read.chain(translated).cloned().collect();
        let position = |diagnostic: &Diagnostic| {
            let name = diagnostic.place.source.as_ref()?;
            self.sources.iter().position(|source| source.name == *name)
        };
        all.sort_by_cached_key(|it| (position(it), it.clone()));
        if self.strictness == Strictness::Strict {
            let warnings = all.iter_mut().filter(|it| it.severity == Severity::Warning);
            warnings.for_each(|it| it.severity = Severity::Error);
        }
        all
    }
}

/// How many findings there are of a severity.
pub(crate) fn n_of(severity: Severity, diagnostics: &[Diagnostic]) -> usize {
    let such = diagnostics.iter().filter(|it| it.severity == severity);
    such.count()
}

fn not_text(file: &NotText) -> Diagnostic {
    let place = Place {
        source: Some(file.name.clone()),
        span: Span {
            line: file.line,
            column: file.column,
            ..Span::default()
        },
        field: String::new(),
    };
    let what = format!("`{}` is not UTF-8 text", file.name);
    Diagnostic::new(Severity::Error, NOT_TEXT, place, what)
        .effect("nothing in this file is used")
        .help("save it as UTF-8, or leave it out")
}
