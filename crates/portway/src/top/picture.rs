//! Draws a [`Top`].
//!
//! In: what somebody looks at. Out: a picture in a buffer. Never: a size it cannot draw on; more
//! columns than there are.
//!
//! ```text
//! portway 0.1.0 run: ready, up 3h 12m              version 42, 0 errors, 1 warning
//! 12 open, 3.2 new/s; 1.2M B/s in, 3.4M B/s out; 0 failed dials/s
//! [1 Listeners 2]  2 Routes 2  3 Endpoints 3  4 Connections 12
//! LISTENER                     PORT  ▼OPEN  NEW/S   IN/S  OUT/S GETS THEM
//! default/edge/db              5432     12    3.2   1.2M   3.4M db
//! q quit  Tab,1-4 table  ←→ sort by  r turn  ↑↓ PgUp PgDn scroll            1-2 of 2
//! ```

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::reading::Head;
use super::sheet::{Column, Row, Side};
use super::view::{KINDS, Kind, Table, Top};
use crate::render::page::shortened;
use crate::render::words::{count, duration};

/// Lines that are no rows: two heads, names of tables, heads of columns, keys.
const FRAME: u16 = 5;

const KEYS: &str = "q quit  Tab,1-4 table  ←→ sort by  r turn  ↑↓ PgUp PgDn scroll";

fn bad() -> Style {
    Style::new().fg(Color::Red).add_modifier(Modifier::BOLD)
}

/// Draws.
pub(super) fn draw(top: &mut Top, frame: &mut Frame<'_>) {
    let area = frame.area();
    top.fit(usize::from(area.height.saturating_sub(FRAME)), area.width);
    let width = usize::from(area.width);
    let line_at = |y: u16| Rect {
        y: area.y + y,
        height: 1,
        ..area
    };
    let mut put = |y: u16, line: Line<'_>| {
        if y < area.height {
            frame.render_widget(line, line_at(y));
        }
    };
    let [first, second] = head(top, width);
    put(0, first);
    put(1, second);
    put(2, names(top));
    let Some((kind, table)) = top.table() else {
        return;
    };
    if top.head.is_none() {
        put(area.height.saturating_sub(1), keys(String::new(), width));
        return absent(top, frame);
    }
    put(3, heads(kind, table, area.width));
    let rows = table.rows.iter().skip(table.first).take(top.page);
    for (row, y) in rows.zip(4..) {
        put(y, line(row, kind, area.width));
    }
    put(
        area.height.saturating_sub(1),
        keys(range(top, table), width),
    );
}

/// Says that nobody was ever there.
fn absent(top: &Top, frame: &mut Frame<'_>) {
    let area = frame.area();
    let text = match &top.trouble {
        Some(why) => vec![
            Line::styled(format!("{why}."), bad()),
            Line::default(),
            Line::from("Trying again until it is there; q quits."),
        ],
        None => vec![Line::from("Asking the instance …")],
    };
    let text = Paragraph::new(text).wrap(Wrap { trim: true });
    let area = Rect {
        y: area.y + 4.min(area.height),
        height: area.height.saturating_sub(FRAME),
        ..area
    };
    frame.render_widget(text, area);
}

fn head(top: &Top, width: usize) -> [Line<'static>; 2] {
    let Some(head) = &top.head else {
        return [Line::from("portway top"), Line::default()];
    };
    let state = match &*head.state {
        "ready" => Span::styled("ready", Style::new().fg(Color::Green)),
        other => Span::styled(other.to_owned(), bad()),
    };
    let age = format!(", up {}", duration(head.uptime));
    let (errors, warnings) = (count(amount(head.errors), "error"), amount(head.warnings));
    let config = format!(
        "version {}, {errors}, {}",
        head.version,
        count(warnings, "warning")
    );
    let name = format!("{}: ", head.name);
    let used = [&*name, &*state.content, &*age, &*config].map(|it| it.chars().count());
    let gap = width.saturating_sub(used.iter().sum()).max(2);
    let style = match head.errors {
        0 => Style::new(),
        _ => bad(),
    };
    let config = Span::styled(config, style);
    let gap = Span::raw(" ".repeat(gap));
    let first = Line::from(vec![name.into(), state, age.into(), gap, config]);
    let second = match &top.trouble {
        // What is below is what it told last.
        Some(why) => Line::styled(format!("✗ trying again: {why}"), bad()),
        None => Line::from(traffic(head)),
    };
    [first, second]
}

fn traffic(head: &Head) -> String {
    let [new, to_backend, to_client] = head.rates.each_ref().map(super::sheet::Cell::text);
    format!(
        "{} open, {new} new/s; {to_backend} B/s in, {to_client} B/s out; {} failed dials/s",
        head.open,
        head.failed_dials.text(),
    )
}

fn amount(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// The tables there are, with how much is in them; the one that is shown stands out.
fn names(top: &Top) -> Line<'static> {
    let open = top.head.as_ref().map(|it| it.open);
    let mut spans = Vec::new();
    let tables = KINDS.iter().zip(&top.tables).zip(0..);
    for ((kind, table), at) in tables {
        // Connections are only asked for when somebody looks at them; how many there are is known.
        let n = match (kind.name, open) {
            ("Connections", Some(open)) => open,
            _ => table.rows.len() as u64,
        };
        let text = format!("{} {} {n}", at + 1, kind.name);
        spans.push(match at == top.shown {
            true => Span::styled(format!("[{text}]"), Modifier::BOLD),
            false => Span::raw(format!(" {text} ")),
        });
    }
    Line::from(spans)
}

/// How wide a column is: what the others leave goes to the one without a width.
fn width_of(column: &Column, kind: &Kind, width: u16) -> usize {
    if column.width > 0 {
        return usize::from(column.width);
    }
    let shown = kind.columns.iter().filter(|it| width >= it.from);
    let used: u16 = shown.map(|it| it.width + 1).sum();
    usize::from(width.saturating_sub(used.saturating_sub(1)).max(1))
}

/// The columns that are shown, with their numbers.
fn columns(kind: &Kind, width: u16) -> impl Iterator<Item = (usize, &'static Column)> {
    let all = kind.columns.iter().enumerate();
    all.filter(move |(_, it)| width >= it.from)
}

fn heads(kind: &Kind, table: &Table, width: u16) -> Line<'static> {
    let mut spans = Vec::new();
    for (at, column) in columns(kind, width) {
        let is_sorted = table.sorting.column == at;
        let head = match (is_sorted, table.sorting.is_falling) {
            (false, _) => column.head.to_owned(),
            (true, true) => format!("▼{}", column.head),
            (true, false) => format!("▲{}", column.head),
        };
        let style = match is_sorted {
            true => Modifier::REVERSED | Modifier::BOLD,
            false => Modifier::DIM,
        };
        let text = leaned(&head, column.side, width_of(column, kind, width));
        spans.push(Span::styled(text, style));
        spans.push(Span::raw(" "));
    }
    Line::from(spans)
}

fn line(row: &Row, kind: &Kind, width: u16) -> Line<'static> {
    let cell = |(at, column): (usize, &Column)| {
        let text = row.cells.get(at).map(super::sheet::Cell::text);
        let width = width_of(column, kind, width);
        leaned(
            &shortened(&text.unwrap_or_default(), width),
            column.side,
            width,
        )
    };
    let cells: Vec<String> = columns(kind, width).map(cell).collect();
    let style = match row.is_well {
        true => Style::new(),
        false => Style::new().fg(Color::Red),
    };
    Line::styled(cells.join(" "), style)
}

fn leaned(text: &str, side: Side, width: usize) -> String {
    match side {
        Side::Left => format!("{text:<width$}"),
        Side::Right => format!("{text:>width$}"),
    }
}

/// Which rows are seen; of connections not all may have been asked for.
fn range(top: &Top, table: &Table) -> String {
    let n = table.rows.len();
    let last = (table.first + top.page).min(n);
    let open = top.head.as_ref().map_or(0, |it| amount(it.open));
    let beyond = match top.wants_connections() && open > n && n > 0 {
        true => format!(" ({open} open)"),
        false => String::new(),
    };
    match n {
        0 => "none".to_owned(),
        _ => format!("{}-{last} of {n}{beyond}", table.first + 1),
    }
}

fn keys(range: String, width: usize) -> Line<'static> {
    let used = KEYS.chars().count() + range.chars().count();
    let gap = " ".repeat(width.saturating_sub(used).max(1));
    let keys = Span::styled(KEYS, Modifier::DIM);
    Line::from(vec![keys, gap.into(), range.into()])
}
