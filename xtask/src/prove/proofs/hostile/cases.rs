//! The inputs. Each is as large as the bounds of the manifest reader let it be, or larger.

use std::fmt::Write;

/// An input.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// What the file is called.
    pub(super) file: &'static str,
    pub(super) input: Input,
    /// The exit codes that are right.
    pub(super) codes: &'static [i32],
}

/// How it is given.
pub(super) enum Input {
    File(Box<dyn Fn() -> Vec<u8>>),
    /// NULs on stdin that never end.
    Endless,
    /// A file that is not one.
    Device(&'static str),
    /// A directory that contains itself.
    Circle,
}

/// Problems were found, or it could not be read at all.
const REFUSED: &[i32] = &[1, 2];

/// Large, but nothing is wrong with it; or it is more than the bounds allow.
const ANY: &[i32] = &[0, 1, 2];

/// Bytes that are read at most, and one more.
const MIB_64: usize = 64 << 20;

/// All of them; the large ones smaller by `scale`.
pub(super) fn all(scale: usize) -> Vec<Case> {
    let mut all = shapes(scale);
    all.extend(texts(scale));
    all.extend(objects(scale));
    all.extend([
        special("NULs without end on stdin", Input::Endless),
        special(
            "a device without end as the file",
            Input::Device("/dev/zero"),
        ),
        special("a directory that contains itself", Input::Circle),
    ]);
    all
}

/// What YAML and JSON can be bent to.
fn shapes(scale: usize) -> Vec<Case> {
    vec![
        yaml("a billion laughs", REFUSED, || laughs("*", "[", "]")),
        yaml("a billion laughs of merge keys", REFUSED, || {
            laughs("{<<: *", "[", "]")
        }),
        yaml("an alias to itself", REFUSED, || {
            b"a: &a [*a, *a]\n".to_vec()
        }),
        yaml("a million anchors", ANY, move || {
            lines(1_000_000 / scale, |n| format!("a{n}: &a{n} x\n"))
        }),
        yaml("depth 100,000 of [", REFUSED, || b"[".repeat(100_000)),
        yaml("depth 100,000 of {a:", REFUSED, || b"{a: ".repeat(100_000)),
        yaml("depth 100,000 of - ", REFUSED, || b"- ".repeat(100_000)),
        yaml("depth 100,000 of ?", REFUSED, || b"? ".repeat(100_000)),
        yaml("depth 5,000 by indentation", REFUSED, || {
            (0..5_000)
                .flat_map(|n| format!("{}a:\n", " ".repeat(n)).into_bytes())
                .collect()
        }),
        json("depth 100,000 of JSON", REFUSED, || {
            b"{\"a\":[".repeat(50_000)
        }),
        yaml("a million empty documents", ANY, move || {
            b"---\n".repeat(1_000_000 / scale)
        }),
        yaml("a million documents", ANY, move || {
            b"---\na: 1\n".repeat(1_000_000 / scale)
        }),
        yaml("30 million nodes in one line", REFUSED, move || {
            [
                b"a: [".to_vec(),
                b"1,".repeat(30_000_000 / scale),
                b"]".to_vec(),
            ]
            .concat()
        }),
        yaml("a million duplicate keys", REFUSED, move || {
            b"a: 1\n".repeat(1_000_000 / scale)
        }),
        yaml("a million keys", ANY, move || {
            lines(1_000_000 / scale, |n| format!("k{n}: 1\n"))
        }),
        yaml("60 MiB that never close", REFUSED, move || {
            [
                b"kind: [".to_vec(),
                b"{a: b},".repeat((60 << 20) / 7 / scale),
            ]
            .concat()
        }),
    ]
}

/// What bytes can be.
fn texts(scale: usize) -> Vec<Case> {
    vec![
        yaml("64 MiB and a byte", REFUSED, || b"#".repeat(MIB_64 + 1)),
        yaml("64 MiB of spaces", ANY, || b" ".repeat(MIB_64 - 1)),
        yaml("64 MiB of line ends", ANY, || b"\n".repeat(MIB_64 - 1)),
        yaml("invalid UTF-8", REFUSED, || {
            b"kind: \xff\xfe\xc0\xaf\n".to_vec()
        }),
        yaml("UTF-16", ANY, || {
            let text = "\u{feff}kind: Gateway\n".encode_utf16();
            text.flat_map(u16::to_le_bytes).collect()
        }),
        yaml("a cut character at the end", REFUSED, || {
            b"kind: \xe2\x82".to_vec()
        }),
        yaml("16 MiB of NULs", REFUSED, || vec![0; 16 << 20]),
        yaml("a NUL in a name", REFUSED, || {
            gateway_named("a\0b").into_bytes()
        }),
        json("an escaped NUL in a name", REFUSED, || {
            gateway_json("a\\u0000b").into_bytes()
        }),
        json("half a surrogate in a name", REFUSED, || {
            gateway_json("\\ud800").into_bytes()
        }),
        yaml("a plain scalar of 60 MiB", ANY, move || {
            [b"a: ".to_vec(), b"x".repeat((60 << 20) / scale)].concat()
        }),
        yaml(
            "a quoted scalar of 60 MiB that never ends",
            REFUSED,
            move || [b"a: \"".to_vec(), b"\\\"".repeat((30 << 20) / scale)].concat(),
        ),
        yaml("a block scalar of 60 MiB", ANY, move || {
            [b"a: |\n".to_vec(), b" x\n".repeat((20 << 20) / scale)].concat()
        }),
        yaml("a name of 1 MiB", REFUSED, || {
            gateway_named(&"x".repeat(1 << 20)).into_bytes()
        }),
        yaml("a number of 8 MiB", REFUSED, || {
            port_is(&"9".repeat(8 << 20)).into_bytes()
        }),
        yaml("a number like 1e999999999", REFUSED, || {
            port_is("1e999999999").into_bytes()
        }),
        yaml("control characters in a name", REFUSED, || {
            gateway_named("\"\\e[2J\\e]0;x\\a\"").into_bytes()
        }),
        yaml(
            "a problem at the end of a line of 60 MiB",
            REFUSED,
            move || {
                let filler = " ".repeat((60 << 20) / scale);
                format!("{{apiVersion: gateway.networking.k8s.io/v1, {filler} kind: [").into_bytes()
            },
        ),
        yaml("random bytes", REFUSED, || {
            let mut random = crate::prove::random::Random::new(1);
            (0..1 << 17)
                .flat_map(|_| random.next().to_le_bytes())
                .collect()
        }),
    ]
}

/// What objects can be when there are many.
fn objects(scale: usize) -> Vec<Case> {
    vec![
        yaml("20,000 Gateways that want one port", ANY, move || {
            documents(20_000 / scale, |n| gateway_named(&format!("g{n}")))
        }),
        yaml("19,999 routes that want one listener", ANY, move || {
            let mut text = gateway_named("g").into_bytes();
            text.extend(documents(19_999 / scale, |n| route(&format!("r{n}"), "g")));
            text
        }),
        yaml("20,000 routes with misspelt fields", REFUSED, move || {
            documents(20_000 / scale, |n| {
                route(&format!("r{n}"), "g").replace("parentRefs", "parntRefs")
            })
        }),
        yaml("20,000 times the same object", REFUSED, move || {
            documents(20_000 / scale, |_| gateway_named("g"))
        }),
        yaml("a List of 200,000 unknown kinds", ANY, move || {
            let items = lines(200_000 / scale, |n| {
                format!("- {{apiVersion: v1, kind: K{n}, metadata: {{name: a}}}}\n")
            });
            [b"apiVersion: v1\nkind: List\nitems:\n".to_vec(), items].concat()
        }),
        yaml("Lists in Lists", ANY, || {
            let open = "{apiVersion: v1, kind: List, items: [".repeat(20);
            format!("{open}{}", "]}".repeat(20)).into_bytes()
        }),
        yaml("a Gateway of 100,000 listeners", REFUSED, move || {
            let mut text = b"apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n\
                metadata: {name: g}\nspec:\n  gatewayClassName: c\n  listeners:\n"
                .to_vec();
            text.extend(lines(100_000 / scale, |n| {
                format!(
                    "  - {{name: l{n}, port: {}, protocol: TCP}}\n",
                    n % 65_535 + 1
                )
            }));
            text
        }),
        yaml("slices of 500,000 endpoints", ANY, move || {
            endpoints(500_000 / scale)
        }),
        yaml("a million labels", ANY, move || {
            let mut text =
                b"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n  labels:\n".to_vec();
            text.extend(lines(900_000 / scale, |n| format!("    l{n}: x\n")));
            text
        }),
    ]
}

fn yaml(name: &'static str, codes: &'static [i32], make: impl Fn() -> Vec<u8> + 'static) -> Case {
    Case {
        name,
        file: "a.yaml",
        input: Input::File(Box::new(make)),
        codes,
    }
}

fn json(name: &'static str, codes: &'static [i32], make: impl Fn() -> Vec<u8> + 'static) -> Case {
    Case {
        file: "a.json",
        ..yaml(name, codes, make)
    }
}

fn special(name: &'static str, input: Input) -> Case {
    Case {
        name,
        file: "",
        input,
        codes: REFUSED,
    }
}

fn lines(n: usize, line: impl Fn(usize) -> String) -> Vec<u8> {
    (0..n).flat_map(|n| line(n).into_bytes()).collect()
}

fn documents(n: usize, document: impl Fn(usize) -> String) -> Vec<u8> {
    lines(n, |n| format!("---\n{}", document(n)))
}

/// Twenty levels of ten aliases each to the level before.
fn laughs(alias: &str, open: &str, close: &str) -> Vec<u8> {
    let mut text = String::from("l0: &l0 {a: lol}\n");
    let end = if alias.starts_with('{') { "}" } else { "" };
    for level in 1..20 {
        let before = level - 1;
        let ten = format!("{alias}l{before}{end},").repeat(10);
        let _ = writeln!(text, "l{level}: &l{level} {open}{ten}{close}");
    }
    text.into_bytes()
}

fn gateway_named(name: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata:\n  name: {name}\n\
         spec:\n  gatewayClassName: c\n  listeners:\n  - {{name: l, port: 80, protocol: TCP}}\n"
    )
}

fn port_is(port: &str) -> String {
    gateway_named("g").replace("port: 80", &format!("port: {port}"))
}

fn gateway_json(name: &str) -> String {
    format!(
        "{{\"apiVersion\": \"gateway.networking.k8s.io/v1\", \"kind\": \"Gateway\", \
         \"metadata\": {{\"name\": \"{name}\"}}, \"spec\": {{\"gatewayClassName\": \"c\", \
         \"listeners\": [{{\"name\": \"l\", \"port\": 80, \"protocol\": \"TCP\"}}]}}}}"
    )
}

fn route(name: &str, gateway: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: TCPRoute\nmetadata: {{name: {name}}}\n\
         spec:\n  parentRefs: [{{name: {gateway}}}]\n  rules:\n  - backendRefs: \
         [{{name: s, port: 1}}]\n"
    )
}

/// As many endpoints as asked for, a thousand a slice, of one Service that a route uses.
fn endpoints(n: usize) -> Vec<u8> {
    let mut text = format!(
        "{}---\n{}---\napiVersion: v1\nkind: Service\nmetadata: {{name: s}}\n\
         spec: {{ports: [{{port: 1}}]}}\n",
        gateway_named("g"),
        route("r", "g")
    );
    for slice in 0..n.div_ceil(1000) {
        let _ = write!(
            text,
            "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  \
             name: s-{slice}\n  labels: {{kubernetes.io/service-name: s}}\n\
             addressType: IPv4\nports: [{{port: 1}}]\nendpoints:\n"
        );
        for endpoint in 0..1000 {
            let (high, low) = (endpoint / 250, endpoint % 250 + 1);
            let _ = writeln!(
                text,
                "- addresses: [10.{}.{}.{low}]",
                slice / 64,
                slice % 64 * 4 + high
            );
        }
    }
    text.into_bytes()
}
