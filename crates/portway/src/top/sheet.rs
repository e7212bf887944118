//! A table of cells that can be sorted by any column.
//!
//! In: columns, rows. Out: order and text of cells. Never: I/O.

use std::cmp::Ordering;

use crate::render::words::{duration, short};

/// What stands in a row below a column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    /// A name or word.
    Text(String),
    /// A number that is a name.
    Number(u64),
    /// A number of things, if it is known.
    Count(Option<u64>),
    /// Something per second; not known before something was told twice.
    Rate(Option<f64>),
    /// An age, in seconds.
    Age(f64),
}

impl Cell {
    /// As it is shown.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(n) => n.to_string(),
            Self::Count(n) => n.map_or_else(|| "-".to_owned(), |n| short(n as f64)),
            Self::Rate(Some(rate)) if *rate < 9.95 && *rate > 0.0 => format!("{rate:.1}"),
            Self::Rate(Some(rate)) => short(*rate),
            Self::Rate(None) => "-".to_owned(),
            Self::Age(seconds) => duration(*seconds),
        }
    }

    fn number(&self) -> f64 {
        match self {
            Self::Text(_) => 0.0,
            Self::Number(n) => *n as f64,
            Self::Count(n) => n.map_or(-1.0, |n| n as f64),
            Self::Rate(rate) => rate.unwrap_or(-1.0),
            Self::Age(seconds) => *seconds,
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            _ => self.number().total_cmp(&other.number()),
        }
    }
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    /// What stands above it.
    pub(super) head: &'static str,
    /// Columns of the terminal it takes; 0: what the others leave.
    pub(super) width: u16,
    /// To which side its text leans.
    pub(super) side: Side,
    /// Columns a terminal must have before it is shown.
    pub(super) from: u16,
}

/// A side of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// For words.
    Left,
    /// For numbers.
    Right,
}

/// A column of words.
pub(super) const fn words(head: &'static str, width: u16) -> Column {
    let (side, from) = (Side::Left, 0);
    Column {
        head,
        width,
        side,
        from,
    }
}

/// A column of numbers.
pub(super) const fn numbers(head: &'static str, width: u16) -> Column {
    let (side, from) = (Side::Right, 0);
    Column {
        head,
        width,
        side,
        from,
    }
}

/// Columns of a wide terminal.
const WIDE: u16 = 112;

impl Column {
    /// Only on a wide terminal.
    pub(super) const fn if_wide(mut self) -> Self {
        self.from = WIDE;
        self
    }
}

/// A row: a cell for each column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// What stands in it.
    pub(super) cells: Vec<Cell>,
    /// Whether nobody has to look at it.
    pub(super) is_well: bool,
}

/// By which column rows are sorted, and from which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sorting {
    /// Number of the column.
    pub(super) column: usize,
    /// The greatest first.
    pub(super) is_falling: bool,
}

/// Sorts; those that are alike by their names, so that no row jumps without a reason.
pub(super) fn sort(rows: &mut [Row], by: Sorting) {
    rows.sort_by(|one, other| {
        let (a, b) = (one.cells.get(by.column), other.cells.get(by.column));
        let order = a.zip(b).map_or(Ordering::Equal, |(a, b)| a.order(b));
        let order = match by.is_falling {
            true => order.reverse(),
            false => order,
        };
        let names = || {
            (one.cells.iter())
                .zip(&other.cells)
                .map(|(a, b)| a.order(b))
        };
        order.then_with(|| names().find(|it| it.is_ne()).unwrap_or(Ordering::Equal))
    });
}
