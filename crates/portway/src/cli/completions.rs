//! `portway completions`: what a shell needs to complete our flags.

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;
use crate::exit::Exit;
use crate::render;

/// Print the completions of a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  portway completions bash > /etc/bash_completion.d/portway
  portway completions zsh > \"${fpath[1]}/_portway\"
  portway completions fish > ~/.config/fish/completions/portway.fish")]
pub(crate) struct Args {
    /// Which shell.
    shell: Shell,
}

/// Prints them.
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn run(args: &Args) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "portway", &mut script);
    let script = String::from_utf8(script).context("make the script")?;
    render::stdout(&script).context("write the script")?;
    Ok(Exit::Fine)
}
