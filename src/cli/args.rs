//! The verbs and their arguments, as values. Doc comments here are the help texts. Must not do anything.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::engine::ArgValueCompleter;

use super::document_args::{CompletionsArgs, ManArgs, SchemaArgs};
use super::query_args::{EventsArgs, GraphArgs, LogsArgs, TimingsArgs};
use super::{help, help_text, rehearse, service_names};
use crate::config::units::{self, DurationError};
use crate::config::values::Signal;

/// The version; a release build (`.ci/static`) adds commit and target.
const VERSION: &str = match option_env!("STEPDOWN_BUILD_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};

/// The first process of a container: applies PUID/PGID, steps down to the app user, supervises services.
#[derive(Debug, Parser)]
#[command(name = "stepdown", version = VERSION, arg_required_else_help = true, subcommand_required = true)]
#[command(max_term_width = help_text::PAGE, disable_help_subcommand = false, after_help = help::overview())]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) verb: Verb,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Run as a container's init: boot, step down, run the services and the main command
    Init(InitArgs),
    /// Find every mistake in a services tree; say what privilege PID 1 will keep and why
    Check(CheckArgs),
    /// Print what a boot would do here, without doing any of it
    Plan(PlanArgs),
    /// Draw which service of a tree waits for which
    Graph(GraphArgs),
    /// Translate the services of another supervisor into TOML files
    Import(ImportArgs),
    /// Rehearse a container's whole life on this machine, without Docker
    Try(Box<rehearse::Args>),
    /// Show the state of the services
    Status(StatusArgs),
    /// Report whether services are well, for HEALTHCHECK and exec probes
    Health(HealthArgs),
    /// Start services and those that they require
    Start(ChangeArgs),
    /// Stop services, after those that require them
    Stop(ChangeArgs),
    /// Stop services and start them again; those that require them stay up
    Restart(ChangeArgs),
    /// Re-read the services tree, or make services re-read their own configuration
    Reload(ReloadArgs),
    /// Send a signal to a service
    Signal(SignalArgs),
    /// Wait until services are ready, down or done
    Wait(WaitArgs),
    /// Show the environment of a service
    Env(EnvArgs),
    /// Show the last lines that services wrote
    Logs(LogsArgs),
    /// Show what has happened to the services, and who requested it
    Events(EventsArgs),
    /// Print numbers for Prometheus: states, restarts, exits, memory, CPU, log lines
    Metrics,
    /// Find problems with this container, running or fresh, and print the fix
    Doctor(DoctorArgs),
    /// Show how long the boot took and which services it waited for
    Timings(TimingsArgs),
    /// Stop the services in order and end the container
    Shutdown(ShutdownArgs),
    /// Switch to another user for good and execute a command
    RunAs(RunAsArgs),
    /// Make the links by which scripts of images made for s6-overlay call this program
    InstallLinks(InstallLinksArgs),
    /// Print a man page, or write all of them
    Man(ManArgs),
    /// Print the JSON Schema of a file, for editors
    Schema(SchemaArgs),
    /// Print the script that completes commands and names of services in a shell
    Completions(CompletionsArgs),
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
    /// Print it as JSON
    #[arg(long)]
    pub(super) json: bool,
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

/// `import`
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// A supervisord.conf; a root filesystem, its `/etc`, or a services tree, of s6 or s6-overlay
    #[arg(value_name = "PATH", required = true)]
    pub(super) paths: Vec<PathBuf>,
    /// What PATH is [default: by its contents]
    #[arg(long, value_name = "KIND", value_enum)]
    pub(super) from: Option<SourceKind>,
    /// Write the files below this directory instead of printing them; none is replaced
    #[arg(long, value_name = "DIR")]
    pub(super) to: Option<PathBuf>,
}

/// What `import` reads.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum SourceKind {
    /// s6 and s6-overlay
    S6,
    /// supervisord.conf
    Supervisord,
    /// runit's directory of services
    Runit,
    /// a Procfile
    Procfile,
    /// a shell script that is an entry point: a suggestion
    Entrypoint,
}

/// `status`
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// The services to show [default: all]
    #[arg(value_name = "SERVICE", add = ArgValueCompleter::new(service_names::complete))]
    pub(super) services: Vec<String>,
    /// Print it as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Redraw it every second, fitted to the window; without a terminal, print it again after each change
    #[arg(long, short)]
    pub(super) watch: bool,
}

/// `health`
#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    /// The services to ask for; each of them has to be there [default: all that should be running]
    #[arg(value_name = "SERVICE", add = ArgValueCompleter::new(service_names::complete))]
    pub(super) services: Vec<String>,
    /// Whether none has failed and none is unhealthy, for a livenessProbe
    #[arg(long)]
    pub(super) live: bool,
    /// Whether all are up, oneshots done, and none is unhealthy, for a readinessProbe
    #[arg(long, conflicts_with = "live")]
    pub(super) ready: bool,
    /// Print it as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// `start`, `stop`, `restart`
#[derive(Debug, Args)]
pub(super) struct ChangeArgs {
    /// Names of services
    #[arg(value_name = "SERVICE", required = true, add = ArgValueCompleter::new(service_names::complete))]
    pub(super) services: Vec<String>,
    /// Do not wait for the result
    #[arg(long)]
    pub(super) no_wait: bool,
    /// How long to wait, such as 500ms, 30s, 5m
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = span, conflicts_with = "no_wait")]
    pub(super) timeout: Duration,
}

/// `reload`
#[derive(Debug, Args)]
pub(super) struct ReloadArgs {
    /// Names of services [default: re-read the whole tree]
    #[arg(value_name = "SERVICE", add = ArgValueCompleter::new(service_names::complete))]
    pub(super) services: Vec<String>,
}

/// `signal`
#[derive(Debug, Args)]
pub(super) struct SignalArgs {
    /// The service; `main` is the main command
    #[arg(value_name = "SERVICE", add = ArgValueCompleter::new(service_names::complete))]
    pub(super) service: String,
    /// The signal, such as TERM, SIGHUP, 10, RTMIN+3
    #[arg(value_name = "SIGNAL", value_parser = signal)]
    pub(super) signal: Signal,
    /// Send it to the whole process group, not only to the main process
    #[arg(long)]
    pub(super) group: bool,
}

/// `wait`
#[derive(Debug, Args)]
pub(super) struct WaitArgs {
    /// Names of services
    #[arg(value_name = "SERVICE", required = true, add = ArgValueCompleter::new(service_names::complete))]
    pub(super) services: Vec<String>,
    /// Until all are ready, and oneshots done (the default)
    #[arg(long)]
    #[allow(dead_code)] // what is waited for if nothing else is said
    pub(super) ready: bool,
    /// Until all are down, or failed
    #[arg(long, conflicts_with = "ready")]
    pub(super) down: bool,
    /// Until all these oneshots are done
    #[arg(long, conflicts_with_all = ["ready", "down"])]
    pub(super) done: bool,
    /// How long to wait, such as 500ms, 30s, 5m
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = span)]
    pub(super) timeout: Duration,
}

/// `env`
#[derive(Debug, Args)]
pub(super) struct EnvArgs {
    /// The service; `main` is the main command
    #[arg(value_name = "SERVICE", add = ArgValueCompleter::new(service_names::complete))]
    pub(super) service: String,
    /// Also show values that look like secrets by their names, or that contain a password in a URL
    #[arg(long)]
    pub(super) show_secrets: bool,
}

/// `doctor`
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Print it as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// The main command, as after `init --`; for a container that is not running yet
    #[arg(last = true, value_name = "COMMAND")]
    pub(super) command: Vec<OsString>,
}

fn span(text: &str) -> Result<Duration, String> {
    units::duration(text).map_err(|why| match why {
        DurationError::TooLong => "it is longer than 365d".to_owned(),
        DurationError::Unreadable if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{text} has no unit; write {text}s")
        }
        DurationError::Unreadable => "it is not a duration; write for example 500ms, 30s or 5m".to_owned(),
    })
}

fn code(text: &str) -> Result<u8, String> {
    text.parse().map_err(|_| format!("{text} is not an exit code; write a number from 0 to 255"))
}

fn signal(text: &str) -> Result<Signal, String> {
    let known = Signal::parse(text).or_else(|| Signal::parse(&text.to_ascii_uppercase()));
    known.ok_or_else(|| "unknown signal; write for example TERM or 15".to_owned())
}

/// `install-links`
#[derive(Debug, Args)]
pub(super) struct InstallLinksArgs {
    /// The root of the image; links name paths below it
    #[arg(long, value_name = "DIR")]
    pub(super) prefix: Option<PathBuf>,
    /// Replace files that are neither links nor programs of s6 and execline
    #[arg(long)]
    pub(super) force: bool,
}

/// `shutdown`
#[derive(Debug, Args)]
pub(super) struct ShutdownArgs {
    /// Exit code of the container, 0 to 255 [default: as after `docker stop`]
    #[arg(long, value_name = "N", value_parser = code)]
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

/// Returns the definition of every verb, with the help texts after its arguments.
pub fn command() -> clap::Command {
    Cli::command().mut_subcommands(|verb| {
        let text = help::of(verb.get_name());
        verb.after_help(text)
    })
}

/// Returns what was called, or the error or the help to print.
pub(super) fn parse<T: Into<OsString> + Clone>(argv: impl IntoIterator<Item = T>) -> Result<Cli, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(argv)?;
    Cli::from_arg_matches(&matches).map_err(|why| why.format(&mut command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        command().debug_assert();
    }

    #[test]
    fn what_follows_the_user_is_the_commands_own() {
        let cli = parse(["stepdown", "run-as", "app", "ls", "--json", "-h", "--", "x"]).unwrap();
        let Verb::RunAs(args) = cli.verb else { panic!("it is run-as") };
        assert_eq!(args.command, ["ls", "--json", "-h", "--", "x"]);
    }
}
