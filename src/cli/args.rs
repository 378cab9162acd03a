//! The verbs and their arguments, as values. Doc comments here are the help texts. Must not do anything.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand};

use super::{help, rehearse};

/// The first process of a container: applies PUID/PGID, steps down to the app user, supervises services.
#[derive(Debug, Parser)]
#[command(name = "stepdown", version, arg_required_else_help = true, subcommand_required = true)]
#[command(max_term_width = 110, disable_help_subcommand = false, after_help = help::overview())]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) verb: Verb,
}

/// What may be asked for.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Be the init: boot, step down, run the services and the main command
    #[command(after_help = help::init())]
    Init(InitArgs),
    /// Find every mistake in a services tree, and say what privilege will be kept and why
    #[command(after_help = help::check())]
    Check(CheckArgs),
    /// Print what a boot would do here and now, and touch nothing
    #[command(after_help = help::plan())]
    Plan(PlanArgs),
    /// Rehearse the whole life of a container here and now, without Docker
    Try(Box<rehearse::Args>),
    /// Show what the services of this container are doing
    #[command(after_help = help::status())]
    Status(StatusArgs),
    /// End this container, in order
    #[command(after_help = help::shutdown())]
    Shutdown(ShutdownArgs),
    /// Become another user for good and execute a command
    #[command(after_help = help::run_as())]
    RunAs(RunAsArgs),
}

/// `init`
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The main command: the container lives as long as it does and ends with its exit code
    #[arg(last = true, value_name = "COMMAND")]
    pub(super) command: Vec<OsString>,
}

/// `check`
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// A directory that holds `services.d` (and `stepdown.toml`), or a services tree itself [default: the current directory
    /// if it has a `services.d`, else /etc]
    #[arg(value_name = "PATH")]
    pub(super) path: Option<PathBuf>,
    /// The main command that the image will be run with
    #[arg(last = true, value_name = "COMMAND")]
    pub(super) command: Vec<OsString>,
}

/// `plan`
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// A directory that holds `services.d` (and `stepdown.toml`), or a services tree itself [default: the current directory
    /// if it has a `services.d`, else /etc]
    #[arg(value_name = "PATH")]
    pub(super) path: Option<PathBuf>,
    /// Print it as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// The main command, as after `init --`
    #[arg(last = true, value_name = "COMMAND")]
    pub(super) command: Vec<OsString>,
}

/// `status`
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Print it as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// `shutdown`
#[derive(Debug, Args)]
pub(super) struct ShutdownArgs {
    /// The exit code of the container, 0 to 255 [default: as after `docker stop`]
    #[arg(long, value_name = "N")]
    pub(super) code: Option<u8>,
}

/// `run-as`
#[derive(Debug, Args)]
pub(super) struct RunAsArgs {
    /// `name`, `uid`, `name:group` or `uid:gid`; `app` is the app user of this container
    #[arg(value_name = "USER", value_parser = NonEmptyStringValueParser::new())]
    pub(super) user: String,
    /// The program and its arguments
    #[arg(value_name = "COMMAND", required = true, num_args = 1.., trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) command: Vec<OsString>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_follows_the_user_is_the_commands_own() {
        let cli = Cli::try_parse_from(["stepdown", "run-as", "app", "ls", "--json", "-h", "--", "x"]).unwrap();
        let Verb::RunAs(args) = cli.verb else { panic!("it is run-as") };
        assert_eq!(args.command, ["ls", "--json", "-h", "--", "x"]);
    }
}
