//! `stepdown try`: its flags, Docker's where Docker has them, and how they become a [`Rehearsal`].
#![allow(clippy::disallowed_methods)] // variables that `try` passes on

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::units;
use crate::error::{Error, Place, Problem, Problems};
use crate::rehearse::{self, Network, Rehearsal, ServicesTree, Stdio, Tmpfs, Volume};
use crate::text::shown;

/// Variables that `try` passes on to the container, as with `-e`.
const INHERITED: [&str; 4] = ["PUID", "PGID", "UMASK", "TZ"];
/// The same for all variables with this prefix.
const INHERITED_PREFIX: &str = "STEPDOWN_";

/// `try`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A directory that holds `services.d` (and `stepdown.toml`), or a services tree itself [default: the current directory
    /// if it has a `services.d`, else /etc of the root filesystem]
    #[arg(value_name = "TREE")]
    tree: Option<PathBuf>,
    /// Use another root filesystem, such as an unpacked image [default: this host's]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Start the container as this user: `uid`, `uid:gid`, `name` or `name:group`
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,
    /// Add a supplementary group
    #[arg(long, value_name = "GROUP")]
    group_add: Vec<String>,
    /// Make the root filesystem read-only
    #[arg(long)]
    read_only: bool,
    /// Drop a capability, or ALL
    #[arg(long, value_name = "CAP")]
    cap_drop: Vec<String>,
    /// Add a capability
    #[arg(long, value_name = "CAP")]
    cap_add: Vec<String>,
    /// Set no_new_privs (Docker: `--security-opt no-new-privileges`)
    #[arg(long)]
    no_new_privileges: bool,
    /// Mount an empty tmpfs: `PATH` or `PATH:size=64m,mode=1777,exec`
    #[arg(long, value_name = "PATH[:OPTIONS]")]
    tmpfs: Vec<String>,
    /// Mount a directory or file of this host, copy-on-write: `HOST:DEST` or `HOST:DEST:ro`
    #[arg(short, long, value_name = "HOST:DEST[:ro]")]
    volume: Vec<String>,
    /// Run a minimal init as PID 1 and stepdown as its child
    #[arg(long)]
    init: bool,
    /// `host`: this host's network; `none`: only a loopback device
    #[arg(long, value_name = "NETWORK", default_value = "host", value_parser = ["host", "none"])]
    network: String,
    /// Set a variable; a name alone takes the value from this environment
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<OsString>,
    /// Host name of the container
    #[arg(long, value_name = "NAME", default_value = "rehearsal")]
    hostname: String,
    /// Working directory
    #[arg(short, long, value_name = "DIR", default_value = "/")]
    workdir: PathBuf,
    /// Pass standard input to the container
    #[arg(short, long)]
    interactive: bool,
    /// Seconds from the first stop signal to KILL
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    stop_timeout: u64,
    /// Print only what the container prints
    #[arg(short, long)]
    quiet: bool,
    /// The main command, as after the image's name in `docker run`
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

fn seconds(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| match units::duration(text) {
        Ok(span) => {
            format!("it is in seconds, without a unit; write `--stop-timeout {}`", span.as_millis().div_ceil(1000))
        }
        Err(_) => "it is not a number of seconds; write for example `--stop-timeout 5`".to_owned(),
    })
}

/// Runs the rehearsal and returns the exit code that the container had.
///
/// # Errors
/// Every invalid flag, or the system's error.
pub fn run(args: &Args) -> Result<u8, Error> {
    rehearse::run(&rehearsal(args)?)
}

fn rehearsal(args: &Args) -> Result<Rehearsal, Problems> {
    let mut problems = Problems::default();
    let network = if args.network == "none" { Network::None } else { Network::Host };
    let tree = keep(&mut problems, ServicesTree::find(args.tree.as_deref()));
    let volumes = args.volume.iter().filter_map(|word| keep(&mut problems, Volume::parse(word))).collect();
    let tmpfs = args.tmpfs.iter().filter_map(|word| keep(&mut problems, Tmpfs::parse(word))).collect();
    let capabilities = match rehearse::granted(&args.cap_drop, &args.cap_add, network) {
        Ok(set) => set,
        Err(more) => {
            problems.extend(more);
            rehearse::DOCKER_DEFAULT
        }
    };
    if let Some(root) = args.root.as_ref().filter(|root| !root.is_dir()) {
        problems.push(Problem::new(
            Place::Argument(format!("--root {}", shown(root))),
            "there is no such directory",
            "unpack an image there, for example `docker export CONTAINER | tar -x -C DIR`",
        ));
    }
    if !args.workdir.is_absolute() {
        let place = Place::Argument(format!("--workdir {}", shown(&args.workdir)));
        problems.push(Problem::new(place, "it is not absolute", "write a path that starts with `/`"));
    }
    for word in args.env.iter().filter(|word| word.is_empty() || word.as_encoded_bytes().starts_with(b"=")) {
        let place = Place::Argument(format!("-e {}", shown(word)));
        problems.push(Problem::new(
            place,
            "it does not name a variable",
            "write `-e NAME=VALUE`, or `-e NAME` to take the value from this environment",
        ));
    }
    let environment = environment(&args.env, std::env::vars_os().collect());
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    problems.or(Rehearsal {
        tree: tree.flatten(),
        root: args.root.clone(),
        user: args.user.clone(),
        groups: args.group_add.clone(),
        capabilities,
        no_new_privileges: args.no_new_privileges,
        read_only: args.read_only,
        tmpfs,
        volumes,
        init: args.init,
        network,
        environment,
        hostname: args.hostname.clone(),
        directory: args.workdir.clone(),
        stdio: if terminal { Stdio::Terminal } else { Stdio::Pipes { input: args.interactive } },
        stop_timeout: Duration::from_secs(args.stop_timeout),
        command: args.command.clone(),
        entrypoint: None,
        quiet: args.quiet,
    })
}

fn keep<T>(problems: &mut Problems, read: Result<T, Problem>) -> Option<T> {
    read.map_err(|problem| problems.push(problem)).ok()
}

/// The inherited variables, then every `-e`: the last one of a name wins. `-e NAME` of an unset variable does nothing, as
/// for Docker.
fn environment(requested: &[OsString], ours: Vec<(OsString, OsString)>) -> Vec<(OsString, OsString)> {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let taken = |name: &OsString| {
        INHERITED.iter().any(|other| name == *other) || name.as_bytes().starts_with(INHERITED_PREFIX.as_bytes())
    };
    let mut all: Vec<(OsString, OsString)> = ours.iter().filter(|(name, _)| taken(name)).cloned().collect();
    for word in requested {
        let bytes = word.as_bytes();
        let equals = bytes.iter().position(|byte| *byte == b'=');
        match equals.and_then(|at| Some((bytes.get(..at)?, bytes.get(at + 1..)?))) {
            Some((name, value)) => all.push((OsString::from_vec(name.to_vec()), OsString::from_vec(value.to_vec()))),
            None => all.extend(ours.iter().filter(|(name, _)| name == word).cloned()),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(all: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        all.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn our_variables_are_taken_over_and_asked_ones_come_later() {
        let ours = pairs(&[("PUID", "1000"), ("HOME", "/root"), ("STEPDOWN_LOG", "debug"), ("KEY", "x=y")]);
        let requested = ["PUID=7".into(), "KEY".into(), "UNSET".into(), "EMPTY=".into()];
        assert_eq!(
            environment(&requested, ours),
            pairs(&[("PUID", "1000"), ("STEPDOWN_LOG", "debug"), ("PUID", "7"), ("KEY", "x=y"), ("EMPTY", "")])
        );
    }

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn every_wrong_flag_is_listed_at_once() {
        use clap::Parser;
        let line = Line::parse_from([
            "try",
            "/no/such",
            "-v",
            "x",
            "--tmpfs",
            "run",
            "--cap-add",
            "sys_admin",
            "-w",
            "x",
            "-e",
            "=x",
        ]);
        let text = rehearsal(&line.args).unwrap_err().to_string();
        assert_eq!(text.lines().count(), 6, "{text}");
    }

    #[test]
    fn what_follows_two_dashes_is_the_main_command() {
        use clap::Parser;
        let line = Line::parse_from(["try", "--init", "--", "sh", "-c", "exit 3"]);
        let rehearsal = rehearsal(&line.args).unwrap();
        assert_eq!(rehearsal.command, ["sh", "-c", "exit 3"]);
        assert!(rehearsal.init);
    }
}
