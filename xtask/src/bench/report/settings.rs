//! The part about how samples are taken.

use std::fmt::Write;

use serde_json::Value;

use super::word;
use crate::bench::results::Lines;

/// The section; older results do not say.
pub(super) fn section(lines: &Lines) -> String {
    let Some(line) = lines.of_kind("settings").next() else {
        return String::new();
    };
    let list = |name: &str| {
        line.get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let sysctls: Vec<&str> = list("sysctls").filter_map(Value::as_str).collect();
    let mut text = format!(
        "\n## Settings\n\n\
         {} rounds; each sample is measured for {} ms after {} ms of warm-up. Client, gateways and backend run at niceness \
         {}. Each of the three namespaces has `{}`. Beside what stands here the load tool is told addresses, processes \
         to watch and these times; targets other than Portway have fewer verified transfers.\n\n\
         | | load |\n|---|---|\n",
        word(line, "rounds"),
        word(line, "measure_ms"),
        word(line, "warm_up_ms"),
        word(line, "niceness"),
        sysctls.join("`, `"),
    );
    for it in list("commands") {
        let _ = writeln!(text, "| {} | `{}` |", word(it, "job"), word(it, "command"));
    }
    text
}
