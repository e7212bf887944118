//! `portway demo`: the guide's example on this host, with two backends of its own.
//!
//! Objects are read as `run` reads them, from the example that is built in; then the ports may be
//! others and the endpoints are our own backends. Everything behind that is what `run` does.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use portway_control::api::SERVICE_NAME_LABEL;
use portway_control::manifest;
use portway_control::origin::Source;
use portway_control::snapshot::Objects;
use portway_engine::limits::DIAL_TIMEOUT;
use portway_engine::record::ConnRecord;

use crate::conn_log::Heard;
use crate::echo::EchoBackend;
use crate::exit::Exit;
use crate::host;
use crate::limits::{DEMO_ANSWER_TIMEOUT, DEMO_DRAIN_TIMEOUT, FIRST_TABLE_TIMEOUT};
use crate::outline::{self, ListenerLine};
use crate::render::demo::{self as show, Stream, Trial};
use crate::render::{self, Paint};
use crate::signals::Signals;
use crate::wiring::{Change, Config, Standalone};

/// The example as it lies in the repository, by path.
const EXAMPLE: [(&str, &str); 2] = [
    (
        "examples/tcp-routing/services.yaml",
        include_str!("../../../../examples/tcp-routing/services.yaml"),
    ),
    (
        "examples/tcp-routing/tcp-routing.yaml",
        include_str!("../../../../examples/tcp-routing/tcp-routing.yaml"),
    ),
];

/// What the demo sends through each listener.
const WORDS: &str = "a line from the demo";

/// Show a gateway at work: two listeners, two routes, two backends, real streams
///
/// Loads the example of the TCP routing guide, starts two small echo servers as its two Services,
/// sends a stream through each listener, shows what went where, and goes on until Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  portway demo
  portway demo --ports 18080,18090

Exit codes:
  0   ended by Ctrl-C
  2   could not run: a port is taken or not allowed
  70  a worker died: a defect, please report it")]
pub(crate) struct Args {
    /// Other ports than the example's 8080 and 8090.
    #[arg(
        long,
        value_name = "PORT,PORT",
        env = "PORTWAY_PORTS",
        hide_env_values = true,
        value_parser = parse_ports
    )]
    ports: Option<[u16; 2]>,
}

fn parse_ports(text: &str) -> Result<[u16; 2], String> {
    let expected = || "expected two different ports, as 18080,18090".to_owned();
    let (first, second) = text.split_once(',').ok_or_else(expected)?;
    let port = |text: &str| match text.trim().parse() {
        Ok(0) | Err(_) => Err(expected()),
        Ok(port) => Ok(port),
    };
    let ports = [port(first)?, port(second)?];
    match ports[0] == ports[1] {
        true => Err(expected()),
        false => Ok(ports),
    }
}

/// Runs until a signal comes.
///
/// # Errors
/// When a port is taken or a stream does not arrive.
pub(crate) fn run(args: Args) -> Result<Exit> {
    let signals = Signals::catch().context("watch for signals")?;
    let mut objects = example()?;
    if let Some(ports) = args.ports {
        set_ports(&mut objects, ports);
    }
    let names = objects.services.keys().map(|key| Arc::clone(&key.name));
    let backends: Vec<EchoBackend> = names
        .map(EchoBackend::start)
        .collect::<io::Result<_>>()
        .context("start the demo's backends")?;
    set_endpoints(&mut objects, &backends);

    let config = Config {
        admin: Vec::new(),
        proxy: portway_proxy::Config {
            workers: thread::available_parallelism().context("count the cores")?,
            dial_timeout: DIAL_TIMEOUT,
            measure_paths: false,
        },
        drain_timeout: DEMO_DRAIN_TIMEOUT,
    };
    let (sender, records) = mpsc::channel();
    let tell = move |heard: Heard<'_>| {
        if let Heard::Closed(record) = heard {
            let _ = sender.send(record.clone());
        }
        None
    };
    let mut standalone = Standalone::start(&config, Some(signals), objects, None, tell)?;
    let deadline = Instant::now() + FIRST_TABLE_TIMEOUT;
    match standalone.next(Some(deadline))? {
        // Without files there is no newer table than the first.
        Change::Translated | Change::Applied | Change::HandedOut => {
            refuse_taken_ports(&standalone)?;
        }
        Change::Stop => return Ok(Exit::Fine),
        Change::WorkerDied => return Ok(Exit::WorkerDied),
    }
    introduce(&standalone, &records)?;
    let exit = go_on(&mut standalone, records)?;
    if exit != Exit::Fine {
        return Ok(exit);
    }
    let exit = standalone.shutdown();
    render::stdout("\nThe demo is over.\n").context("write the end")?;
    Ok(exit)
}

/// Everything up to the prompt: listeners, streams, statuses, what to try.
fn introduce(standalone: &Standalone, records: &Receiver<ConnRecord>) -> Result<()> {
    let paint = Paint::for_stdout();
    let lines = outline::of(standalone.objects(), standalone.translation());
    render::stdout(&show::listeners(&lines, paint)).context("write the listeners")?;
    let families = families(standalone);
    let mut streams = Vec::new();
    for line in &lines {
        for ip in &families {
            let client = SocketAddr::new(*ip, line.port);
            streams.push(send_stream(client, records)?);
        }
    }
    let statuses = &standalone.translation().statuses;
    let text = show::streams(&streams, paint)
        + &show::statuses(statuses, paint)
        + &show::trials(&trials(&lines, &families), paint);
    render::stdout(&text).context("write what happened")
}

/// Shows each further connection until a signal comes.
fn go_on(standalone: &mut Standalone, records: Receiver<ConnRecord>) -> Result<Exit> {
    let paint = Paint::for_stdout();
    let follow = move || {
        for record in records {
            let _ = render::stdout(&show::connection(&record, paint));
        }
    };
    thread::Builder::new()
        .name("follow".into())
        .spawn(follow)
        .context("follow connections")?;
    loop {
        match standalone.next(None)? {
            Change::Translated | Change::Applied | Change::HandedOut => {}
            Change::Stop => return Ok(Exit::Fine),
            Change::WorkerDied => return Ok(Exit::WorkerDied),
        }
    }
}

fn example() -> Result<Objects> {
    let sources = EXAMPLE.map(|(name, text)| Source {
        name: name.into(),
        text: text.into(),
    });
    let reading = manifest::read(&sources);
    ensure!(
        reading.diagnostics.is_empty(),
        "the built-in example has problems: {:?}",
        reading.diagnostics
    );
    Ok(reading.objects)
}

fn set_ports(objects: &mut Objects, ports: [u16; 2]) {
    for gateway in objects.gateways.values_mut() {
        let listeners = &mut Arc::make_mut(gateway).object.spec.listeners;
        for (listener, port) in listeners.iter_mut().zip(ports) {
            listener.port = port;
        }
    }
}

fn set_endpoints(objects: &mut Objects, backends: &[EchoBackend]) {
    for slice in objects.endpoint_slices.values_mut() {
        let slice = &mut Arc::make_mut(slice).object;
        let service = slice.metadata.labels.get(SERVICE_NAME_LABEL);
        let backend = backends
            .iter()
            .find(|it| Some(&*it.name) == service.map(String::as_str));
        let Some(EchoBackend { addr, .. }) = backend else {
            continue;
        };
        for endpoint in &mut slice.endpoints {
            endpoint.addresses = vec![addr.ip().to_string()];
        }
        for port in &mut slice.ports {
            port.port = Some(addr.port());
        }
    }
}

/// A demo on half of its sockets would be one that surprises.
fn refuse_taken_ports(standalone: &Standalone) -> Result<()> {
    let refused = standalone.refused();
    let Some((addr, error)) = refused.iter().next() else {
        return Ok(());
    };
    let why = host::refusal(error);
    bail!(
        "port {} cannot be used: {why} ({addr})\n\
         other ports: portway demo --ports 18080,18090",
        addr.port()
    )
}

/// The loopback addresses to come from. IPv6 sockets may listen on a host that has no such address.
fn families(standalone: &Standalone) -> Vec<IpAddr> {
    let ipv6: IpAddr = Ipv6Addr::LOCALHOST.into();
    let mut families: Vec<IpAddr> = vec![Ipv4Addr::LOCALHOST.into()];
    if standalone.bound().any(|it| it.is_ipv6()) && host::is_bindable(&ipv6) {
        families.push(ipv6);
    }
    families
}

/// Connects, hears the greeting, sends a line, hears its echo, and ends in order.
fn send_stream(to: SocketAddr, records: &Receiver<ConnRecord>) -> Result<Stream> {
    let tried = || format!("send a stream to {to}");
    let talk = || -> io::Result<[String; 2]> {
        let stream = TcpStream::connect_timeout(&to, DEMO_ANSWER_TIMEOUT)?;
        stream.set_read_timeout(Some(DEMO_ANSWER_TIMEOUT))?;
        let mut answers = BufReader::new(&stream);
        let (mut greeting, mut echo) = (String::new(), String::new());
        answers.read_line(&mut greeting)?;
        writeln!(&stream, "{WORDS}")?;
        answers.read_line(&mut echo)?;
        stream.shutdown(Shutdown::Write)?;
        answers.read_line(&mut String::new())?;
        Ok([greeting, echo].map(|line| line.trim_end().to_owned()))
    };
    let [greeting, echo] = talk().with_context(tried)?;
    ensure!(echo == WORDS, "{to} echoed {echo:?}");
    let record = records.recv_timeout(DEMO_ANSWER_TIMEOUT);
    Ok(Stream {
        to,
        greeting,
        record: record.with_context(|| format!("hear of the stream to {to}"))?,
    })
}

/// A command that talks to an address: `nc` where it is installed, else what any bash can do.
fn connect_command(to: SocketAddr) -> String {
    let (ip, port) = (to.ip(), to.port());
    let path = env::var_os("PATH").unwrap_or_default();
    match env::split_paths(&path).any(|directory| directory.join("nc").is_file()) {
        true => format!("nc {ip} {port}"),
        false => {
            format!("bash -c 'exec 3<>/dev/tcp/{ip}/{port}; echo hello >&3; head -n2 <&3'")
        }
    }
}

/// Commands that work when pasted into another terminal, in this directory.
fn trials(lines: &[ListenerLine], families: &[IpAddr]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (at, line) in lines.iter().enumerate().take(2) {
        let ip = families.get(at).or(families.first());
        let ip = ip.copied().unwrap_or(Ipv4Addr::LOCALHOST.into());
        trials.push(Trial {
            command: connect_command(SocketAddr::new(ip, line.port)),
            effect: match at {
                0 => "the backend of this listener greets first, then echoes",
                _ => "the other listener leads to the other backend",
            },
        });
    }
    let program = env::args_os().next().unwrap_or_default();
    let program = Path::new(&program);
    let program = match program.components().count() > 1 {
        true => program.display().to_string(),
        false => "portway".to_owned(),
    };
    trials.push(match Path::new("examples/tcp-routing").is_dir() {
        true => Trial {
            command: format!("{program} check -f examples/tcp-routing"),
            effect: "what these files mean, and what a cluster would refuse in them",
        },
        false => Trial {
            command: format!("{program} run --help"),
            effect: "how to be a gateway for files of your own",
        },
    });
    trials
}
