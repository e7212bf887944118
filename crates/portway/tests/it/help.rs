//! `--help` and `--version`: they teach, so they are looked at.

use std::fmt::Write as _;

use expect_test::{Expect, expect, expect_file};

use crate::portway::run;

fn shown(arguments: &[&str]) -> String {
    let ended = run(arguments);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let lines = ended.stdout.lines();
    lines.map(|line| format!("{}\n", line.trim_end())).collect()
}

fn check(arguments: &[&str], want: &Expect) {
    want.assert_eq(&shown(arguments));
}

#[test]
fn the_program_says_what_it_is() {
    check(
        &["--help"],
        &expect![[r#"
            A layer 4 gateway that speaks Kubernetes Gateway API, with or without a cluster

            Usage: portway <COMMAND>

            Commands:
              run          Be the gateway that the objects in files describe
              check        Say what the objects in files mean, and what is wrong with them
              status       Say what a running instance serves, what it does not and why
              explain      Say why something is as it is: a route, a Gateway, an address, a connection, a code
              top          Follow listeners, routes, endpoints and connections on a terminal
              controller   Watch a Kubernetes cluster, provision proxies for its Gateways, and feed them
              proxy        Be the data plane of one Gateway, fed by a controller
              demo         Show a gateway at work: two listeners, two routes, two backends, real streams
              completions  Print the completions of a shell
              man          Print the manual page, or write a page for every verb
              help         Print this message or the help of the given subcommand(s)

            Options:
              -h, --help     Print help
              -V, --version  Print version

            Start with:
              portway demo                            a gateway, two backends, real streams
              portway check -f examples/tcp-routing   what these files mean, and what is wrong
              portway run -f examples/tcp-routing     be the gateway that they describe

            Every flag can be given as a variable: --dial-timeout is PORTWAY_DIAL_TIMEOUT.
        "#]],
    );
}

#[test]
fn run_says_how_to_be_a_gateway() {
    expect_file!["help/run.txt"].assert_eq(&shown(&["run", "--help"]));
}

#[test]
fn check_says_what_it_shows() {
    check(
        &["check", "--help"],
        &expect![[r#"
            Say what the objects in files mean, and what is wrong with them

            Shows each problem with its place, its effect on connections and a way out; then what would listen
            where, and where its connections would go. Nothing is opened, nothing is changed.

            Usage: portway check [OPTIONS] --file <PATH>

            Options:
              -f, --file <PATH>
                      A file, a directory, or `-` for standard input; may be given several times.

                      A directory is read with all below it: *.yaml, *.yml and *.json, without names that start
                      with a dot. PORTWAY_FILE holds one path.

                      [env: PORTWAY_FILE]

                  --strict
                      Take warnings for errors: also objects that are missing and that a cluster may have

                      [env: PORTWAY_STRICT]

                  --kube
                      Ask the cluster of KUBECONFIG: for objects beside those in files, which count first;
                      `status` shows the statuses that stand there

                      [env: PORTWAY_KUBE]

                  --kube-context <NAME>
                      Which entry of the kubeconfig; by default the current one

                      [env: PORTWAY_KUBE_CONTEXT]

                  --target <TARGET>
                      Where the objects would be used

                      Possible values:
                      - cluster:    Each Gateway has addresses of its own
                      - standalone: All Gateways share the ports of this host, as with `portway run`

                      [env: PORTWAY_TARGET]
                      [default: cluster]

              -o, --output <OUTPUT>
                      What to print; with yaml the problems go to stderr

                      Possible values:
                      - text: For people
                      - json: For machines
                      - yaml: The objects as given, with status

                      [env: PORTWAY_OUTPUT]
                      [default: text]

              -h, --help
                      Print help (see a summary with '-h')

            Examples:
              portway check -f examples/tcp-routing
              portway check -f gateway.yaml -f services/ --target standalone
              cat *.yaml | portway check -f -
              portway check -f . --output json | jq '.diagnostics[].code'
              portway check -f . --output yaml         the objects, with the status each would get
              portway check -f route.yaml --kube       what it would mean among what a cluster has

            Exit codes:
              0  no errors
              1  errors, or with --strict also warnings
              2  could not run: unreadable input, wrong flags
        "#]],
    );
}

#[test]
fn demo_says_what_it_does() {
    check(
        &["demo", "--help"],
        &expect![[r#"
            Show a gateway at work: two listeners, two routes, two backends, real streams

            Loads the example of the TCP routing guide, starts two small echo servers as its two Services, sends
            a stream through each listener, shows what went where, and goes on until Ctrl-C.

            Usage: portway demo [OPTIONS]

            Options:
                  --ports <PORT,PORT>
                      Other ports than the example's 8080 and 8090
          
                      [env: PORTWAY_PORTS]

              -h, --help
                      Print help (see a summary with '-h')

            Examples:
              portway demo
              portway demo --ports 18080,18090

            Exit codes:
              0   ended by Ctrl-C
              2   could not run: a port is taken or not allowed
              70  a worker died: a defect, please report it
        "#]],
    );
}

#[test]
fn the_version_has_the_commit() {
    let ended = run(&["--version"]);
    let version = ended.stdout.strip_prefix("portway 0.1.0 (commit ").unwrap();
    let commit = version.strip_suffix(")\n").unwrap();
    let is_commit = commit.len() == 12 && commit.chars().all(|c| c.is_ascii_hexdigit());
    assert!(is_commit || commit == "unknown", "{commit}");
}

#[test]
fn wrong_flags_are_said() {
    for wrong in [
        &["run"][..],
        &["run", "-f", "x", "--workers", "0"],
        &["run", "-f", "x", "--dial-timeout", "5"],
        &["run", "-f", "x", "--log-level", "loud"],
        &["check", "-f", "x", "--output", "xml"],
        &["demo", "--ports", "1,1"],
        &["demo", "--ports", "8080"],
        &["fly"],
    ] {
        let ended = run(wrong);
        assert_eq!(ended.code, 2, "{wrong:?}: {}", ended.stderr);
        assert!(
            ended.stderr.starts_with("error: "),
            "{wrong:?}: {}",
            ended.stderr
        );
    }
}

#[test]
fn explain_says_what_can_be_asked() {
    check(
        &["explain", "--help"],
        &expect![[r#"
            Say why something is as it is: a route, a Gateway, an address, a connection, a code

            Tells the decisions in the order in which they are made, each with the field that decided, who wins
            and why, and what a connection would get. Asks the running instance, as `status` does, unless files
            or a cluster are given.

            Usage: portway explain [OPTIONS] <SUBJECT> [ADDR:PORT]

            Arguments:
              <SUBJECT>
                      tcproute/[NAMESPACE/]NAME, gateway/[NAMESPACE/]NAME, HOST:PORT, a code, or `connection`

              [ADDR:PORT]
                      Of a connection: the address and port of its client

            Options:
              -f, --file <PATH>
                      A file, a directory, or `-` for standard input; may be given several times

                      [env: PORTWAY_FILE]

                  --kube
                      Ask the cluster of KUBECONFIG: for objects beside those in files, which count first;
                      `status` shows the statuses that stand there

                      [env: PORTWAY_KUBE]

                  --kube-context <NAME>
                      Which entry of the kubeconfig; by default the current one

                      [env: PORTWAY_KUBE_CONTEXT]

                  --admin <ADDR>
                      Address of the instance; by default its socket is tried, then 127.0.0.1:9180

                      [env: PORTWAY_ADMIN]

                  --admin-socket <PATH>
                      Socket of the instance; by default in $XDG_RUNTIME_DIR or /run/portway

                      [env: PORTWAY_ADMIN_SOCKET]

                  --target <TARGET>
                      Where the objects would be used; by default in the cluster with --kube, else standalone

                      Possible values:
                      - cluster:    Each Gateway has addresses of its own
                      - standalone: All Gateways share the ports of this host, as with `portway run`

                      [env: PORTWAY_TARGET]

              -o, --output <OUTPUT>
                      What to print

                      Possible values:
                      - text: For people
                      - json: For machines
                      - yaml: The same as YAML

                      [env: PORTWAY_OUTPUT]
                      [default: text]

              -h, --help
                      Print help (see a summary with '-h')

            Examples:
              portway explain tcproute/tcp-app-1                          as the running instance has it
              portway explain connection 10.0.0.7:51234                   what became of that client there
              portway explain tcproute/tcp-app-1 -f examples/tcp-routing
              portway explain gateway/team-a/edge -f gateways/ --target cluster
              portway explain 127.0.0.1:8080 -f examples/tcp-routing      what a connection there gets
              portway explain :8080 -f examples/tcp-routing               the same, on any address
              portway explain tcproute/db --kube                          as a cluster has it
              portway explain PW0203                                      the page of a code

            Exit codes:
              0  explained
              2  could not run: no such object, code or connection, no running instance, unreadable input,
                 wrong flags
        "#]],
    );
}

/// All verbs, as `--help` names them; `help` repeats what is said elsewhere.
fn verbs() -> Vec<String> {
    let text = run(&["--help"]).stdout;
    let (_, rest) = text.split_once("Commands:\n").unwrap();
    let lines = rest.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let verbs = names.filter(|name| !name.is_empty() && *name != "help");
    verbs.map(ToOwned::to_owned).collect()
}

/// The page is what `--help` says: `cargo xtask docs` writes it anew.
#[test]
fn the_reference_shows_every_verb() {
    let mut page = String::from(
        "# The command line\n\nWhat `portway --help` and `portway VERB --help` say; written from \
         there by `cargo xtask docs`.\n",
    );
    let mut add = |title: &str, arguments: &[&str]| {
        let ended = run(arguments);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let lines = ended.stdout.lines().map(str::trim_end);
        let text = lines.collect::<Vec<_>>().join("\n");
        _ = write!(page, "\n## {title}\n\n```text\n{}\n```\n", text.trim_end());
    };
    add("portway", &["--help"]);
    let verbs = verbs();
    assert!(verbs.len() >= 3, "{verbs:?}");
    for verb in &verbs {
        add(&format!("portway {verb}"), &[verb, "--help"]);
    }
    expect_file!["../../../../docs/reference/cli.md"].assert_eq(&page);
}

#[test]
fn every_flag_is_also_a_variable() {
    let mut n_flags = 0;
    for verb in verbs() {
        let text = run(&[&verb, "--help"]).stdout;
        let (_, options) = text.split_once("Options:\n").unwrap_or_default();
        let mut flags: Vec<(String, bool)> = Vec::new();
        for line in options.lines().map(str::trim_start) {
            let words: Vec<&str> = line.split([' ', ',', '=']).collect();
            let long = words
                .iter()
                .take(3)
                .find_map(|word| word.strip_prefix("--"));
            if let Some(flag) = long.filter(|_| line.starts_with('-')) {
                flags.push((flag.to_uppercase().replace('-', "_"), false));
            }
            if let Some((flag, is_variable)) = flags.last_mut() {
                *is_variable |= line.starts_with(&format!("[env: PORTWAY_{flag}]"));
            }
        }
        flags.retain(|(flag, _)| flag != "HELP");
        n_flags += flags.len();
        let lacking: Vec<_> = flags
            .iter()
            .filter(|(_, is_variable)| !is_variable)
            .collect();
        assert!(lacking.is_empty(), "{verb}: no variable for {lacking:?}");
    }
    assert!(n_flags > 5, "{n_flags} flags were seen");
}
