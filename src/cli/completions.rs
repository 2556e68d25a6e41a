//! `doorkey completions` and `doorkey man`: what a shell and `man` know of the commands.

use std::io::Write as _;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Cli, CliError};

/// Print what a shell needs to complete commands and flags
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey completions bash \
    > /usr/share/bash-completion/completions/doorkey")]
pub struct Args {
    /// Which shell
    shell: Shell,
}

/// Print the manual page
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey man > /usr/share/man/man1/doorkey.1")]
pub struct ManArgs {}

/// Prints the completions.
pub fn run(args: &Args) -> Result<(), CliError> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "doorkey", &mut text);
    Ok(std::io::stdout().write_all(&text)?)
}

/// Prints the manual page: the program, then each command with its flags.
pub fn man(_: &ManArgs) -> Result<(), CliError> {
    let mut command = Cli::command();
    command.build();
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut text)?;
    for below in command.get_subcommands().filter(|it| it.get_name() != "help") {
        describe(below, "doorkey", &mut text)?;
    }
    Ok(std::io::stdout().write_all(&text)?)
}

fn describe(command: &clap::Command, above: &str, text: &mut Vec<u8>) -> std::io::Result<()> {
    let name = format!("{above} {}", command.get_name());
    writeln!(text, ".SH \"{}\"", name.to_uppercase())?;
    let page = clap_mangen::Man::new(command.clone());
    page.render_description_section(text)?;
    page.render_synopsis_section(text)?;
    if command.get_opts().next().is_some() || command.get_positionals().next().is_some() {
        page.render_options_section(text)?;
    }
    for below in command.get_subcommands().filter(|it| it.get_name() != "help") {
        describe(below, &name, text)?;
    }
    Ok(())
}
