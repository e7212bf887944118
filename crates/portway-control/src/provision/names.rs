//! Names, labels, ports and paths that controller and proxies agree on.
//!
//! In: names of Gateways and classes, up to 253 characters each. Out: names that every kind takes.
//! Never: one name for two Gateways: what is shortened carries a hash of the whole.

use super::Fleet;

/// The feed's port on the controller.
pub const FEED_PORT: u16 = 15010;

/// The port of a proxy's and the controller's health checks and metrics.
pub const ADMIN_PORT: u16 = 15021;

/// The headless Service of the controllers, in their namespace.
pub const FEED_SERVICE: &str = "portway-feed";

/// Who a proxy's token is for; the API server refuses it for anything else.
pub const TOKEN_AUDIENCE: &str = "portway.dev/feed";

/// Where the next two lie in a proxy's Pod.
pub const FEED_DIR: &str = "/var/run/portway/feed";

/// A proxy's token, renewed by the kubelet.
pub const TOKEN_FILE: &str = "/var/run/portway/feed/token";

/// The authorities whose certificates the feed may show.
pub const CA_FILE: &str = "/var/run/portway/feed/ca.crt";

/// The key of those in a ConfigMap.
pub const CA_KEY: &str = "ca.crt";

/// Seconds a token lives; the kubelet renews it after four fifths.
pub(super) const TOKEN_SECONDS: u32 = 3600;

/// Marks what belongs to a Gateway (GEP-1762).
pub const GATEWAY_NAME_LABEL: &str = "gateway.networking.k8s.io/gateway-name";

/// Its class (GEP-1762).
pub const CLASS_NAME_LABEL: &str = "gateway.networking.k8s.io/gateway-class-name";

/// Marks what we made.
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";

/// Its value.
pub const MANAGED_BY: &str = "portway";

/// Which of several controllers made it.
pub const CONTROLLER_LABEL: &str = "portway.dev/controller";

/// The namespace of the install that made it: each has its own.
pub const INSTALL_LABEL: &str = "portway.dev/install";

/// Longest name of a Service and longest value of a label, in bytes.
const NAME_BYTES_MAX: usize = 63;

/// Letters of a hash in a name, of 31 each: 49 bits.
const HASH_LETTERS: usize = 10;

/// The name of everything that is provisioned for a Gateway: `GATEWAY-CLASS`, as GEP-1762 wants it.
pub fn generated(fleet: &Fleet) -> String {
    generated_name(&fleet.gateway.name, &fleet.class)
}

/// [`generated`] of names.
pub fn generated_name(gateway: &str, class: &str) -> String {
    // Gateways `a-b` of class `c` and `a` of class `b-c` are two: the joint carries a hash then.
    let whole = format!("{gateway}-{class}");
    let is_plain = !class.contains('-') && starts_with_letter(&whole) && !whole.contains('.');
    if is_plain && whole.len() <= NAME_BYTES_MAX {
        return whole;
    }
    let start = if starts_with_letter(&whole) {
        ""
    } else {
        "gw-"
    };
    let readable = format!("{start}{}", whole.replace('.', "-"));
    shortened(&readable, &hash(&format!("{gateway}/{class}")))
}

/// A label's value that says `name`, with a hash where it had to be changed.
pub fn label_value(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.len() <= NAME_BYTES_MAX && name.chars().all(allowed) {
        return name.to_owned();
    }
    let readable: String = name
        .chars()
        .map(|c| if allowed(c) { c } else { '_' })
        .collect();
    shortened(&readable, &hash(name))
}

/// The DNS name of the feed, which its certificate shows.
pub fn feed_host(namespace: &str) -> String {
    format!("{FEED_SERVICE}.{namespace}.svc")
}

fn starts_with_letter(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// `readable` is ASCII, so it may be cut anywhere.
fn shortened(readable: &str, hash: &str) -> String {
    let n_bytes = readable.len().min(NAME_BYTES_MAX - 1 - HASH_LETTERS);
    let kept = readable.get(..n_bytes).unwrap_or_default();
    format!("{}-{hash}", kept.trim_end_matches(['-', '_', '.']))
}

/// FNV-1a, 64 bits: these names must stay the same for as long as the objects live, so no hash
/// whose result may change with a release of Rust.
fn hash(text: &str) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    // No vowels: hashes shall not spell words.
    const LETTERS: &[u8; 31] = b"0123456789bcdfghjklmnpqrstvwxyz";
    let mut state = OFFSET;
    for byte in text.bytes() {
        state = (state ^ u64::from(byte)).wrapping_mul(PRIME);
    }
    let mut letters = String::with_capacity(HASH_LETTERS);
    for _ in 0..HASH_LETTERS {
        // As many letters as the alphabet above has.
        let at = usize::try_from(state % 31).unwrap_or_default();
        letters.push(char::from(LETTERS[at]));
        state /= 31;
    }
    letters
}
