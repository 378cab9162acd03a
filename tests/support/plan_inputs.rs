//! Configurations and machines by hand: what Docker gives by default, and the changes that a test makes to it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use stepdown::config::Config;
use stepdown::config::container::*;
use stepdown::config::restart::{Restart, RestartPolicy};
use stepdown::config::service::*;
use stepdown::config::values::*;
use stepdown::error::Place;
use stepdown::plan::BootPlan;
use stepdown::plan::facts::*;

/// Docker's default capabilities (0xa80425fb).
pub const DOCKER: CapSet = CapSet(0xa804_25fb);

pub const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
    daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
    postgres:x:999:998:PostgreSQL:/var/lib/postgresql:/bin/sh\n";
pub const GROUP: &str =
    "root:x:0:\ndaemon:x:1:\nshadow:x:42:\nvideo:x:44:\nusers:x:100:\nssl-cert:x:101:postgres\npostgres:x:998:\n";
pub const SHADOW: &str = "root:*:19000:0:99999:7:::\n";
pub const GSHADOW: &str = "root:*::\nvideo:*::\n";

pub fn user(name: &str) -> UserName {
    UserName::new(name).unwrap()
}

pub fn group(name: &str) -> GroupName {
    GroupName::new(name).unwrap()
}

pub fn name(name: &str) -> ServiceName {
    ServiceName::new(name).unwrap()
}

pub fn names(all: &[&str]) -> Vec<ServiceName> {
    all.iter().map(|text| name(text)).collect()
}

/// An image without services, whose app user is `app`.
pub fn config() -> Config {
    let app = App {
        user: user("app"),
        group: group("app"),
        env_uid: None,
        env_gid: None,
        uid: None,
        gid: None,
        home: None,
        shell: None,
        groups: Vec::new(),
        device_groups: Vec::new(),
        allow_root: false,
        umask: None,
        at: Place::file("/etc/stepdown.toml"),
    };
    let container = Container {
        s6: None,
        drop: DropPolicy::Auto,
        without_root: OnMissingPrivilege::Run,
        without_drop: OnMissingPrivilege::Refuse,
        stop_timeout: STOP_TIMEOUT,
        pid1_filter: true,
        log: LogFormat::Auto,
        level: Level::Info,
        app,
        own: Vec::new(),
        directories: Vec::new(),
        trust: Vec::new(),
        secrets: Vec::new(),
        signals: Vec::new(),
        main: MainCommand::default(),
    };
    Config {
        container,
        services: Vec::new(),
        main: Vec::new(),
        s6: None,
        notices: Vec::new(),
        passed_over: Vec::new(),
        held_back: BTreeMap::new(),
    }
}

pub fn env_uid(uid: u32) -> Option<VariableValue<Uid>> {
    Some(VariableValue { value: Uid(uid), at: Place::Variable { name: "PUID".into(), value: uid.to_string() } })
}

pub fn env_gid(gid: u32) -> Option<VariableValue<Gid>> {
    Some(VariableValue { value: Gid(gid), at: Place::Variable { name: "PGID".into(), value: gid.to_string() } })
}

/// Services as a configuration holds them.
pub fn shared(services: impl IntoIterator<Item = Service>) -> Vec<Rc<Service>> {
    services.into_iter().map(Rc::new).collect()
}

pub fn longrun(name_: &str) -> Service {
    let command = Command::Argv(vec![format!("/usr/bin/{name_}").into(), "-v".into()]);
    let plain = Service::plain(name(name_), command);
    let restart = Restart::standard(RestartPolicy::Always);
    Service { at: Place::file(format!("/etc/services.d/{name_}.toml")), restart, ..plain }
}

pub fn oneshot(name: &str) -> Service {
    Service { kind: Kind::Oneshot, essential: true, ..longrun(name) }
}

pub fn own(path: &str) -> Own {
    own_with(path, OwnOptions::default())
}

pub fn own_with(path: &str, options: OwnOptions) -> Own {
    let at = Place::line("/etc/stepdown.toml", 7);
    Own { path: PathBuf::from(path), user: None, group: None, options, at }
}

pub fn directory(path: &str) -> Directory {
    Directory {
        path: PathBuf::from(path),
        user: None,
        group: None,
        mode: 0o755,
        clean: Vec::new(),
        take_over: false,
        at: Place::line("/etc/stepdown.toml", 12),
    }
}

pub fn found(kind: PathKind, uid: u32, gid: u32, mode: u32) -> PathFact {
    PathFact::Found { kind, uid: Uid(uid), gid: Gid(gid), mode, read_only: false }
}

pub fn dir(uid: u32, gid: u32, mode: u32) -> PathFact {
    found(PathKind::Directory, uid, gid, mode)
}

/// `docker run image`, as root, on Debian.
pub fn docker() -> Facts {
    let accounts = [
        (AccountFile::Passwd, PASSWD),
        (AccountFile::Group, GROUP),
        (AccountFile::Shadow, SHADOW),
        (AccountFile::Gshadow, GSHADOW),
    ];
    let pipe = StdioFact { kind: StdioKind::Fifo, uid: Uid(0), mode: 0o600 };
    Facts {
        groups: vec![Gid(0)],
        hard_limits: BTreeMap::from([(Resource::Nofile, Some(1_048_576))]),
        accounts: accounts
            .into_iter()
            .map(|(file, text)| (file, AccountState::File(text.as_bytes().to_vec())))
            .collect(),
        runtime: vec![(PathBuf::from("/run/stepdown"), Access::Yes), (PathBuf::from("/tmp"), Access::Yes)],
        stdio: [StdioFact { kind: StdioKind::Device, uid: Uid(0), mode: 0o666 }, pipe, pipe],
        named: NamedFiles { search: search(), ..NamedFiles::default() },
        ..Facts::of_root(DOCKER)
    }
}

/// The directories of Docker's own PATH, which are root's.
pub fn search() -> SearchPath {
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let entry = |path: &str| PathEntry { path: path.into(), file_owners: Vec::new(), end: path.into() };
    let entries: Vec<_> = path.split(':').map(entry).collect();
    SearchPath { container: entries.clone(), default: entries, ..SearchPath::default() }
}

/// `docker run --read-only image`.
pub fn read_only() -> Facts {
    Facts { etc: Access::ReadOnly, runtime: vec![(PathBuf::from("/run/stepdown"), Access::ReadOnly)], ..docker() }
}

/// `docker run --user uid:gid image`.
pub fn as_user(uid: u32, gid: u32) -> Facts {
    Facts {
        uid: Uid(uid),
        gid: Gid(gid),
        groups: vec![Gid(gid)],
        effective: CapSet::EMPTY,
        permitted: CapSet::EMPTY,
        etc: Access::Denied,
        runtime: vec![(PathBuf::from("/run/stepdown"), Access::Denied), (PathBuf::from("/tmp"), Access::Yes)],
        ..docker()
    }
}

/// Rootless podman: 0 is the user of the host, 1 to 65535 are subordinate ids.
pub fn rootless() -> Facts {
    let map = IdMap(vec![
        IdRange { inside: 0, outside: 1000, count: 1 },
        IdRange { inside: 1, outside: 100_000, count: 65_536 },
    ]);
    Facts { uid_map: map.clone(), gid_map: map, ..docker() }
}

pub fn without(facts: Facts, missing: &[Capability]) -> Facts {
    let missing: CapSet = missing.iter().copied().collect();
    let less = |set: CapSet| set.minus(missing);
    Facts {
        effective: less(facts.effective),
        permitted: less(facts.permitted),
        bounding: less(facts.bounding),
        ..facts
    }
}

pub fn account(facts: &mut Facts, file: AccountFile, text: &str) {
    facts.accounts.insert(file, AccountState::File(text.as_bytes().to_vec()));
}

pub fn path(facts: &mut Facts, path: &str, fact: PathFact) {
    facts.paths.insert(PathBuf::from(path), fact);
}

/// Returns the notices of a plan as the lines that are printed.
pub fn noted(plan: &BootPlan) -> Vec<String> {
    plan.notices.iter().map(ToString::to_string).collect()
}
