//! The arguments of the verbs that show what has happened, as values. Doc comments here are the help texts. Must not do
//! anything.

use clap::Args;

/// `events`
#[derive(Debug, Args)]
pub(super) struct EventsArgs {
    /// The services [default: all, and the container]
    #[arg(value_name = "SERVICE")]
    pub(super) services: Vec<String>,
    /// Follow: print new events as they come
    #[arg(long, short)]
    pub(super) follow: bool,
    /// Print each as a line of JSON
    #[arg(long)]
    pub(super) json: bool,
}
