//! One record as a line.
//!
//! In: a [`ConnRecord`]. Out: a line of JSON or of `key=value`, with the same fields. Never: a line
//! break from a name.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use portway_engine::record::{ConnRecord, DialError, Path};
use portway_engine::time::Moment;
use portway_proxy::Observer;

/// Form of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `key=value`, what is not known left out.
    Text,
    /// One JSON object a line, what is not known is null.
    Json,
}

/// Every field in order, and what it is, for its page.
#[cfg(test)]
pub(crate) const FIELDS: [(&str, &str); 16] = [
    ("start", "when the connection was accepted, in UTC"),
    (
        "duration_seconds",
        "from then until its last side was closed",
    ),
    ("client", "address and port of the client"),
    (
        "listener",
        "the listener that accepted it: `namespace/gateway/name`",
    ),
    (
        "route",
        "the route that got it, if any: kind, `namespace/name`",
    ),
    (
        "backend",
        "the backend it was given to, if any: `namespace/name:port`",
    ),
    (
        "endpoint",
        "address and port of the endpoint that served it, if one was reached",
    ),
    (
        "bytes_to_backend",
        "bytes relayed from the client to the endpoint",
    ),
    (
        "bytes_to_client",
        "bytes relayed from the endpoint to the client",
    ),
    (
        "dial_seconds",
        "how long the dial took that reached the endpoint",
    ),
    (
        "failed_dials",
        "dials that failed before, in order, each with the endpoint and its error: `refused`, \
         `unreachable`, `timed_out`, `out_of_resources` or `errno N`",
    ),
    (
        "client_rtt_seconds",
        "round-trip time to the client, as TCP smoothed it",
    ),
    (
        "client_retransmits",
        "segments that were sent to the client again",
    ),
    (
        "backend_rtt_seconds",
        "round-trip time to the endpoint, as TCP smoothed it",
    ),
    (
        "backend_retransmits",
        "segments that were sent to the endpoint again",
    ),
    (
        "reason",
        "who ended it, and why: one of the [close reasons](close-reasons.md)",
    ),
];

/// How moments of the data plane's clock are dates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calendar {
    now: Moment,
    date: SystemTime,
}

impl Calendar {
    /// As of now: the host's clock may have been set since the start.
    pub(super) fn of(observer: &Observer) -> Self {
        Self {
            now: observer.now(),
            date: SystemTime::now(),
        }
    }

    #[cfg(test)]
    pub(super) fn at(now: Moment, date: SystemTime) -> Self {
        Self { now, date }
    }

    fn push(self, text: &mut String, moment: Moment) {
        let ago = self.now.since(moment);
        let date = self.date.checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH);
        let date = jiff::Timestamp::try_from(date).unwrap_or_default();
        let _ = write!(text, "{date:.6}");
    }
}

/// Appends the line of a record. The fields stand in the order of `FIELDS`.
pub(super) fn push(text: &mut String, form: Form, record: &ConnRecord, calendar: Calendar) {
    let mut line = Line { text, form };
    line.open();
    line.key("start");
    line.quoted(|text| calendar.push(text, record.started));
    line.number(
        "duration_seconds",
        Some(seconds(record.ended.since(record.started))),
    );
    line.shown("client", Some(record.client));
    line.name("listener", Some(&record.listener));
    line.name("route", record.route.as_deref());
    line.name("backend", record.backend.as_deref());
    line.shown("endpoint", record.endpoint);
    line.number("bytes_to_backend", Some(record.bytes_to_backend));
    line.number("bytes_to_client", Some(record.bytes_to_client));
    line.number("dial_seconds", record.dial_time.map(seconds));
    line.failed_dials(record);
    line.path(
        ["client_rtt_seconds", "client_retransmits"],
        record.client_path,
    );
    line.path(
        ["backend_rtt_seconds", "backend_retransmits"],
        record.backend_path,
    );
    line.shown("reason", Some(record.reason.name()));
    line.close();
}

/// A time with what a clock of microseconds tells.
fn seconds(time: Duration) -> Seconds {
    Seconds(time)
}

struct Seconds(Duration);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:06}", self.0.as_secs(), self.0.subsec_micros())
    }
}

/// A line that is being written.
struct Line<'a> {
    text: &'a mut String,
    form: Form,
}

impl Line<'_> {
    fn open(&mut self) {
        if self.form == Form::Json {
            self.text.push('{');
        }
    }

    fn close(&mut self) {
        self.text.push_str(match self.form {
            Form::Json => "}\n",
            Form::Text => "\n",
        });
    }

    fn key(&mut self, key: &str) {
        let is_first = matches!(self.text.as_bytes().last(), None | Some(b'{' | b'\n'));
        let _ = match (self.form, is_first) {
            (Form::Json, true) => write!(self.text, "\"{key}\":"),
            (Form::Json, false) => write!(self.text, ",\"{key}\":"),
            (Form::Text, true) => write!(self.text, "{key}="),
            (Form::Text, false) => write!(self.text, " {key}="),
        };
    }

    /// A field that is not known stands in JSON alone.
    fn absent(&mut self, key: &str) {
        if self.form == Form::Json {
            self.key(key);
            self.text.push_str("null");
        }
    }

    fn number(&mut self, key: &str, number: Option<impl std::fmt::Display>) {
        let Some(number) = number else {
            return self.absent(key);
        };
        self.key(key);
        let _ = write!(self.text, "{number}");
    }

    /// A value without blanks and quotes.
    fn shown(&mut self, key: &str, value: Option<impl std::fmt::Display>) {
        let Some(value) = value else {
            return self.absent(key);
        };
        self.key(key);
        self.quoted(|text| {
            let _ = write!(text, "{value}");
        });
    }

    fn quoted(&mut self, write: impl FnOnce(&mut String)) {
        let quote = match self.form {
            Form::Json => "\"",
            Form::Text => "",
        };
        self.text.push_str(quote);
        write(self.text);
        self.text.push_str(quote);
    }

    /// A name, which may hold anything.
    fn name(&mut self, key: &str, name: Option<&str>) {
        let Some(name) = name else {
            return self.absent(key);
        };
        self.key(key);
        let is_plain = name
            .bytes()
            .all(|it| it.is_ascii_graphic() && it != b'"' && it != b'\\');
        match (self.form, is_plain) {
            (Form::Text, true) => self.text.push_str(name),
            (Form::Json, true) => self.quoted(|text| text.push_str(name)),
            (_, false) => self.escaped(name),
        }
    }

    fn escaped(&mut self, name: &str) {
        // A string can always be shown as JSON.
        let escaped = serde_json::to_string(name).unwrap_or_default();
        self.text.push_str(&escaped);
    }

    fn failed_dials(&mut self, record: &ConnRecord) {
        let key = "failed_dials";
        if self.form == Form::Text && record.failed_dials.is_empty() {
            return;
        }
        self.key(key);
        self.text.push_str(match self.form {
            Form::Json => "[",
            Form::Text => "\"",
        });
        for (at, (endpoint, error)) in record.failed_dials.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let error = Error(*error);
            let _ = match self.form {
                Form::Json => write!(
                    self.text,
                    "{comma}{{\"endpoint\":\"{endpoint}\",\"error\":\"{error}\"}}"
                ),
                Form::Text => write!(self.text, "{comma}{endpoint} {error}"),
            };
        }
        self.text.push_str(match self.form {
            Form::Json => "]",
            Form::Text => "\"",
        });
    }

    fn path(&mut self, [rtt, retransmits]: [&str; 2], path: Option<Path>) {
        self.number(rtt, path.map(|it| seconds(it.rtt)));
        self.number(retransmits, path.map(|it| it.retransmits));
    }
}

struct Error(DialError);

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            DialError::Other(errno) => write!(f, "errno {errno}"),
            named => f.write_str(named.name()),
        }
    }
}
