//! What ends before it is ready is not tried.

use std::path::Path;

use super::while_ready;

#[test]
fn what_ends_at_once_is_not_tried() {
    let mut n_tried = 0;
    let outcome = while_ready(Path::new("false"), Path::new("."), || {
        n_tried += 1;
        Ok(())
    });
    let why = outcome.unwrap_err().to_string();
    assert_eq!((n_tried, &*why), (0, "it ended before it was ready"));
}
