//! `portway man`: the manual pages, from the same definitions as `--help`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::Cli;
use crate::exit::Exit;
use crate::render;

/// Print the manual page, or write a page for every verb
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  portway man | man -l -                 read it now
  portway man /usr/local/share/man/man1  a page for every verb: man portway-run")]
pub(crate) struct Args {
    /// An existing directory for the pages; without one the main page goes to stdout.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Prints or writes them.
///
/// # Errors
/// When a page cannot be written.
pub(crate) fn run(args: &Args) -> Result<Exit> {
    let mut command = Cli::command();
    command.build();
    let Some(folder) = &args.folder else {
        render::stdout(&page(command)?).context("write the page")?;
        return Ok(Exit::Fine);
    };
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    let verbs = verbs.filter(|verb| verb.get_name() != "help").cloned();
    let mut pages: Vec<(String, Command)> = verbs
        .map(|verb| (format!("portway-{}", verb.get_name()), verb))
        .collect();
    pages.push(("portway".to_owned(), command));
    for (name, command) in pages {
        let path = folder.join(format!("{name}.1"));
        let text = page(command.display_name(&name))?;
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(Exit::Fine)
}

fn page(command: Command) -> Result<String> {
    let mut text = Vec::new();
    let man = Man::new(command).manual("Portway");
    man.render(&mut text).context("make the page")?;
    String::from_utf8(text).context("make the page")
}
