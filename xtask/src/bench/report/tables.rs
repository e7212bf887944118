//! The part about tables of many routes.

use std::fmt::Write;

use serde_json::Value;

use super::figure;
use crate::bench::results::Lines;
use crate::bench::sample::number;

/// The section, if tables were measured.
pub(super) fn section(lines: &Lines) -> String {
    let mut text = String::from(
        "\n## Tables of many routes\n\n\
         Made by `cargo xtask bench --tables`. TCPRoutes with 10 endpoints each, over Gateways of 64 listeners. From nothing: \
         from the start of the program until its log says `ready`. A change: one endpoint of one route, from the \
         change of the file's name until the first new connection reaches the new endpoint.\n\n\
         | routes | files | from nothing, ms | one change, ms: median (min–max) | RSS, MiB | CPU while idle |\n\
         |---|---|---|---|---|---|\n",
    );
    for line in lines.of_kind("table") {
        let files = line.get("layout").and_then(Value::as_str).unwrap_or("");
        let change = match line.get("change_ms").filter(|it| it.is_object()) {
            Some(change) => format!(
                "{} ({}–{})",
                figure(number(change, "/median")),
                figure(number(change, "/min")),
                figure(number(change, "/max"))
            ),
            None => "–".to_owned(),
        };
        let _ = writeln!(
            text,
            "| {} | {files} | {} | {change} | {} | {:.2} % |",
            number(line, "/routes"),
            figure(number(line, "/start_ms")),
            figure(number(line, "/rss_bytes") / 1024.0 / 1024.0),
            number(line, "/idle_cpu") * 100.0,
        );
    }
    text
}
