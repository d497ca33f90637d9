//! sluice: a host for sandboxed middleboxes.
#![forbid(unsafe_code)]

mod bench;
mod build;
mod cli;
mod events;
mod exit;
mod filter;
mod input;
mod inspect;
mod progress;
mod run;
mod streams;
mod survey;
mod systems;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use tracing::Level;

use cli::{Cli, Command};
use exit::{Exit, Failure};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are no failure.
            let _ = error.print();
            let is_asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return code(if is_asked_for { Exit::Ok } else { Exit::Usage });
        }
    };
    log_to_stderr(match &cli.command {
        Command::Run(args) => args.input.verbose,
        Command::Streams(args) => args.input.verbose,
        Command::Events(args) => args.verbose(),
        Command::Bench(args) => args.verbose(),
        Command::Build(_) | Command::Inspect(_) => 0,
    });
    match dispatch(&cli.command) {
        Ok(exit) => code(exit),
        Err(failure) => {
            say_error(&failure.to_string());
            code(failure.exit)
        }
    }
}

fn dispatch(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Run(args) => run::run(args),
        Command::Streams(args) => streams::run(args),
        Command::Events(args) => events::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Build(args) => {
            build::run(args).map(|()| Exit::Ok).map_err(|error| Failure { exit: Exit::Failed, error })
        }
        Command::Inspect(args) => inspect::run(args).map_err(|error| Failure { exit: Exit::Usage, error }),
    }
}

fn code(exit: Exit) -> ExitCode {
    ExitCode::from(exit as u8)
}

/// The host's log: lines on standard error, without colour where nobody sees it.
fn log_to_stderr(verbose: u8) {
    use std::io::IsTerminal;
    let level = match verbose {
        0 => Level::INFO,
        1 => Level::DEBUG,
        _ => Level::TRACE,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .without_time()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}

/// Tells the person in front of the terminal what went wrong.
fn say_error(words: &str) {
    eprintln!("sluice: {words}");
}

/// An error with everything that caused it.
fn chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        source = cause.source();
    }
    words
}
