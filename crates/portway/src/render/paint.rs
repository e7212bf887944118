//! Colour, or none.
//!
//! In: whether a terminal reads, and `NO_COLOR` (no-color.org). Out: text with or without escapes.

use std::env;
use std::io::{self, IsTerminal};

use annotate_snippets::Renderer;
use annotate_snippets::renderer::{AnsiColor, Style};

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// For a terminal.
    Colour,
    /// For a file, a pipe, or somebody who wants none.
    Plain,
}

impl Paint {
    /// For stdout.
    pub(crate) fn for_stdout() -> Self {
        Self::of(io::stdout().is_terminal())
    }

    /// For stderr.
    pub(crate) fn for_stderr() -> Self {
        Self::of(io::stderr().is_terminal())
    }

    fn of(is_terminal: bool) -> Self {
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
        match is_terminal && !unwanted && !dumb {
            true => Self::Colour,
            false => Self::Plain,
        }
    }

    /// Whether escapes may be written.
    pub(crate) fn is_colour(self) -> bool {
        self == Self::Colour
    }

    /// The renderer of diagnostics.
    pub(crate) fn renderer(self) -> Renderer {
        match self {
            Self::Colour => Renderer::styled(),
            Self::Plain => Renderer::plain(),
        }
    }

    /// A heading.
    pub(crate) fn heading(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    /// What is beside the point.
    pub(crate) fn aside(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }

    /// What works.
    pub(crate) fn good(self, text: &str) -> String {
        self.with(AnsiColor::Green.on_default(), text)
    }

    /// What does not.
    pub(crate) fn bad(self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default().bold(), text)
    }

    fn with(self, style: Style, text: &str) -> String {
        match self {
            Self::Colour => format!("{style}{text}{style:#}"),
            Self::Plain => text.to_owned(),
        }
    }
}
