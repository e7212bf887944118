//! The Rust of `proto/feed.proto` is checked in and current: building Portway needs no protobuf
//! compiler, not even one in Rust. `cargo xtask bless` (`UPDATE_EXPECT=1`) writes it anew: change
//! the proto, bless, then the code that uses it, for this test links the crate.

use std::fs;
use std::path::Path;

use expect_test::expect_file;

#[test]
fn the_generated_code_is_that_of_the_proto() {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let files = protox::compile(["feed.proto"], [&proto]).unwrap();
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("feed-generated");
    fs::create_dir_all(&out).unwrap();
    tonic_prost_build::configure()
        .out_dir(&out)
        .compile_fds(files)
        .unwrap();
    let code = fs::read_to_string(out.join("portway.feed.v1.rs")).unwrap();
    let text =
        format!("//! Generated from `proto/feed.proto`; see `tests/it/generated.rs`.\n{code}");
    expect_file!["../../src/wire/generated.rs"].assert_eq(&text);
}
