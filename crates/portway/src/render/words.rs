//! Words that several texts share.

/// `1 listener`, `2 listeners`.
pub(crate) fn count(n: usize, one: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {one}{s}")
}

/// `17 B`, `1.2 kB`, `340 MB`: three digits and the decimal unit.
pub(crate) fn bytes(n: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB"];
    let (mut amount, mut unit) = (n as f64, 0);
    while amount >= 999.5 && unit + 1 < units.len() {
        amount /= 1000.0;
        unit += 1;
    }
    let unit = units.get(unit).copied().unwrap_or_default();
    match unit == "B" || amount >= 99.95 {
        true => format!("{amount:.0} {unit}"),
        false => format!("{amount:.1} {unit}"),
    }
}

/// `17`, `1.2k`, `340k`, `12M`: at most four characters.
pub(crate) fn short(n: f64) -> String {
    let units = ["", "k", "M", "G", "T", "P"];
    let (mut amount, mut unit) = (n, 0);
    while amount >= 999.5 && unit + 1 < units.len() {
        amount /= 1000.0;
        unit += 1;
    }
    let name = units.get(unit).copied().unwrap_or_default();
    match unit > 0 && amount < 9.95 {
        true => format!("{amount:.1}{name}"),
        false => format!("{amount:.0}{name}"),
    }
}

/// `42s`, `5m 3s`, `3h 12m`, `9d 4h`: the two largest units.
pub(crate) fn duration(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of a float stops at the bounds"
    )]
    let all = seconds as u64;
    let (days, hours, minutes) = (all / 86_400, all / 3600 % 24, all / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{all}s"),
        (0, 0, _) => format!("{minutes}m {}s", all % 60),
        (0, ..) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}
