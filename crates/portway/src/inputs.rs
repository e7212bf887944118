//! The objects in the files of `-f`, while these change.
//!
//! In: paths, then [`Dirty`] ones. Out: objects, and what is wrong with the files. A file that cannot
//! be read as a whole any more keeps the objects of the last text that could, loudly; when there was
//! none, at the start or because the file is new, what is whole of it is used. A file that lacks
//! objects it had may be about to be written, and one that is gone may be about to come back, here or
//! under another name: it is believed when it says so twice. Never: a decision what objects mean.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use std::{fs, io, thread};

use portway_control::api::Kind;
use portway_control::diagnostic::{Diagnostic, NOT_READ, NOT_TEXT, Severity};
use portway_control::manifest::collect::{Collection, Rank};
use portway_control::manifest::{SourceReading, read_source};
use portway_control::origin::{ObjectKey, Place, Source, Span};
use portway_control::snapshot::Objects;
use tracing::{error, info};

use crate::limits::{
    DOUBT, DOUBT_MAX, DOUBT_WHILE_WRITTEN_MAX, READ_ALONE_MAX, READERS_MAX, UNREAD_INTERVAL,
};
use crate::source_files::{NotText, Refresh, SourceError, Text, Tracked};
use crate::watch::{Dirty, Watch};

/// The files and what was read of them.
#[derive(Debug)]
pub(crate) struct Inputs {
    tracked: Tracked,
    collection: Collection,
    /// The texts that objects were read from.
    sources: BTreeMap<Rank, Source>,
    /// Files that are not used as they are now.
    faults: BTreeMap<Rank, Fault>,
    /// Files that are believed only when they say the same again.
    doubts: BTreeMap<Rank, Doubt>,
    /// Files that are gone, while their objects stay.
    gone: BTreeMap<Rank, Wait>,
    /// What could not be looked at the last time.
    unread: Vec<String>,
    /// When that is tried again.
    retry: Option<Instant>,
    /// Whether everything was read for the first time.
    is_open: bool,
}

/// A file that lacks objects it had, while they stay.
#[derive(Debug)]
struct Doubt {
    /// What it says.
    source: Source,
    /// The objects that would go if it were believed.
    lost: BTreeSet<ObjectKey>,
    /// Those that it gives.
    gives: BTreeSet<ObjectKey>,
    wait: Wait,
}

/// How long what a file lacks, or that it is gone, is not believed.
#[derive(Debug, Clone, Copy)]
struct Wait {
    /// When it is looked at again.
    due: Instant,
    /// When it is believed whatever else comes or goes.
    latest: Instant,
    /// When it is believed whatever is being written.
    while_written: Instant,
}

impl Wait {
    fn from(now: Instant) -> Self {
        Self {
            due: now + DOUBT,
            latest: now + DOUBT_MAX,
            while_written: now + DOUBT_WHILE_WRITTEN_MAX,
        }
    }
}

/// What came of a look at files.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    /// The kinds of objects that came, changed or went.
    pub(crate) kinds: BTreeSet<Kind>,
    /// Whether anything is different, be it a finding.
    pub(crate) is_news: bool,
}

/// A file that keeps what it had.
#[derive(Debug)]
struct Fault {
    /// Its text, unless it is none.
    source: Option<Source>,
    diagnostics: Vec<Diagnostic>,
}

/// What is not used as it is now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Unused {
    /// Files, in their order.
    pub(crate) files: Vec<UnusedFile>,
    /// What could not be looked at, and why.
    pub(crate) unread: Vec<String>,
}

/// A file that is not used as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnusedFile {
    /// Its name.
    pub(crate) file: String,
    /// Errors in it.
    pub(crate) n_errors: usize,
    /// Whether what it held before stays; otherwise nothing of it is used.
    pub(crate) holds: bool,
}

impl Inputs {
    /// Reads everything for the first time.
    ///
    /// # Errors
    /// When a path cannot be read.
    pub(crate) fn open(paths: Vec<PathBuf>) -> Result<(Self, Objects), SourceError> {
        let (tracked, refresh) = Tracked::open(paths, &mut io::stdin().lock())?;
        let mut inputs = Self {
            tracked,
            collection: Collection::default(),
            sources: BTreeMap::new(),
            faults: BTreeMap::new(),
            doubts: BTreeMap::new(),
            gone: BTreeMap::new(),
            unread: Vec::new(),
            retry: None,
            is_open: false,
        };
        let mut objects = Objects::default();
        inputs.take(&mut objects, refresh, Instant::now());
        inputs.is_open = true;
        Ok((inputs, objects))
    }

    /// Hears of changes from now on; those since the first reading are taken in at once.
    pub(crate) fn follow(&mut self, objects: &mut Objects, watch: Watch, now: Instant) {
        let refresh = self.tracked.follow(watch);
        self.take(objects, refresh, now);
    }

    /// Reads again what is dirty, if something happened, and what is in doubt for long enough.
    pub(crate) fn refresh(
        &mut self,
        objects: &mut Objects,
        dirty: Option<&Dirty>,
        now: Instant,
    ) -> Looked {
        let mut refresh = dirty.map_or_else(Refresh::default, |it| self.tracked.refresh(it));
        // What keeps a file from being read may end unheard: nobody tells of free descriptors.
        if self.retry.is_some_and(|retry| retry <= now) && !refresh.is_of_all {
            self.tracked.retry_unread(&mut refresh);
        }
        let due = self
            .doubts
            .iter()
            .filter(|(_, doubt)| doubt.wait.due <= now);
        let due: BTreeSet<Rank> = due.map(|(rank, _)| *rank).collect();
        if !due.is_empty() {
            self.tracked.look_again(&due, &mut refresh);
        }
        let looked = self.take(objects, refresh, now);
        self.put_off_doubts(now);
        looked
    }

    /// A file in doubt that was not read says nothing. If files are being written it may be one of
    /// them, and its doubt goes on; one that cannot be read keeps what it had until something happens.
    fn put_off_doubts(&mut self, now: Instant) {
        let is_written = self.tracked.is_written();
        let waits = self.doubts.values_mut().map(|doubt| &mut doubt.wait);
        let due = waits.filter(|wait| wait.due <= now);
        for wait in due.filter(|_| is_written) {
            wait.due = match now < wait.while_written {
                true => now + DOUBT,
                false => now + DOUBT_MAX,
            };
        }
        self.doubts.retain(|_, doubt| doubt.wait.due > now);
    }

    /// When a refresh is due though nothing is dirty.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        let doubts = self.doubts.values().map(|doubt| doubt.wait.due);
        let gone = self.gone.values().map(|gone| gone.due);
        doubts.chain(gone).chain(self.retry).min()
    }

    /// Whether everything that was read is believed, nothing missed, and nothing about to be read.
    pub(crate) fn is_sure(&self) -> bool {
        let mut names = self.gone.keys().filter_map(|it| self.sources.get(it));
        let is_unread = names.all(|it| self.tracked.is_unread(&it.name));
        self.doubts.is_empty() && is_unread && !self.tracked.is_written()
    }

    /// All that is wrong with the files, in order.
    pub(crate) fn diagnostics(&self, objects: &Objects) -> Vec<Diagnostic> {
        let mut all = self.collection.diagnostics(objects);
        all.extend(self.faults.values().flat_map(|it| it.diagnostics.clone()));
        all
    }

    /// What is not used as it is now.
    pub(crate) fn unused(&self) -> Unused {
        let files = self.faults.iter().map(|(rank, fault)| {
            let found = fault.diagnostics.iter();
            let n_errors = found.filter(|it| it.severity == Severity::Error).count();
            let named = fault.diagnostics.first();
            let file = named.and_then(|it| it.place.source.as_deref());
            UnusedFile {
                file: file.unwrap_or_default().to_owned(),
                n_errors,
                holds: self.sources.contains_key(rank),
            }
        });
        let files = files.collect();
        let unread = self.unread.clone();
        Unused { files, unread }
    }

    /// The texts that diagnostics point into: of a file that keeps what it had its text now.
    pub(crate) fn sources(&self) -> Vec<Source> {
        let now = |(rank, source): (&Rank, &Source)| {
            let fault = self.faults.get(rank).and_then(|it| it.source.as_ref());
            fault.unwrap_or(source).clone()
        };
        let new = self
            .faults
            .iter()
            .filter(|(rank, _)| !self.sources.contains_key(rank));
        let new = new.filter_map(|(_, fault)| fault.source.clone());
        self.sources.iter().map(now).chain(new).collect()
    }

    /// Takes in what was read.
    fn take(&mut self, objects: &mut Objects, refresh: Refresh, now: Instant) -> Looked {
        // A look at some says nothing of what else could not be read.
        let unread = match refresh.is_of_all {
            true => Vec::new(),
            false => self.unread.clone(),
        };
        // Whatever else happens puts it off no further.
        let retry = self.retry.filter(|retry| now < *retry);
        let retry = retry.unwrap_or(now + UNREAD_INTERVAL);
        self.retry = self.tracked.has_unread().then_some(retry);
        let mut is_news = self.tell_unread(&refresh.errors, unread);
        is_news |= !refresh.texts.is_empty() || !refresh.renumbered.is_empty();
        let renumbered = self.renumber(objects, &refresh.renumbered);
        let mut ahead = self.read_ahead(&refresh.texts);
        let mut exchange = Vec::new();
        for (rank, text) in refresh.texts {
            match text {
                None => {
                    self.doubts.remove(&rank);
                    self.faults.remove(&rank);
                    self.miss(rank, now);
                }
                Some(Text::Is(source)) => {
                    let reading = ahead.remove(&rank);
                    exchange.extend(self.take_text(objects, rank, (source, reading), now));
                }
                Some(Text::Not(binary)) => {
                    self.gone.remove(&rank);
                    let fault = Fault {
                        source: None,
                        diagnostics: vec![not_text(&binary)],
                    };
                    self.fault(rank, &binary.name, fault);
                }
            }
        }
        self.believe_moved(&mut exchange);
        self.believe_gone(&mut exchange, now);
        is_news |= !exchange.is_empty();
        let mut kinds = self.collection.exchange(objects, exchange);
        kinds.extend(renumbered);
        Looked { kinds, is_news }
    }

    /// Files have other ranks now, and whatever is known of them goes with them. It happens when many
    /// files came between two others, so that the texts that count are just read once more.
    fn renumber(
        &mut self,
        objects: &mut Objects,
        steps: &[BTreeMap<Rank, Rank>],
    ) -> BTreeSet<Kind> {
        fn moved<T>(of: &mut BTreeMap<Rank, T>, to: &BTreeMap<Rank, Rank>) {
            let all = std::mem::take(of).into_iter();
            *of = all
                .filter_map(|(rank, it)| Some((*to.get(&rank)?, it)))
                .collect();
        }
        if steps.is_empty() {
            return BTreeSet::new();
        }
        let mut exchange: Vec<_> = self.sources.keys().map(|rank| (*rank, None)).collect();
        for to in steps {
            moved(&mut self.sources, to);
            moved(&mut self.faults, to);
            moved(&mut self.doubts, to);
            self.gone.clear();
        }
        let sources = self.sources.iter();
        exchange.extend(sources.map(|(rank, source)| (*rank, Some(read_source(source)))));
        self.collection.exchange(objects, exchange)
    }

    /// A file is gone. While files go on coming and going it may still come back.
    fn miss(&mut self, rank: Rank, now: Instant) {
        for gone in self.gone.values_mut() {
            gone.due = (now + DOUBT).min(gone.latest);
        }
        if self.sources.contains_key(&rank) {
            self.gone.entry(rank).or_insert_with(|| Wait::from(now));
        } else {
            self.tracked.let_go(rank);
        }
    }

    /// Believes files in doubt whose lost objects are in others by now. Those that give each other
    /// what they lack are believed together.
    fn believe_moved(&mut self, exchange: &mut Vec<(Rank, Option<SourceReading>)>) {
        if self.doubts.is_empty() {
            return;
        }
        let came = exchange.iter().filter_map(|(_, it)| it.as_ref());
        let came: BTreeSet<&ObjectKey> = came.flat_map(SourceReading::keys).collect();
        let mut believed: BTreeSet<Rank> = self.doubts.keys().copied().collect();
        loop {
            let doubts = believed.iter().filter_map(|it| self.doubts.get(it));
            let given: BTreeSet<&ObjectKey> = doubts.flat_map(|it| &it.gives).collect();
            let is_elsewhere = |key: &ObjectKey| came.contains(key) || given.contains(key);
            let is_whole = |it: &Doubt| it.lost.iter().all(is_elsewhere);
            let whole = believed.iter().copied();
            let whole: BTreeSet<Rank> = whole
                .filter(|it| self.doubts.get(it).is_some_and(is_whole))
                .collect();
            if whole.len() == believed.len() {
                break;
            }
            believed = whole;
        }
        for rank in believed {
            if let Some(Doubt { source, .. }) = self.doubts.remove(&rank) {
                self.repaired(rank, &source.name);
                exchange.push((rank, Some(read_source(&source))));
                self.sources.insert(rank, source);
            }
        }
    }

    /// Exchanges for nothing what is gone for long enough, or has come back, or whose objects are all
    /// in other files now.
    fn believe_gone(&mut self, exchange: &mut Vec<(Rank, Option<SourceReading>)>, now: Instant) {
        if self.gone.is_empty() {
            return;
        }
        let came = exchange
            .iter()
            .filter_map(|(at, it)| Some((at, it.as_ref()?)));
        let names = came.clone().filter_map(|(at, _)| self.sources.get(at));
        let names: BTreeSet<_> = names.map(|it| Arc::clone(&it.name)).collect();
        let keys: BTreeSet<_> = came.flat_map(|(_, it)| it.keys()).collect();
        let mut believed = Vec::new();
        for (rank, gone) in &mut self.gone {
            let Some(source) = self.sources.get(rank) else {
                believed.push(*rank);
                continue;
            };
            if names.contains(&source.name) || self.collection.is_covered(*rank, &keys) {
                believed.push(*rank);
            } else if gone.due <= now && self.tracked.is_unread(&source.name) {
                gone.due = now + UNREAD_INTERVAL;
            } else if gone.due <= now {
                // One that is there again and was not read is being written: its end will be heard.
                if fs::metadata(&*source.name).is_ok_and(|it| it.is_file()) {
                    gone.due = now + DOUBT_MAX;
                } else if self.tracked.is_written() && now < gone.while_written {
                    gone.due = now + DOUBT;
                } else {
                    believed.push(*rank);
                }
            }
        }
        for rank in believed {
            self.gone.remove(&rank);
            self.tracked.let_go(rank);
            if self.sources.remove(&rank).is_some() {
                exchange.push((rank, None));
            }
        }
    }

    /// Reads what is different on several cores, if it is much. What is not read here is read when it
    /// is taken in.
    fn read_ahead(&self, texts: &BTreeMap<Rank, Option<Text>>) -> BTreeMap<Rank, SourceReading> {
        let sources = texts.iter().filter_map(|(rank, text)| match text {
            Some(Text::Is(source)) => Some((*rank, source)),
            _ => None,
        });
        let is_other = |(rank, source): &(Rank, &Source)| self.sources.get(rank) != Some(*source);
        let sources: Vec<(Rank, &Source)> = sources.filter(is_other).collect();
        if sources.len() <= READ_ALONE_MAX {
            return BTreeMap::new();
        }
        let n_cores = thread::available_parallelism().map_or(1, usize::from);
        let share = sources.len().div_ceil(n_cores.min(READERS_MAX));
        let read_all = |share: &[(Rank, &Source)]| -> Vec<(Rank, SourceReading)> {
            let read = share.iter().map(|(rank, it)| (*rank, read_source(it)));
            read.collect()
        };
        thread::scope(|scope| {
            let (own, others) = sources.split_at(share);
            let readers = others.chunks(share).map(|share| {
                let reader = thread::Builder::new().name("reader".into());
                reader.spawn_scoped(scope, || read_all(share))
            });
            let readers: Vec<_> = readers.collect();
            let own = read_all(own);
            let others = readers.into_iter().filter_map(|it| it.ok()?.join().ok());
            own.into_iter().chain(others.flatten()).collect()
        })
    }

    /// A text that changed: what is to be exchanged for it.
    fn take_text(
        &mut self,
        objects: &Objects,
        rank: Rank,
        (source, reading): (Source, Option<SourceReading>),
        now: Instant,
    ) -> Option<(Rank, Option<SourceReading>)> {
        self.gone.remove(&rank);
        if self.sources.get(&rank) == Some(&source) {
            self.doubts.remove(&rank);
            self.repaired(rank, &source.name);
            return None;
        }
        let reading = reading.unwrap_or_else(|| read_source(&source));
        let before = self.sources.get(&rank);
        if !reading.is_whole() && before.is_some_and(|it| it.name == source.name) {
            let (name, diagnostics) = (source.name.clone(), reading.diagnostics().to_vec());
            let source = Some(source);
            self.fault(
                rank,
                &name,
                Fault {
                    source,
                    diagnostics,
                },
            );
            return None;
        }
        let lost = self.collection.lost(objects, rank, &reading);
        if !lost.is_empty() && self.doubt(rank, &source, (lost, &reading), now) {
            return None;
        }
        self.doubts.remove(&rank);
        self.repaired(rank, &source.name);
        self.sources.insert(rank, source);
        Some((rank, Some(reading)))
    }

    /// Whether to wait before a file is believed that lacks objects it had.
    fn doubt(
        &mut self,
        rank: Rank,
        source: &Source,
        (lost, reading): (BTreeSet<ObjectKey>, &SourceReading),
        now: Instant,
    ) -> bool {
        let before = self.doubts.get(&rank);
        let is_same = before.is_some_and(|it| it.source == *source);
        let mut wait = before.map_or_else(|| Wait::from(now), |it| it.wait);
        if !is_same {
            wait.due = now + DOUBT;
        }
        if self.tracked.is_written() && now < wait.while_written {
            wait.due = wait.due.max(now + DOUBT);
        } else if wait.latest <= now || wait.due <= now {
            return false;
        }
        let doubt = Doubt {
            source: source.clone(),
            lost,
            gives: reading.keys().cloned().collect(),
            wait,
        };
        self.doubts.insert(rank, doubt);
        true
    }

    fn fault(&mut self, rank: Rank, file: &str, mut fault: Fault) {
        self.doubts.remove(&rank);
        if self.sources.contains_key(&rank) {
            fault.diagnostics.iter_mut().for_each(hold);
            let errors = fault.diagnostics.iter();
            let problems = errors.filter(|it| it.severity == Severity::Error).count();
            error!(
                file,
                problems, "file not used as it is now, what it held before stays"
            );
        }
        self.faults.insert(rank, fault);
    }

    fn repaired(&mut self, rank: Rank, file: &str) {
        if self.faults.remove(&rank).is_some() {
            info!(file, "file used again as it is");
        }
    }

    /// Tells once what cannot be read, and once that it can again. Whether that is different now.
    fn tell_unread(&mut self, errors: &[SourceError], mut unread: Vec<String>) -> bool {
        for cause in errors.iter().map(in_words) {
            if !unread.contains(&cause) {
                unread.push(cause);
            }
        }
        let known: BTreeSet<&String> = self.unread.iter().collect();
        for cause in unread.iter().filter(|it| !known.contains(it)) {
            match self.is_open {
                true => error!(cause, "files not read, what they held before stays"),
                false => error!(cause, "file not read, the others are used"),
            }
        }
        if unread.is_empty() && !self.unread.is_empty() {
            info!("files read again");
        }
        let is_other = self.unread != unread;
        self.unread = unread;
        is_other
    }
}

/// What is found in a file that keeps what it had does nothing yet.
fn hold(finding: &mut Diagnostic) {
    let held = "none yet: what the file held before stays in force";
    finding.effect = Some(match &finding.effect {
        Some(effect) => format!("{held}; if it is read anew, at a start say: {effect}"),
        None => held.to_owned(),
    });
}

/// An error with its cause.
fn in_words(error: &SourceError) -> String {
    let cause = std::error::Error::source(error);
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// What is said of a file that cannot be read, while others can.
pub(crate) fn not_read(error: &SourceError) -> Diagnostic {
    let (file, what) = match error {
        SourceError::Unreadable { path, source } => {
            let file = path.display().to_string();
            let what = format!("`{file}` cannot be read: {source}");
            (Some(file.into()), what)
        }
        _ => (None, in_words(error)),
    };
    let place = Place {
        source: file,
        ..Place::default()
    };
    Diagnostic::new(Severity::Error, NOT_READ, place, what)
        .effect("nothing in this file is used; the others are")
        .help("see to its permissions and where it leads, or remove it")
}

/// What is said of a file that is no text.
pub(crate) fn not_text(file: &NotText) -> Diagnostic {
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

#[cfg(test)]
mod tests;
