//! The facts that `check` assumes for a tree that is not of this machine: a container started as root with Docker's
//! defaults, in an image that has every program, path and account that the tree names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::config::Config;
use crate::config::container::UserRef;
use crate::config::service::{Command, GroupRef, RunAs};
use crate::config::values::{Gid, ServiceName, Uid};
use crate::plan::SHELL;
use crate::plan::facts::{Access, AccountFile, AccountState, Facts, NamedFiles, PathFact, PathKind, ProgramFact};
use crate::rehearse::DOCKER_DEFAULT;

/// The first id of assumed accounts other than the app user: no configuration contains such a number, so that
/// [`without_ids`] recognises it.
const FIRST_ID: usize = 4_000_000_000;

/// Returns the assumed facts.
pub(super) fn facts(config: &Config) -> Facts {
    Facts {
        accounts: accounts(config),
        paths: paths(config),
        named: NamedFiles { programs: programs(config), ..NamedFiles::default() },
        ..Facts::of_root(DOCKER_DEFAULT)
    }
}

/// Returns a text of the plan without the assumed ids of accounts.
pub(super) fn without_ids(text: &str, config: &Config) -> String {
    let made_up = accounts(config).remove(&AccountFile::Passwd);
    let bytes = made_up.as_ref().map(AccountState::bytes).unwrap_or_default();
    let lines = String::from_utf8_lossy(bytes).into_owned();
    let ids = lines.lines().filter_map(|line| line.split(':').nth(2)).filter(|id| *id != "0");
    ids.fold(text.to_owned(), |text, id| text.replace(&format!(" ({id}:{id})"), "").replace(&format!(" ({id})"), ""))
}

fn accounts(config: &Config) -> BTreeMap<AccountFile, AccountState> {
    let (own, made) = (&config.container.own, &config.container.directories);
    let users: BTreeSet<&str> = config
        .services
        .iter()
        .filter_map(|service| match &service.user {
            RunAs::Account(name) => Some(name),
            RunAs::App | RunAs::Root | RunAs::Ids(..) => None,
        })
        .chain(own.iter().map(|own| &own.user).chain(made.iter().map(|made| &made.user)).filter_map(
            |user| match user {
                Some(UserRef::Name(name)) => Some(name),
                Some(UserRef::Id(_)) | None => None,
            },
        ))
        .map(|name| name.as_str())
        .filter(|name| !is_there(name, config))
        .collect();
    let groups: BTreeSet<&str> = (config.services.iter().flat_map(|service| service.groups.iter().flatten()))
        .chain(&config.container.app.groups)
        .chain(own.iter().filter_map(|own| own.group.as_ref()))
        .chain(made.iter().filter_map(|made| made.group.as_ref()))
        .filter_map(|group| match group {
            GroupRef::Name(name) => Some(name.as_str()),
            GroupRef::Id(_) => None,
        })
        .chain(users.iter().copied())
        .filter(|name| !is_there(name, config))
        .collect();
    let mut passwd = String::from("root:x:0:0:root:/root:/bin/sh\n");
    for (at, name) in users.iter().enumerate() {
        let id = FIRST_ID.saturating_add(at);
        passwd.push_str(&format!("{name}:x:{id}:{id}::/:/sbin/nologin\n"));
    }
    let mut group = String::from("root:x:0:\n");
    // The groups of users first: they have the ids of their users.
    let first = users.iter().chain(groups.iter().filter(|name| !users.contains(**name)));
    for (at, name) in first.enumerate() {
        group.push_str(&format!("{name}:x:{}:\n", FIRST_ID.saturating_add(at)));
    }
    BTreeMap::from([
        (AccountFile::Passwd, AccountState::File(passwd.into_bytes())),
        (AccountFile::Group, AccountState::File(group.into_bytes())),
        (AccountFile::Shadow, AccountState::Missing),
        (AccountFile::Gshadow, AccountState::Missing),
    ])
}

/// Whether an account exists in any case: the boot creates the app user and its group; root is in every image.
fn is_there(name: &str, config: &Config) -> bool {
    let app = &config.container.app;
    name == "root" || name == app.user.as_str() || name == app.group.as_str()
}

fn paths(config: &Config) -> BTreeMap<PathBuf, PathFact> {
    let directory =
        PathFact::Found { kind: PathKind::Directory, uid: Uid::ROOT, gid: Gid::ROOT, mode: 0o755, read_only: false };
    let named = (config.container.own.iter().map(|own| &own.path))
        .chain(config.container.directories.iter().map(|made| &made.path))
        .chain(config.services.iter().filter_map(|service| service.directory.as_ref()));
    let devices = config.container.app.device_groups.iter();
    let mut paths: BTreeMap<_, _> = named.map(|path| (path.clone(), directory)).collect();
    paths.extend(devices.map(|path| (path.clone(), PathFact::Missing(Access::Yes))));
    paths
}

fn programs(config: &Config) -> BTreeMap<String, ProgramFact> {
    let found = |argv: Option<&std::ffi::OsString>| ProgramFact::Found(argv.map(PathBuf::from).unwrap_or_default());
    let of = |command: &Command| match command {
        Command::Argv(argv) => Some(found(argv.first())),
        Command::Script(_) => Some(ProgramFact::Found(SHELL.into())),
        Command::File(path) => Some(ProgramFact::Found(path.clone())),
        Command::Nothing => None,
    };
    let services = config.services.iter();
    let services = services.filter_map(|service| Some((service.name.as_str().to_owned(), of(&service.command)?)));
    let main = match config.main.first() {
        // `docker run IMAGE --help`: no image has a program with that name.
        Some(flag) if flag.as_encoded_bytes().starts_with(b"-") => ProgramFact::NotFound,
        program => found(program),
    };
    services.chain([(ServiceName::MAIN.to_owned(), main)]).collect()
}
