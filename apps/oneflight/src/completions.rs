//! `oneflight completions` and `oneflight man`: what shells and `man` want to know.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::{Exit, Problem};
use crate::output;

/// `oneflight completions`
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// `oneflight man`
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write all pages into this folder instead
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    folder: Option<PathBuf>,
    /// The command whose page is meant: `token`, or `credential git` [default: oneflight itself]
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
}

/// Prints the script that completes commands and options.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<Exit, Problem> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "oneflight", &mut script);
    output::raw(&script)?;
    Ok(Exit::Well)
}

/// Prints a page, or writes them all.
///
/// # Errors
/// Those of clap, as it would print them, if there is no such command; [`Problem::Pages`] if the folder cannot be written.
pub(crate) fn man(args: &ManArgs) -> Result<Exit, Problem> {
    let mut root = Cli::command();
    if let Some(folder) = &args.folder {
        std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(root, folder))
            .map_err(|source| Problem::Pages {
                folder: folder.clone(),
                source,
            })?;
        return Ok(Exit::Well);
    }
    // Gives each command its whole name.
    root.build();
    let mut command = &root;
    for word in &args.command {
        command = match command.find_subcommand(word) {
            Some(found) => found,
            None => Cli::command()
                .error(
                    clap::error::ErrorKind::InvalidSubcommand,
                    format!("there is no command `{}`", args.command.join(" ")),
                )
                .exit(),
        };
    }
    let title = command.get_bin_name().unwrap_or("oneflight").replace(' ', "-");
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone())
        .title(title)
        .render(&mut page)
        .map_err(|source| Problem::Output { source })?;
    output::raw(&page)?;
    Ok(Exit::Well)
}
