//! Manifests for tests: the guide's, with other ports, and directories that go away.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

/// A directory of its own for a test.
pub(crate) struct Dir(pub(crate) PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "it-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Where everybody may come to.
    pub(crate) fn outside(name: &str) -> Self {
        let name = format!("portway-it-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }

    pub(crate) fn with(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        fs::write(self.0.join(name), text).unwrap();
        self
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The guide's Gateway and routes as they stand in the repository, but for the ports.
pub(crate) fn guide(ports: [u16; 2]) -> String {
    let text = fs::read_to_string(root().join("examples/tcp-routing/tcp-routing.yaml")).unwrap();
    replace_once(
        &replace_once(&text, "port: 8080", &format!("port: {}", ports[0])),
        "port: 8090",
        &format!("port: {}", ports[1]),
    )
}

/// The guide's Services, with these endpoints.
pub(crate) fn services(endpoints: [SocketAddr; 2]) -> String {
    let text = fs::read_to_string(root().join("examples/tcp-routing/services.yaml")).unwrap();
    let [foo, bar] = endpoints;
    let text = replace_once(&text, "[127.0.0.1]", &format!("[{}]", foo.ip()));
    let text = replace_once(&text, "[127.0.0.2]", &format!("[{}]", bar.ip()));
    // The ports of the slices stand at the margin, those of the Services do not.
    let mut parts = text.split("\n- port: 6000");
    let (a, b, c) = (parts.next(), parts.next(), parts.next());
    let (foo, bar) = (foo.port(), bar.port());
    let (a, b, c) = (a.unwrap(), b.unwrap(), c.unwrap());
    format!("{a}\n- port: {foo}{b}\n- port: {bar}{c}")
}

/// Replaces what must be there exactly once.
pub(crate) fn replace_once(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from} in {text}");
    text.replace(from, to)
}
