//! Floor 7: commands. Reads flags and environment, starts what the lower floors hold, and says in plain words what
//! is missing.

mod args;
mod backup;
mod bench;
mod call;
mod check;
mod demo;
mod ice_servers;
mod logging;
mod office;
mod openapi;
mod outward;
mod serve;
mod token;
mod user;
mod wiring;

use std::fmt::Display;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::ConfigError;

/// A LiveKit-compatible server for video consultations.
#[derive(Debug, Parser)]
#[command(name = "visavis", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed while running, 2 wrong usage, 3 wrong configuration.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the server until it is told to stop.
    Serve(serve::Serve),
    /// Access tokens.
    #[command(subcommand)]
    Token(TokenCommand),
    /// The configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Prints the API's description, as the server gives it at /api/openapi.json.
    Openapi(openapi::Openapi),
    /// Accounts: make, list, change, close and forget them.
    #[command(subcommand)]
    User(user::UserCommand),
    /// Runs a server with people and appointments to try it on, and prints links that sign in.
    Demo(demo::Demo),
    /// Plays a load against this or any other LiveKit-compatible server, and says what came of it.
    // Boxed, for it has many fields.
    Bench(Box<bench::Bench>),
    /// What a running server knows of a call.
    #[command(subcommand)]
    Call(call::CallCommand),
    /// Copies the data folder while the server goes on.
    Backup(backup::Backup),
    /// Puts a copy in the place of the data folder's contents, which are kept beside.
    Restore(backup::Restore),
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Prints a new access token, and nothing else.
    // Boxed, for it has a field for every grant there is.
    Create(Box<token::Create>),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Prints the effective settings, secrets masked, or what is wrong with them.
    Check(check::Check),
}

/// A command that did not succeed: what to print and the exit code.
#[derive(Debug, PartialEq, Eq)]
struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// The flags do not fit together.
    fn usage(message: impl Display) -> Self {
        Self { code: 2, message: message.to_string() }
    }

    /// The environment did not play along.
    fn runtime(message: impl Display) -> Self {
        Self { code: 1, message: message.to_string() }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self { code: 3, message: error.to_string() }
    }
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(serve) => serve.run(),
        Command::Token(TokenCommand::Create(create)) => create.run(),
        Command::Config(ConfigCommand::Check(check)) => check.run(),
        Command::Openapi(openapi) => openapi.run(),
        Command::User(user) => user.run(),
        Command::Demo(demo) => demo.run(),
        Command::Bench(bench) => bench.run(),
        Command::Call(call) => call.run(),
        Command::Backup(backup) => backup.run(),
        Command::Restore(restore) => restore.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("visavis: {}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_are_consistent() {
        Cli::command().debug_assert();
    }
}
