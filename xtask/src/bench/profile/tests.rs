//! What `profile` promises.

use serde_json::json;

use super::{Unit, per_unit};

#[test]
fn calls_are_counted_by_the_work_that_was_measured() {
    let counted = "    calls syscall\n--------- -------\n     2600 recvfrom\n     1300 sendto\n";
    let load = json!({"seconds": 1.0, "units": 1000});
    let told = per_unit(counted, Unit::Each, &load);
    assert_eq!(
        told,
        "      2.00 a unit  recvfrom\n      1.00 a unit  sendto\n"
    );
}
