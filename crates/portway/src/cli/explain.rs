//! `portway explain`: why something is as it is.

use std::env;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use portway_control::diagnostic::{Code, catalog};
use portway_control::snapshot::Target;
use portway_control::translate::explain::{Subject, explain};
use serde_json::Value;

use super::admin::AskArgs;
use super::check::TargetArg;
use super::cluster::KubeArgs;
use super::input::{Input, Strictness};
use crate::admin::{SUBJECT, ask};
use crate::exit::Exit;
use crate::render::{self, Paint};
use crate::stored;
use crate::subject::Wanted;

/// Say why something is as it is: a route, a Gateway, an address, a connection, a code
///
/// Tells the decisions in the order in which they are made, each with the field that decided, who
/// wins and why, and what a connection would get. Asks the running instance, as `status` does,
/// unless files or a cluster are given.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
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
     wrong flags")]
pub(crate) struct Args {
    /// tcproute/[NAMESPACE/]NAME, gateway/[NAMESPACE/]NAME, HOST:PORT, a code, or `connection`.
    #[arg(value_name = "SUBJECT", value_parser = subject)]
    subject: Wanted,

    /// Of a connection: the address and port of its client.
    #[arg(value_name = "ADDR:PORT")]
    client: Option<SocketAddr>,

    /// A file, a directory, or `-` for standard input; may be given several times.
    #[arg(
        short = 'f',
        long = "file",
        value_name = "PATH",
        env = "PORTWAY_FILE",
        hide_env_values = true
    )]
    files: Vec<PathBuf>,

    #[command(flatten)]
    kube: KubeArgs,

    #[command(flatten)]
    admin: AskArgs,

    /// Where the objects would be used; by default in the cluster with --kube, else standalone.
    #[arg(long, value_enum, env = "PORTWAY_TARGET", hide_env_values = true)]
    target: Option<TargetArg>,

    /// What to print.
    #[arg(
        short,
        long,
        value_enum,
        default_value = "text",
        env = "PORTWAY_OUTPUT",
        hide_env_values = true
    )]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// For machines
    Json,
    /// The same as YAML
    Yaml,
}

impl Output {
    /// Values as they are printed for machines.
    fn values(self, values: &[Value]) -> String {
        match self {
            Self::Text | Self::Json => values.iter().map(|it| format!("{it:#}\n")).collect(),
            Self::Yaml => {
                let documents = values.iter().map(render::yaml::document);
                documents.collect::<Vec<String>>().join("---\n")
            }
        }
    }
}

impl Args {
    /// Whether no files were named but those that `run` takes from the same variable.
    fn has_files_of_run(&self) -> bool {
        let of_run = env::var_os("PORTWAY_FILE").map(PathBuf::from);
        !self.kube.is_wanted() && self.files.first() == of_run.as_ref() && self.files.len() < 2
    }
}

/// What is typed. A host that is no address is looked up here, once: whoever is asked later only
/// compares, and the first address that the name has is the one that a client tries first.
fn subject(word: &str) -> Result<Wanted> {
    let wanted = word.parse();
    let Some((host, port)) = host_and_port(word).filter(|_| wanted.is_err()) else {
        return Ok(wanted?);
    };
    let mut found = (host, port).to_socket_addrs();
    let first = found.as_mut().map(Iterator::next);
    match first {
        Ok(Some(at)) => Ok(Wanted::Address(Some(at.ip()), at.port())),
        Ok(None) => bail!("`{host}` has no address: give one, as 192.0.2.1:{port}"),
        Err(error) => {
            bail!("`{host}` is not found ({error}): give its address, as 192.0.2.1:{port}")
        }
    }
}

/// The parts of a word that looks like `example.com:80`.
fn host_and_port(word: &str) -> Option<(&str, u16)> {
    let (host, port) = word.rsplit_once(':')?;
    let is_of_a_name =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let is_name = !host.is_empty() && host.bytes().all(is_of_a_name);
    Some((host, port.parse().ok()?)).filter(|_| is_name)
}

/// Explains.
///
/// # Errors
/// When there is no such subject, the input cannot be read, no instance answers or the result cannot
/// be written.
pub(crate) fn run(args: &Args) -> Result<Exit> {
    let is_here = args.files.is_empty() && !args.kube.is_wanted();
    let text = match (&args.subject, args.client) {
        (Wanted::Connection, None) => {
            bail!("which connection? give the address and port of its client")
        }
        (Wanted::Connection, Some(client)) if is_here || args.has_files_of_run() => {
            connections(args, client)?
        }
        (Wanted::Connection, Some(_)) => {
            bail!("connections are of the running instance: without `-f` and `--kube`")
        }
        (_, Some(client)) => {
            bail!("`{client}` is one subject too many: only a connection has an address of its own")
        }
        (Wanted::Code(code), None) => page(*code, args.output)?,
        (subject, None) => {
            let explanation = match is_here {
                true => from_instance(args, subject)?,
                false => from_objects(args, subject)?,
            };
            match args.output {
                Output::Text => render::explain::show(&explanation, Paint::for_stdout()),
                output => output.values(&[explanation]),
            }
        }
    };
    render::stdout(&text).context("write the result")?;
    Ok(Exit::Fine)
}

fn page(code: Code, output: Output) -> Result<String> {
    let Some(entry) = catalog().find(|entry| entry.code == code) else {
        bail!("there is no code {code}; docs/reference/diagnostics.md has all of them");
    };
    Ok(match output {
        Output::Text => render::explain::page(entry, Paint::for_stdout()),
        output => output.values(&[render::explain::page_value(entry)]),
    })
}

fn from_objects(args: &Args, wanted: &Wanted) -> Result<Value> {
    let cluster = args.kube.objects()?;
    let mut input = Input::read(&args.files, Strictness::Usual)?;
    input.complete(cluster);
    let said = args.target.map(TargetArg::target);
    let snapshot = input.snapshot(said.unwrap_or(args.kube.target()));
    let subject = wanted.subject(&snapshot.objects)?;
    let subject = subject.context("there is no such object")?;
    let explanation = explain(&snapshot, &subject);
    let mut explanation = explanation.context("there is no such object")?;
    if let Subject::Gateway(key) = &subject
        && let Some(gateway) = snapshot.objects.gateways.get(key)
    {
        stored::tell(gateway, &mut explanation);
    }
    Ok(render::explain::value(&explanation))
}

fn from_instance(args: &Args, wanted: &Wanted) -> Result<Value> {
    if args
        .target
        .is_some_and(|it| it.target() != Target::Standalone)
    {
        bail!("a running instance is no cluster: give `--kube`, or the files with `-f PATH`");
    }
    let query = query(&[(SUBJECT, &wanted.to_string())]);
    let asked = ask(&args.admin.places()?, &format!("/api/v1/explain?{query}"));
    asked.context("explain it from the running instance (`-f PATH` explains files)")
}

/// All connections of a client's socket: it may have one to each listener.
fn connections(args: &Args, client: SocketAddr) -> Result<String> {
    let places = args.admin.places()?;
    let client = client.to_string();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let mut pairs = vec![("client", &*client)];
        pairs.extend(after.as_deref().map(|it| ("after", it)));
        let path = format!("/api/v1/connections?{}", query(&pairs));
        let mut page = ask(&places, &path)?;
        if let Some(connections) = page["connections"].as_array_mut() {
            found.append(connections);
        }
        let Some(next) = page["next"].as_str() else {
            break;
        };
        // A page that leads to itself would never end.
        if after.replace(next.to_owned()).as_deref() == Some(next) {
            break;
        }
    }
    if found.is_empty() {
        bail!("no connection from {client} is open there; `portway top` shows those that are");
    }
    let paint = Paint::for_stdout();
    Ok(match args.output {
        Output::Text => {
            let shown = found.iter();
            shown
                .map(|it| render::explain::connection(it, paint))
                .collect()
        }
        output => output.values(&found),
    })
}

fn query(pairs: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs).finish()
}
