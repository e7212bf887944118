//! `portway explain`: what it prints and how it ends.

use expect_test::{Expect, expect};

use crate::portway::run;

fn check(arguments: &[&str], code: i32, want: &Expect) {
    let ended = run(&[&["explain"], arguments].concat());
    assert_eq!(ended.code, code, "{}{}", ended.stdout, ended.stderr);
    want.assert_eq(&(ended.stdout + &ended.stderr));
}

#[test]
fn a_code_has_a_page() {
    check(
        &["PW0210"],
        0,
        &expect![[r#"
        PW0210: an EndpointSlice belongs to no Service

        An EndpointSlice is found by its label `kubernetes.io/service-name`. Without that label nothing leads to it and its endpoints get no connections.
    "#]],
    );
}

#[test]
fn a_code_that_is_none_is_said() {
    check(
        &["PW9999"],
        2,
        &expect![[r#"
        error: there is no code PW9999; docs/reference/diagnostics.md has all of them
    "#]],
    );
}

#[test]
fn without_files_there_is_nothing_to_explain() {
    check(
        &["tcproute/app"],
        2,
        &expect![[r#"
        error: nothing to explain it from: give the files with `-f PATH`
    "#]],
    );
}
