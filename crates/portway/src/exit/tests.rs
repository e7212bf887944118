//! The codes are what `--help` tells and what units and scripts rely on.

use std::process::ExitCode;

use super::Exit;

#[test]
fn each_end_has_its_code() {
    for (exit, code) in [
        (Exit::Fine, 0),
        (Exit::Problems, 1),
        (Exit::CouldNotRun, 2),
        // EX_SOFTWARE of sysexits(3).
        (Exit::WorkerDied, 70),
    ] {
        assert_eq!(ExitCode::from(exit), ExitCode::from(code), "{exit:?}");
    }
}
