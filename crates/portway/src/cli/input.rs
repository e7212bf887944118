//! `-f`: what `run` and `check` read, and what is wrong with it.
//!
//! In: [`InputArgs`]. Out: an [`Input`]: objects, sources, and the findings of reading.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
use portway_control::diagnostic::{Diagnostic, Severity};
use portway_control::manifest::{self, Reading};
use portway_control::origin::Source;
use portway_control::snapshot::{CONTROLLER_NAME, Coverage, Facts, Objects, Snapshot, Target};
use portway_control::translate::{Translation, translate};

use crate::admin::ADMIN_ADDR;
use crate::inputs::{Inputs, not_read, not_text};
use crate::source_files::{self, SourceError};

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
    #[arg(
        long,
        env = "PORTWAY_STRICT",
        hide_env_values = true,
        value_parser = BoolishValueParser::new()
    )]
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
    /// Whether a cluster was read, too.
    coverage: Coverage,
    /// How warnings are taken.
    pub(crate) strictness: Strictness,
}

impl InputArgs {
    /// Reads everything.
    ///
    /// # Errors
    /// When a path cannot be read.
    pub(crate) fn read(&self) -> Result<Input, SourceError> {
        Input::read(&self.files, self.strictness())
    }

    /// Reads everything, to be read again when it changes.
    ///
    /// # Errors
    /// When a path cannot be read.
    pub(crate) fn open(self) -> Result<(Inputs, Objects), SourceError> {
        Inputs::open(self.files)
    }

    /// How warnings are taken.
    pub(crate) fn strictness(&self) -> Strictness {
        match self.strict {
            true => Strictness::Strict,
            false => Strictness::Usual,
        }
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
        let not_read = files.unread.iter().map(not_read);
        reading.diagnostics.extend(not_read);
        Ok(Self {
            sources: files.texts,
            reading,
            coverage: Coverage::Part,
            strictness,
        })
    }

    /// Adds all that a cluster has, if one was read; what the files hold counts first.
    pub(crate) fn complete(&mut self, cluster: Option<Objects>) {
        if let Some(objects) = cluster {
            self.reading.objects.complete(objects);
            self.coverage = Coverage::Whole;
        }
    }

    /// The input of a translation for `target`, with nothing known of the world.
    pub(crate) fn snapshot(&self, target: Target) -> Snapshot {
        Snapshot {
            target,
            controller_name: CONTROLLER_NAME.into(),
            objects: self.reading.objects.clone(),
            facts: Facts {
                coverage: self.coverage,
                // Where `run` has its admin server unless it is told otherwise.
                admin: vec![ADMIN_ADDR],
                ..Facts::default()
            },
        }
    }

    /// What it means for `target`, with nothing known of the world.
    pub(crate) fn preview(&self, target: Target) -> Translation {
        translate(&self.snapshot(target))
    }

    /// The findings of reading and of translating, in order of the input.
    pub(crate) fn findings(&self, translated: &[Diagnostic]) -> Vec<Diagnostic> {
        let read = self.reading.diagnostics.iter();
        let all = read.chain(translated).cloned().collect();
        in_order(all, &self.sources, self.strictness)
    }
}

/// Findings in order of the input, as serious as they are taken.
pub(crate) fn in_order(
    mut all: Vec<Diagnostic>,
    sources: &[Source],
    strictness: Strictness,
) -> Vec<Diagnostic> {
    let named = sources.iter().zip(0..);
    let positions: BTreeMap<&str, usize> = named.map(|(it, at)| (&*it.name, at)).collect();
    let position = |diagnostic: &Diagnostic| {
        let name = diagnostic.place.source.as_deref()?;
        positions.get(name).copied()
    };
    all.sort_by_cached_key(|it| (position(it), it.clone()));
    if strictness == Strictness::Strict {
        let warnings = all.iter_mut().filter(|it| it.severity == Severity::Warning);
        warnings.for_each(|it| it.severity = Severity::Error);
    }
    all
}

/// How many findings there are of a severity.
pub(crate) fn n_of(severity: Severity, diagnostics: &[Diagnostic]) -> usize {
    let such = diagnostics.iter().filter(|it| it.severity == severity);
    such.count()
}
