//! The archive, read back as an engine reads it.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use super::*;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn written(folder: &Folder, file: &str) -> Vec<u8> {
    let binary = folder.0.join("binary");
    fs::write(&binary, b"\x7fELF and so on").unwrap();
    let image = Image {
        reference: "localhost/portway:7",
        binary: &binary,
        name: "portway",
        files: &[],
        arguments: &["run"],
        labels: &[("org.opencontainers.image.title", "portway")],
    };
    let archive = folder.0.join(file);
    write(&image, &archive).unwrap();
    fs::read(archive).unwrap()
}

fn entries(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut tar = tar::Archive::new(archive);
    let all = tar.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        assert_eq!(entry.header().mtime().unwrap(), 0);
        let path = entry.path().unwrap().display().to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (path, bytes)
    });
    all.collect()
}

fn json_of(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn the_same_binary_gives_the_same_bytes() {
    let folder = Folder::new("archive-same");
    assert_eq!(written(&folder, "a.tar"), written(&folder, "b.tar"));
}

#[test]
fn every_digest_names_a_blob_with_that_hash() {
    let folder = Folder::new("archive-digests");
    let entries = entries(&written(&folder, "a.tar"));
    let blobs = entries.iter().filter_map(|(path, bytes)| {
        Some((
            path.strip_prefix("blobs/sha256/")?,
            hex(&Sha256::digest(bytes)),
        ))
    });
    let blobs: Vec<(&str, String)> = blobs.collect();
    assert_eq!(blobs.len(), 3);
    for (name, hash) in blobs {
        assert_eq!(name, hash);
    }
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"]
            .as_str()
            .unwrap()
            .replace("sha256:", "blobs/sha256/");
        assert_eq!(descriptor["size"], entries[&digest].len());
        entries[&digest].clone()
    };
    let index = json_of(&entries["index.json"]);
    let manifest = json_of(&blob(&index["manifests"][0]));
    let config = json_of(&blob(&manifest["config"]));
    let layer = blob(&manifest["layers"][0]);
    let hash = format!("sha256:{}", hex(&Sha256::digest(&layer)));
    assert_eq!(config["rootfs"]["diff_ids"][0], hash);
}

#[test]
fn the_binary_is_what_starts_and_not_as_root() {
    let folder = Folder::new("archive-config");
    let entries = entries(&written(&folder, "a.tar"));
    let older = json_of(&entries["manifest.json"]);
    let config = json_of(&entries[older[0]["Config"].as_str().unwrap()]);
    assert_eq!(config["config"]["Entrypoint"], json!(["/portway", "run"]));
    assert_eq!(config["config"]["User"], "65532:65532");
    let layer = &entries[older[0]["Layers"][0].as_str().unwrap()];
    let mut tar = tar::Archive::new(layer.as_slice());
    let file = tar.entries().unwrap().next().unwrap().unwrap();
    assert_eq!(file.path().unwrap().display().to_string(), "portway");
    assert_eq!(file.header().mode().unwrap(), 0o755);
}
