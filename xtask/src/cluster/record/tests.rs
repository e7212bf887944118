//! What `record` promises.

use super::*;

#[test]
fn a_number_that_another_process_has_now_is_not_the_part() {
    let pid = i32::try_from(std::process::id()).unwrap();
    let born = born(pid).unwrap();
    let part = |born| Part {
        name: "us".to_owned(),
        pid,
        born,
    };
    assert!(part(born).runs());
    assert!(!part(born + 1).runs());
}
