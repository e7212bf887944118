//! What `interrupt` promises.

use std::os::unix::process::ExitStatusExt;

use rustix::process::Signal;

use super::*;

/// By their names for `kill`: signal(7) says that each ends a process which does not catch it.
const ENDING: [&str; 14] = [
    "ABRT", "ALRM", "HUP", "INT", "IO", "PROF", "PWR", "QUIT", "TERM", "USR1", "USR2", "VTALRM",
    "XCPU", "XFSZ",
];

#[test]
fn a_signal_that_would_end_us_is_heard() {
    for name in ENDING {
        let interrupt = Interrupt::listen().unwrap();
        interrupt.check().unwrap();
        send(name);
        let heard = interrupt.until("signal", Duration::from_secs(10), || Ok(None::<()>));
        assert!(heard.unwrap_err().is::<Interrupted>(), "SIG{name}");
    }
}

#[test]
fn a_program_of_ours_is_ended_in_order_when_we_are_asked_to_end() {
    let asked = Arc::new(AtomicBool::new(true));
    let mut program = Command::new("sleep").arg("60").spawn().unwrap();
    let error = Interrupt { asked }.ended(&mut program).unwrap_err();
    assert!(error.is::<Interrupted>());
    let ended_by = program.wait().unwrap().signal();
    assert_eq!(ended_by, Some(Signal::TERM.as_raw()));
}

/// Sends a signal to ourselves.
fn send(name: &str) {
    let pid = std::process::id().to_string();
    let status = Command::new("kill").args(["-s", name, &pid]).status();
    assert!(status.unwrap().success(), "SIG{name}");
}
