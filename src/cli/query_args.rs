//! The arguments of the verbs that show what has happened, as values. Doc comments here are the help texts. Must not do
//! anything.

use std::path::PathBuf;

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::{service_names, since};
use crate::log::clock::Timestamp;

/// `events`
#[derive(Debug, Args)]
pub(super) struct EventsArgs {
    /// The services [default: all, and the container]
    #[arg(value_name = "SERVICE", add = ArgValueCompleter::new(service_names::complete))]
    pub(super) services: Vec<String>,
    /// Follow: print new events as they come
    #[arg(long, short)]
    pub(super) follow: bool,
    /// Print each as a line of JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// `logs`
#[derive(Debug, Args)]
pub(super) struct LogsArgs {
    /// The services; `main` is the main command [default: all, in the order of their times]
    #[arg(value_name = "SERVICE", add = ArgValueCompleter::new(service_names::complete))]
    pub(super) services: Vec<String>,
    /// Follow: print new lines as they come
    #[arg(long, short)]
    pub(super) follow: bool,
    /// Print at most N lines [default: all that are kept, about 8 to 16 KiB of each service; without a name, 1000]
    #[arg(long, short = 'n', value_name = "N", value_parser = number)]
    pub(super) lines: Option<usize>,
    /// Print only lines since then: a duration such as 10m, or a time such as 2026-02-14T10:11:12Z
    #[arg(long, value_name = "TIME", value_parser = since::parse)]
    pub(super) since: Option<Timestamp>,
    /// Print the time when each line was read
    #[arg(long, short)]
    pub(super) timestamps: bool,
    /// Print each line as an object, as the log has it where its format is JSON
    #[arg(long, conflicts_with = "timestamps")]
    pub(super) json: bool,
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "it is not a number; write for example `-n 20`".to_owned())
}

/// `timings`
#[derive(Debug, Args)]
pub(super) struct TimingsArgs {
    /// Print it as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Draw it as SVG
    #[arg(long, conflicts_with = "json")]
    pub(super) svg: bool,
}

/// `graph`
#[derive(Debug, Args)]
pub(super) struct GraphArgs {
    /// A directory that holds `services.d` (and `stepdown.toml`), or a services tree itself [default: the current directory
    /// if it has a `services.d`, else /etc]
    #[arg(value_name = "PATH")]
    pub(super) path: Option<PathBuf>,
    /// Print it for Graphviz (the default)
    #[arg(long)]
    #[allow(dead_code)] // what is printed if nothing else is said
    pub(super) dot: bool,
    /// Draw it as SVG
    #[arg(long, conflicts_with = "dot")]
    pub(super) svg: bool,
}
