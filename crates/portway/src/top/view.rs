//! What somebody looks at: which table, sorted how, from which row on.
//!
//! In: what an instance tells, keys. Out: what is to be drawn. Never: I/O.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::Value;

use super::reading::{Counted, Head, Relayed, Told, read, read_connections};
use super::sheet::{Column, Row, Side, Sorting, numbers, sort, words};

/// What follows from a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Another picture.
    GoOn,
    /// Somebody has seen enough.
    End,
}

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// What its rows are.
    pub(super) name: &'static str,
    /// What stands in a row.
    pub(super) columns: &'static [Column],
    sorting: Sorting,
}

/// Sorted by a column, the greatest first.
const fn falling(column: usize) -> Sorting {
    let is_falling = true;
    Sorting { column, is_falling }
}

/// All tables, in order of their numbers. 80 columns hold each.
pub(super) const KINDS: [Kind; 4] = [
    Kind {
        name: "Listeners",
        columns: &[
            words("LISTENER", 0),
            numbers("PORT", 5),
            numbers("OPEN", 6),
            numbers("NEW/S", 6),
            numbers("IN/S", 6),
            numbers("OUT/S", 6),
            numbers("TOTAL", 6).if_wide(),
            words("GETS THEM", 18),
        ],
        sorting: falling(2),
    },
    Kind {
        name: "Routes",
        columns: &[
            words("ROUTE", 0),
            numbers("OPEN", 6),
            numbers("NEW/S", 6),
            numbers("IN/S", 6),
            numbers("OUT/S", 6),
            numbers("TOTAL", 6).if_wide(),
            numbers("ENDPTS", 6),
            numbers("FAIL", 5),
            words("STATE", 14),
        ],
        sorting: falling(1),
    },
    Kind {
        name: "Endpoints",
        columns: &[
            words("ENDPOINT", 21),
            words("HEALTH", 7),
            numbers("OPEN", 5),
            numbers("NEW/S", 6),
            numbers("IN/S", 6),
            numbers("OUT/S", 6),
            numbers("TOTAL", 6).if_wide(),
            numbers("FAILED", 6),
            words("BACKEND", 0),
        ],
        sorting: falling(2),
    },
    Kind {
        name: "Connections",
        columns: &[
            words("CLIENT", 21),
            words("ENDPOINT", 21),
            numbers("AGE", 7),
            numbers("IN/S", 6),
            numbers("OUT/S", 6),
            numbers("IN", 6).if_wide(),
            numbers("OUT", 6).if_wide(),
            words("STATE", 15).if_wide(),
            words("LISTENER", 0),
        ],
        sorting: falling(4),
    },
];

/// The place of connections among [`KINDS`].
const CONNECTIONS: usize = 3;

/// A table as somebody looks at it.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// Its rows, sorted.
    pub(super) rows: Vec<Row>,
    /// By what.
    pub(super) sorting: Sorting,
    /// The row at the top.
    pub(super) first: usize,
}

/// All that is looked at.
#[derive(Debug)]
pub(super) struct Top {
    /// Which table is shown.
    pub(super) shown: usize,
    /// All tables, as [`KINDS`].
    pub(super) tables: [Table; KINDS.len()],
    /// How the instance does; `None`: it never told.
    pub(super) head: Option<Head>,
    /// Why it does not tell.
    pub(super) trouble: Option<String>,
    /// Rows that are seen at once, as the last picture had them.
    pub(super) page: usize,
    /// Columns of the terminal.
    width: u16,
    counted: Option<Counted>,
    relayed: Relayed,
}

impl Default for Top {
    fn default() -> Self {
        Self {
            shown: 0,
            tables: KINDS.map(|kind| Table {
                rows: Vec::new(),
                sorting: kind.sorting,
                first: 0,
            }),
            head: None,
            trouble: None,
            page: 1,
            width: 0,
            counted: None,
            relayed: Relayed::new(),
        }
    }
}

impl Top {
    /// The instance told its status.
    pub(super) fn take_status(&mut self, status: &Value) {
        let (told, counted) = read(status, self.counted.as_ref());
        let Told {
            head,
            listeners,
            routes,
            endpoints,
        } = told;
        for (table, rows) in self.tables.iter_mut().zip([listeners, routes, endpoints]) {
            table.take(rows);
        }
        self.counted = Some(counted);
        self.head = Some(head);
        self.trouble = None;
    }

    /// The instance told its connections.
    pub(super) fn take_connections(&mut self, connections: &[Value]) {
        let (rows, relayed) = read_connections(connections, &self.relayed);
        self.relayed = relayed;
        if let Some(table) = self.tables.get_mut(CONNECTIONS) {
            table.take(rows);
        }
    }

    /// Nobody answers.
    pub(super) fn lost(&mut self, why: String) {
        self.trouble = Some(why);
    }

    /// Whether somebody looks at connections, which are only then asked for.
    pub(super) fn wants_connections(&self) -> bool {
        self.shown == CONNECTIONS
    }

    /// Somebody pressed a key.
    pub(super) fn press(&mut self, key: KeyEvent) -> Flow {
        let page = self.page.max(1);
        match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                return Flow::End;
            }
            KeyCode::Char('q') | KeyCode::Esc => return Flow::End,
            KeyCode::Tab => self.shown = (self.shown + 1) % KINDS.len(),
            KeyCode::BackTab => self.shown = (self.shown + KINDS.len() - 1) % KINDS.len(),
            KeyCode::Char(digit @ '1'..='4') => {
                let number = digit.to_digit(10).and_then(|it| usize::try_from(it).ok());
                self.shown = number.unwrap_or(1) - 1;
            }
            KeyCode::Left | KeyCode::Char('<') => self.sort_by_next(-1),
            KeyCode::Right | KeyCode::Char('>') => self.sort_by_next(1),
            KeyCode::Char('r') => self.turn(),
            KeyCode::Up | KeyCode::Char('k') => self.scroll(|first| first.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => self.scroll(|first| first + 1),
            KeyCode::PageUp => self.scroll(|first| first.saturating_sub(page)),
            KeyCode::PageDown | KeyCode::Char(' ') => self.scroll(|first| first + page),
            KeyCode::Home | KeyCode::Char('g') => self.scroll(|_| 0),
            KeyCode::End | KeyCode::Char('G') => self.scroll(|_| usize::MAX),
            _ => {}
        }
        Flow::GoOn
    }

    /// The table that is shown, and what it is.
    pub(super) fn table(&self) -> Option<(&Kind, &Table)> {
        KINDS.get(self.shown).zip(self.tables.get(self.shown))
    }

    /// The picture has room for so many rows and columns: nothing is scrolled out of sight.
    pub(super) fn fit(&mut self, page: usize, width: u16) {
        (self.page, self.width) = (page, width);
        self.scroll(|first| first);
    }

    fn scroll(&mut self, to: impl FnOnce(usize) -> usize) {
        let page = self.page;
        if let Some(table) = self.tables.get_mut(self.shown) {
            let last = table.rows.len().saturating_sub(page);
            table.first = to(table.first).min(last);
        }
    }

    fn sort_by_next(&mut self, step: isize) {
        let Some((kind, table)) = KINDS.get(self.shown).zip(self.tables.get_mut(self.shown)) else {
            return;
        };
        let n = kind.columns.len();
        let beside = |at: usize| (at + n).wrapping_add_signed(step) % n;
        let is_shown = |at: usize| kind.columns.get(at).is_some_and(|it| it.from <= self.width);
        let mut column = beside(table.sorting.column);
        while !is_shown(column) && column != table.sorting.column {
            column = beside(column);
        }
        // Words are looked up from A on, numbers for the greatest.
        let is_falling = (kind.columns.get(column)).is_some_and(|it| it.side == Side::Right);
        table.sorting = Sorting { column, is_falling };
        table.sort();
    }

    fn turn(&mut self) {
        if let Some(table) = self.tables.get_mut(self.shown) {
            table.sorting.is_falling = !table.sorting.is_falling;
            table.sort();
        }
    }
}

impl Table {
    fn take(&mut self, rows: Vec<Row>) {
        self.rows = rows;
        self.sort();
    }

    fn sort(&mut self) {
        sort(&mut self.rows, self.sorting);
    }
}
