//! Each rule finds what it is for, and lets pass what is right beside it.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};

use super::rules::RULES;
use crate::tree::Tree;

/// What a rule finds in these files, a line each.
fn check(rule: &str, files: &[(&str, &str)], want: &Expect) {
    let files = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    let tree = Tree::of(files.collect::<BTreeMap<_, _>>()).unwrap();
    let rule = RULES.iter().find(|it| it.name == rule).unwrap();
    let mut findings = (rule.check)(&tree);
    findings.sort();
    let lines = findings.iter().map(|finding| {
        let text = finding.to_string();
        let place = text.split("\n").next().unwrap_or_default();
        format!("{place}\n")
    });
    want.assert_eq(&lines.collect::<String>());
}

const LIB: &str = "crates/portway-engine/src/lib.rs";

#[test]
fn every_rule_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<_> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(names.len(), RULES.len());
}

#[test]
fn a_file_says_what_it_is() {
    check("head", &[(LIB, "//! What.\n")], &expect![""]);
    check(
        "head",
        &[(LIB, "// What.\nfn f() {}\n")],
        &expect![[r#"
            crates/portway-engine/src/lib.rs:1: the file does not say what it is
        "#]],
    );
}

#[test]
fn columns_are_counted_in_characters_and_not_in_literals() {
    let wide = "x".repeat(101);
    let narrow = "ä".repeat(97);
    let text = format!("//! What.\n// {narrow}\nconst A: &str = \"\n{wide}\";\n// {wide}\n");
    check(
        "columns",
        &[(LIB, &text)],
        &expect![[r#"
            crates/portway-engine/src/lib.rs:5: 104 columns
        "#]],
    );
}

#[test]
fn lines_of_tests_do_not_count() {
    let code = "const A: u8 = 1;\n".repeat(590);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "// x\n".repeat(50));
    let right = format!("//! What.\n{code}{tests}");
    let wrong = format!("//! What.\n{code}{}", "// x\n".repeat(50));
    let path = "crates/portway-engine/src/table.rs";
    check("length", &[(path, &right)], &expect![""]);
    check(
        "length",
        &[(path, &wrong)],
        &expect![[r#"
            crates/portway-engine/src/table.rs: 641 lines, at most 600 without tests
        "#]],
    );
}

#[test]
fn blanks_at_the_end_are_found() {
    check(
        "blanks",
        &[("README.md", "a \nb"), ("docs/x.md", "a\n")],
        &expect![[r#"
            README.md:1: blanks at the end
            README.md:2: no newline at the end
        "#]],
    );
}

#[test]
fn functions_have_seventy_lines_and_five_arguments() {
    let code = |n| {
        format!(
            "//! What.\nfn f() {{\n{}\n\n// why\n}}\n",
            "g();\n".repeat(n)
        )
    };
    check("functions", &[(LIB, &code(70))], &expect![""]);
    check(
        "functions",
        &[(LIB, &code(71))],
        &expect![[r#"
            crates/portway-engine/src/lib.rs:2: `f` has 71 lines of code, at most 70
        "#]],
    );
    let text = "//! W.\nimpl A { fn f(&self, a: A, b: A, c: A, d: A, e: A) {} }\n\
                impl T for A { fn g(&self, a: A, b: A, c: A, d: A, e: A) {} }\n";
    check(
        "functions",
        &[(LIB, text)],
        &expect![[r#"
            crates/portway-engine/src/lib.rs:2: `f` takes 6 arguments, at most 5
        "#]],
    );
}

#[test]
fn a_bool_beside_other_arguments_says_nothing() {
    let text = "//! W.\npub fn f(a: A, is_b: bool) {}\nfn g(a: A, is_b: bool) {}\n\
                pub fn set_b(is_b: bool) {}\nimpl T for A { fn h(&self, a: A, is_b: bool) {} }\n";
    check(
        "bool",
        &[(LIB, text)],
        &expect![[r#"
            crates/portway-engine/src/lib.rs:2: `f` takes a bool
        "#]],
    );
}

const MANIFEST: (&str, &str) = ("crates/portway-engine/Cargo.toml", "[package]\n");

#[test]
fn a_cycle_of_modules_is_found_wherever_the_path_stands() {
    let a = |body: &str| format!("//! A.\n{body}\n");
    let cases = [
        "use crate::b::B;",
        "fn f() { crate::b::f() }",
        "fn f(b: &super::b::B) {}",
        "fn f() { info!(x = crate::b::X, \"y\") }",
        "#[arg(value_parser = crate::b::parse)]\nstruct A;",
        "mod inner { use super::super::b::B; }",
        // Through the front door: the item is declared in `b`.
        "use crate::B;",
    ];
    for case in cases {
        check(
            "modules",
            &[
                MANIFEST,
                (LIB, "//! W.\nmod a;\nmod b;\npub use b::B;\n"),
                ("crates/portway-engine/src/a.rs", &a(case)),
                (
                    "crates/portway-engine/src/b.rs",
                    "//! B.\nuse crate::a::A;\npub struct B;\n",
                ),
            ],
            &expect![[r#"
                crates/portway-engine/src/a.rs:2: modules of the crate use each other in a cycle: `a` uses `b` at crates/portway-engine/src/a.rs:2, `b` uses `a` at crates/portway-engine/src/b.rs:2
            "#]],
        );
    }
}

#[test]
fn what_is_no_cycle_of_modules_passes() {
    check(
        "modules",
        &[
            MANIFEST,
            (LIB, "//! W.\nmod a;\nmod b;\nfn f() { a::f() }\n"),
            // Tests may use all; a parent's items stand above its children; `pub(in …)` is no use.
            (
                "crates/portway-engine/src/a.rs",
                "//! A.\npub(super) fn f() {}\n#[cfg(test)]\nmod tests { use crate::b::B; }\n",
            ),
            (
                "crates/portway-engine/src/b.rs",
                "//! B.\nmod c;\nuse crate::a::f;\npub struct B(c::C);\n",
            ),
            (
                "crates/portway-engine/src/b/c.rs",
                "//! C.\nuse super::B;\npub struct C;\n",
            ),
        ],
        &expect![""],
    );
}

#[test]
fn only_what_lies_within_is_re_exported() {
    let text = "//! W.\nmod a;\npub use a::A;\npub use self::a::B;\npub use serde::Serialize;\n\
";
    check(
        "exports",
        &[
            (LIB, text),
            (
                "crates/portway-proxy/src/sys/epoll.rs",
                "//! E.\npub(crate) use rustix::E;\n",
            ),
        ],
        &expect![[r#"
            crates/portway-engine/src/lib.rs:5: `serde` is re-exported, and it is not a module of this one
        "#]],
    );
}

#[test]
fn words_that_say_nothing_are_found_in_names() {
    let text = "//! W.\nstruct ConnHandler { metadata: M, user_data: D }\nfn get_name() {}\n\
                fn get_mut() {}\nfn f(info: I) { let context = 1; tracing::info!(\"x\"); }\n\
                use anyhow::Context;\nimpl Visit for A { fn visit_data(&self) {} }\n";
    check(
        "names",
        &[(LIB, text)],
        &expect![[r#"
            crates/portway-engine/src/lib.rs:2: `ConnHandler` holds the word handler, which docs/LEXICON.md does not use
            crates/portway-engine/src/lib.rs:2: `user_data` holds the word data, which docs/LEXICON.md does not use
            crates/portway-engine/src/lib.rs:3: `get_name`: a getter is called by what it gives
            crates/portway-engine/src/lib.rs:5: `context` holds the word context, which docs/LEXICON.md does not use
            crates/portway-engine/src/lib.rs:5: `info` holds the word info, which docs/LEXICON.md does not use
        "#]],
    );
}

#[test]
fn tests_are_sentences_that_do_not_sleep() {
    let text = "//! W.\n#[test]\nfn test_it_works_well() {}\n#[test]\nfn works() {}\n\
                #[tokio::test]\n#[ignore]\nasync fn a_name_that_says_it() { thread::sleep(D); }\n\
                #[test]\n#[ignore = \"needs root\"]\nfn a_root_may_do_this() {}\n";
    check(
        "tests",
        &[
            ("crates/portway/tests/it/main.rs", text),
            (
                LIB,
                "//! W.\nfn f() { thread::sleep(D) }\n#[cfg(test)]\nmod tests { fn f() {} }\n",
            ),
        ],
        &expect![[r#"
            crates/portway-engine/src/lib.rs:4: module `tests` of tests stands among the code
            crates/portway/tests/it/main.rs:3: test `test_it_works_well` has no sentence for a name
            crates/portway/tests/it/main.rs:5: test `works` has no sentence for a name
            crates/portway/tests/it/main.rs:7: a test is ignored without a reason
            crates/portway/tests/it/main.rs:8: a test sleeps
        "#]],
    );
}

#[test]
fn unsafe_code_has_one_place() {
    let block = "//! W. Never: unsafe.\nfn f() { unsafe { g() } }\n";
    check(
        "unsafe",
        &[
            (LIB, block),
            ("crates/portway-proxy/src/sys/tcp.rs", block),
            (
                "crates/portway-proxy/src/lib.rs",
                "//! W.\n#![allow(unsafe_code)]\n",
            ),
            (
                "crates/portway/src/main.rs",
                "//! W.\n#![forbid(unsafe_code)]\n",
            ),
        ],
        &expect![[r#"
            crates/portway-engine/src/lib.rs:1: the crate does not forbid unsafe code
            crates/portway-engine/src/lib.rs:2: `unsafe`, or a lint that would allow it
            crates/portway-proxy/src/lib.rs:2: `unsafe`, or a lint that would allow it
        "#]],
    );
}

#[test]
fn lints_are_inherited_and_limits_stay() {
    let text = "//! W.\n#[expect(clippy::too_many_lines, reason = \"long\")]\nfn f() {}\n\
                #[expect(clippy::print_stdout, reason = \"result\")]\nfn g() {}\n\
                #[allow(clippy::too_many_lines, reason = \"generated\")]\nmod wire {}\n";
    check(
        "lints",
        &[
            (LIB, text),
            (
                "crates/portway-engine/Cargo.toml",
                "[package]\n[features]\nx = []\n",
            ),
            ("crates/portway/Cargo.toml", "[lints]\nworkspace = true\n"),
            (
                "crates/portway/clippy.toml",
                "too-many-lines-threshold = 80\n",
            ),
            ("clippy.toml", "too-many-lines-threshold = 70\n"),
        ],
        &expect![[r#"
            crates/portway-engine/Cargo.toml: it does not take the workspace's lints
            crates/portway-engine/Cargo.toml: it has Cargo features
            crates/portway-engine/src/lib.rs:2: lint clippy::too_many_lines is lifted
            crates/portway-engine/src/lib.rs:4: lint clippy::print_stdout is lifted
            crates/portway/clippy.toml: it replaces the workspace's and lacks too-many-lines-threshold
        "#]],
    );
}

#[test]
fn what_decides_touches_nothing_and_keeps_its_words() {
    let text = "//! W.\nuse std::{fs::File, net::IpAddr, time::Duration};\n\
                fn f() { let now = std::time::Instant::now(); }\n// the Gateway's namespaces\n\
                #[cfg(test)]\nmod tests { use std::fs; }\n";
    check(
        "pure",
        &[(LIB, text), ("crates/portway-proxy/src/lib.rs", text)],
        &expect![[r#"
            crates/portway-engine/src/lib.rs:2: `std::fs::File` in a room that only decides
            crates/portway-engine/src/lib.rs:3: `std::time::Instant::now` in a room that only decides
            crates/portway-engine/src/lib.rs:4: the word gateway belongs to another room
            crates/portway-engine/src/lib.rs:4: the word namespaces belongs to another room
        "#]],
    );
}

#[test]
fn a_room_depends_on_what_its_row_allows() {
    let engine = "[dependencies]\nserde = \"1\"\nx = { package = \"tokio\", version = \"1\" }\n\
                  [dev-dependencies]\nproptest = \"1\"\n[target.'cfg(unix)'.dependencies]\nlibc = \"1\"\n";
    check(
        "packages",
        &[
            ("crates/portway-engine/Cargo.toml", engine),
            ("crates/portway-utils/Cargo.toml", "[package]\n"),
        ],
        &expect![[r#"
            crates/portway-engine/Cargo.toml: it depends on libc, which its row does not allow
            crates/portway-engine/Cargo.toml: it depends on tokio, which its row does not allow
            crates/portway-utils/Cargo.toml: a room that the map does not know
        "#]],
    );
}

#[test]
fn the_budget_of_dependencies_holds() {
    let many = |n: usize| {
        (0..n)
            .map(|at| format!("d{at} = \"1\"\n"))
            .collect::<String>()
    };
    let locked = |n: usize| "[[package]]\nname = \"x\"\nsource = \"r\"\n".repeat(n);
    let files = |n_direct, n_locked| {
        let manifest = format!(
            "[package]\nname = \"a\"\n[dependencies]\n{}",
            many(n_direct)
        );
        (
            manifest,
            format!("[[package]]\nname = \"a\"\n{}", locked(n_locked)),
        )
    };
    let (manifest, lock) = files(45, 450);
    let paths = ["crates/a/Cargo.toml", "Cargo.lock"];
    check(
        "budget",
        &[(paths[0], &manifest), (paths[1], &lock)],
        &expect![""],
    );
    let (manifest, lock) = files(46, 451);
    check(
        "budget",
        &[(paths[0], &manifest), (paths[1], &lock)],
        &expect![[r#"
            Cargo.lock: 451 locked packages, at most 450
            Cargo.toml: 46 direct dependencies, at most 45
        "#]],
    );
}

#[test]
fn texts_are_lower_case_constant_and_without_a_full_stop() {
    let text = "//! W.\nfn f() {\n    warn!(%addr, \"Not bound\");\n    info!(n, \"gone.\");\n\
                    error!(\"bind {addr}\");\n    debug!(x = \"Any\", \"GatewayClass taken\");\n\
                    bail!(\"Broken\");\n    warn!(\"{phrase}\");\n}\n\
                #[derive(Error)]\n#[error(\"Cannot bind\")]\nstruct E;\n";
    check(
        "messages",
        &[(LIB, text)],
        &expect![[r#"
            crates/portway-engine/src/lib.rs:3: text "Not bound"
            crates/portway-engine/src/lib.rs:4: text "gone."
            crates/portway-engine/src/lib.rs:5: text "bind {addr}"
            crates/portway-engine/src/lib.rs:7: text "Broken"
            crates/portway-engine/src/lib.rs:11: text "Cannot bind"
        "#]],
    );
}

#[test]
fn every_code_is_shown_and_explained_once() {
    let catalog = "//! W.\nconst ALL: &[Entry] = &[\n    Entry { code: Code(201) },\n    \
                   Entry { code: Code(202) },\n    Entry { code: Code(202) },\n];\n";
    check(
        "codes",
        &[
            ("crates/portway-control/src/diagnostic/x.rs", catalog),
            (
                "crates/portway-control/tests/golden/a/b.want",
                "error[PW0202]: x\n",
            ),
            (
                "docs/reference/diagnostics.md",
                "### PW0201: x\n\n### PW0202: y\n",
            ),
        ],
        &expect![[r#"
            crates/portway-control/src/diagnostic/x.rs:3: no golden shows PW0201
            crates/portway-control/src/diagnostic/x.rs:5: PW0202 has an entry already: crates/portway-control/src/diagnostic/x.rs:4
        "#]],
    );
}

#[test]
fn the_map_names_all_rooms() {
    let map = "# M\n\n### crates/portway-engine: x\n\n`table` is.\n\n### Beside\n\n`xtask/`\n";
    check(
        "map",
        &[
            ("ARCHITECTURE.md", map),
            MANIFEST,
            ("xtask/Cargo.toml", "[package]\n"),
            ("fuzz/Cargo.toml", "[package]\n"),
            (
                LIB,
                "//! W.\nmod table;\nmod time;\n#[cfg(test)]\nmod tests;\n",
            ),
        ],
        &expect![[r#"
            ARCHITECTURE.md: it does not name fuzz
            ARCHITECTURE.md: the section of crates/portway-engine does not name its module `time`
        "#]],
    );
}

#[test]
fn links_lead_to_files() {
    let page =
        "[a](docs/a.md#x) [b](b.md)\n```\n[c](c.md)\n```\n[d](https://d) [e](#e) [f](docs)\n";
    check(
        "links",
        &[
            ("README.md", page),
            ("docs/a.md", "[up](../README.md) [g](g.md)\n"),
        ],
        &expect![[r#"
            README.md:1: the link to b.md leads nowhere
            docs/a.md:1: the link to g.md leads nowhere
        "#]],
    );
}

#[test]
fn decisions_have_numbers_and_name_dependencies() {
    let long = format!("# 0003 C\n{}", "x\n".repeat(60));
    check(
        "decisions",
        &[
            (
                "Cargo.toml",
                "[workspace.dependencies]\ntokio = \"1\"\nlibc = \"1\"\n",
            ),
            ("docs/decisions/0001-a.md", "# 0001 A\n\nlibc\n"),
            ("docs/decisions/0001-b.md", "# 0002 B\n"),
            ("docs/decisions/0003-c.md", &long),
        ],
        &expect![[r#"
            Cargo.toml: no decision names the dependency tokio
            docs/decisions/0001-b.md: 0001 is also the number of docs/decisions/0001-a.md
            docs/decisions/0001-b.md: a decision without its number
            docs/decisions/0003-c.md: more than 60 lines
        "#]],
    );
}

#[test]
fn entries_of_the_changelog_are_lines() {
    let page = format!(
        "# C\n\n### Added\n\n- a\n  b\n- {}\n\n### Improved\n",
        "x".repeat(119)
    );
    check(
        "changelog",
        &[("CHANGELOG.md", &page)],
        &expect![[r#"
            CHANGELOG.md:6: an entry is one line after `- `
            CHANGELOG.md:7: 121 columns, at most 120
            CHANGELOG.md:9: no kind of change: Improved
        "#]],
    );
}
