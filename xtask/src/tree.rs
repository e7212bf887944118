//! The files of the repository, as text and, where they are Rust, parsed.
//!
//! In: what git tracks or would track. Out: a [`Tree`]. Never: what git ignores.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};

use crate::repo::{at_root, root};
use crate::source::Source;

/// The repository as the rules see it.
pub(crate) struct Tree {
    /// All text files by their path from the root.
    pub(crate) files: BTreeMap<String, String>,
    /// Those that are Rust.
    pub(crate) sources: Vec<Source>,
}

impl Tree {
    /// Reads what git tracks, and what is new and not ignored.
    ///
    /// # Errors
    /// When git cannot tell, or a Rust file does not parse.
    pub(crate) fn read() -> Result<Self> {
        let output = at_root("git")
            .args(["ls-files", "-z", "--cached", "--others"])
            .arg("--exclude-standard")
            .output()
            .context("run git, which tells what belongs to the repository")?;
        ensure!(
            output.status.success(),
            "git does not know this tree: tidy needs a checkout"
        );
        let list = String::from_utf8_lossy(&output.stdout);
        let mut files = BTreeMap::new();
        for path in list.split('\0').filter(|path| !path.is_empty()) {
            // Tracked and deleted, or not text: nothing to look at.
            let Ok(bytes) = fs::read(root().join(path)) else {
                continue;
            };
            if let Ok(text) = String::from_utf8(bytes) {
                files.insert(path.to_owned(), text);
            }
        }
        Self::of(files)
    }

    /// A tree of these files.
    ///
    /// # Errors
    /// When a Rust file does not parse.
    pub(crate) fn of(files: BTreeMap<String, String>) -> Result<Self> {
        let rust = files.iter().filter(|(path, _)| path.ends_with(".rs"));
        let mut sources = rust
            .map(|(path, text)| Source::parse(path, text))
            .collect::<Result<Vec<_>>>()?;
        crate::source::mark_tests(&mut sources);
        Ok(Self { files, sources })
    }

    /// The Rust of a crate that is built into it, tests left out.
    pub(crate) fn sources_of(&self, root: &str) -> impl Iterator<Item = &Source> {
        let src = format!("{root}/src/");
        let sources = self.sources.iter();
        sources.filter(move |source| !source.is_test && source.path.starts_with(&src))
    }

    /// The roots of all packages, by their manifests: `crates/portway-engine`.
    pub(crate) fn packages(&self) -> impl Iterator<Item = &str> {
        let paths = self.files.keys();
        paths.filter_map(|path| path.strip_suffix("/Cargo.toml"))
    }
}
