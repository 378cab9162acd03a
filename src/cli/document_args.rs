//! The arguments of the verbs that print documents: man pages, schemas, scripts of shells. Doc comments here are the help
//! texts. Must not do anything.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// `man`
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// `stepdown` (the default), a command such as `status`, `stepdown.toml` or `stepdown-service`
    #[arg(value_name = "PAGE")]
    pub(super) page: Option<String>,
    /// Write every page below this directory: `man1/stepdown.1` and so on
    #[arg(long, value_name = "DIR", conflicts_with = "page", value_hint = ValueHint::DirPath)]
    pub(super) to: Option<PathBuf>,
}

/// `completions`
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub(super) shell: Shell,
}

/// The shells that `completions` knows.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Shell {
    /// bash, from version 4.4
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// `schema`
#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// The file
    #[arg(value_name = "FILE", value_enum, default_value = "service")]
    pub(super) file: SchemaOf,
}

/// The kinds of file.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum SchemaOf {
    /// a service: /etc/services.d/NAME.toml
    Service,
    /// the container file: /etc/stepdown.toml
    Container,
}
