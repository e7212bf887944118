//! What `down` promises.

use super::*;

#[test]
fn a_mount_point_is_the_fifth_field_with_its_blanks() {
    let line = "36 35 98:0 /mnt1 /a\\040b/c rw,noatime master:1 - ext3 /dev/root rw";
    assert_eq!(mount_point(line), Some(PathBuf::from("/a b/c")));
}
