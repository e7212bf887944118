//! The rooms of the repository and what each may use, as ARCHITECTURE.md states it: one table.
//!
//! A new room gets a row here, a section in ARCHITECTURE.md and a page in docs/decisions. A new
//! dependency of a room that lists its own gets a word here and a page in docs/decisions.

/// A package, and the rules that hold for it alone.
#[derive(Debug)]
pub(super) struct Room {
    /// Where it is.
    pub(super) root: &'static str,
    /// It decides: no clock, no random, no I/O.
    pub(super) nature: Nature,
    /// What its code may depend on; its tests may use more.
    pub(super) may_use: May,
    /// The only directory that may hold `unsafe`.
    pub(super) unsafe_in: Option<&'static str>,
    /// Words that belong to other rooms, in lower case.
    pub(super) foreign_words: &'static [&'static str],
}

/// Whether a room decides or does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    /// The same input gives the same output; nothing else happens.
    Pure,
    /// It touches the world.
    Effects,
}

/// Which dependencies are allowed.
#[derive(Debug, Clone, Copy)]
pub(super) enum May {
    /// These.
    Only(&'static [&'static str]),
    /// All but these.
    AllBut(&'static [&'static str]),
}

const EFFECTS: Room = Room {
    root: "",
    nature: Nature::Effects,
    may_use: May::AllBut(&[]),
    unsafe_in: None,
    foreign_words: &[],
};

/// All of them.
pub(super) const ROOMS: &[Room] = &[
    Room {
        root: "crates/portway-engine",
        nature: Nature::Pure,
        may_use: May::Only(&["serde", "thiserror"]),
        foreign_words: &["gateway", "namespace", "secret"],
        ..EFFECTS
    },
    Room {
        root: "crates/portway-control",
        nature: Nature::Pure,
        may_use: May::Only(&[
            "granit-parser",
            "portway-engine",
            "regex",
            "rustls-pki-types",
            "serde",
            "serde-saphyr",
            "serde_json",
            "thiserror",
        ]),
        ..EFFECTS
    },
    Room {
        root: "crates/portway-proxy",
        may_use: May::Only(&[
            "libc",
            "portway-engine",
            "rustix",
            "rustls",
            "serde_json",
            "thiserror",
            "tracing",
        ]),
        unsafe_in: Some("crates/portway-proxy/src/sys/"),
        ..EFFECTS
    },
    Room {
        root: "crates/portway-feed",
        may_use: May::AllBut(&[
            "anyhow",
            "portway",
            "portway-control",
            "portway-kube",
            "portway-proxy",
        ]),
        ..EFFECTS
    },
    Room {
        root: "crates/portway-kube",
        may_use: May::AllBut(&["anyhow", "portway", "portway-proxy"]),
        ..EFFECTS
    },
    Room {
        root: "crates/portway",
        ..EFFECTS
    },
    Room {
        root: "xtask",
        may_use: May::AllBut(&["portway"]),
        ..EFFECTS
    },
    Room {
        root: "bench/load",
        may_use: May::AllBut(&[
            "portway",
            "portway-control",
            "portway-engine",
            "portway-proxy",
        ]),
        ..EFFECTS
    },
    Room {
        root: "fuzz",
        // The macro of libfuzzer declares the entry that the fuzzer calls.
        unsafe_in: Some("fuzz/"),
        ..EFFECTS
    },
];

/// The rules of a package.
pub(super) fn room(root: &str) -> Option<&'static Room> {
    ROOMS.iter().find(|room| room.root == root)
}

/// Most direct dependencies of the crates: each is somebody to trust and to follow.
pub(super) const DIRECT_MAX: usize = 45;

/// Most packages in Cargo.lock, which are all that is built here, also for tests and tools.
pub(super) const LOCKED_MAX: usize = 450;
