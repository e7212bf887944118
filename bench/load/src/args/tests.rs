//! What `args` promises.

use clap::Parser;

use super::{Cli, DriveArgs, Job, Role};

fn drive(line: &str) -> DriveArgs {
    match Cli::try_parse_from(line.split(' ')).unwrap().role {
        Role::Drive(args) => args,
        Role::Serve(_) => panic!("a client was asked for"),
    }
}

#[test]
fn every_connection_belongs_to_one_thread_and_addresses_take_turns() {
    let line = "load drive requests --to 127.0.0.1:1 --to 127.0.0.1:2 --conns 7 --threads 3";
    let args = drive(line);
    assert_eq!(args.job, Job::Requests);
    assert_eq!([0, 1, 2].map(|thread| args.share(thread)), [3, 2, 2]);
    let ports = [0, 1, 2].map(|index| args.target(index).unwrap().port());
    assert_eq!(ports, [1, 2, 1]);
}

#[test]
fn processes_are_listed_with_commas() {
    let args = drive("load drive up --to 127.0.0.1:1 --gateway 3,4 --backend 5");
    assert_eq!((args.gateway, args.backend), (vec![3, 4], Some(5)));
}

#[test]
fn a_job_without_an_address_is_refused() {
    assert!(Cli::try_parse_from(["load", "drive", "up"]).is_err());
}
