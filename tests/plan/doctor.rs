//! What `doctor` finds, each kind of finding at least once, from facts and looks by hand.

use std::path::{Path, PathBuf};

use stepdown::config::Config;
use stepdown::config::probe::*;
use stepdown::config::service::*;
use stepdown::config::values::*;
use stepdown::plan::checks::mounts::Mounts;
use stepdown::plan::checks::observations::*;
use stepdown::plan::checks::*;
use stepdown::plan::facts::*;
use stepdown::plan::notice::Restriction;
use stepdown::plan::show::{self, ColorMode};

use crate::support::plan_inputs::*;

/// Docker on ext4, with a volume at /data, a bind mount at /media, NFS, a noexec tmpfs.
const MOUNTS: &str = "1 0 0:39 / / rw,nodev - overlay overlay rw\n\
    2 1 254:0 /var/lib/docker/containers/0123/hosts /etc/hosts rw - ext4 /dev/vda rw\n\
    3 1 254:0 /var/lib/docker/volumes/web/_data /data rw - ext4 /dev/vda rw\n\
    4 1 254:0 /srv/films /media rw - ext4 /dev/vda rw\n\
    5 1 254:0 /srv/books /books ro - ext4 /dev/vda rw\n\
    6 1 0:60 / /nfs rw - nfs4 nas:/export rw\n\
    7 1 0:61 / /opt/plugins rw,noexec - tmpfs tmpfs rw\n";

fn host_context() -> HostContext {
    let mounts = Mounts::parse(MOUNTS.as_bytes());
    HostContext { mounts, uid_map: IdMap::whole(), gid_map: IdMap::whole(), label: None }
}

/// Every user has access.
fn all_allowed(examination: &Examination) -> Observations {
    let yes = |requirement: &AccessRequirement| PathObservation {
        real: requirement.path.clone(),
        found: None,
        access: AccessResult::Allowed,
    };
    let paths = examination.requirements.iter().map(yes).collect();
    Observations { paths, host: host_context(), unprivileged_port_start: Some(0), ..Observations::default() }
}

fn path_stat(uid: u32, gid: u32, mode: u32) -> Option<PathStat> {
    Some(PathStat { uid, gid, mode, is_directory: true })
}

/// An image that owns one path, as it is on a machine where it is 0:0 0755.
fn owning_config(at: &str, facts: Facts) -> (Config, Facts) {
    let mut config = config();
    config.container.own = vec![own(at)];
    let mut facts = facts;
    path(&mut facts, at, dir(0, 0, 0o755));
    (config, facts)
}

/// What is said of one path, whose look is this one.
fn of_path(config: &Config, facts: &Facts, access: AccessResult, found: Option<PathStat>, host: HostContext) -> Check {
    let examination = examine(config, facts);
    let mut observations = Observations { host, ..all_allowed(&examination) };
    let at = examination
        .requirements
        .iter()
        .position(|requirement| matches!(requirement.purpose, Purpose::Declared))
        .unwrap();
    observations.paths[at] = PathObservation { real: examination.requirements[at].path.clone(), found, access };
    let subject = examination.requirements[at].path.to_str().unwrap().to_owned();
    let diagnosis = conclude(examination, &observations, false);
    diagnosis.checks.into_iter().find(|check| check.area == Area::Path && check.subject == subject).unwrap()
}

#[track_caller]
fn issue(check: &Check) -> (CauseKind, String, String) {
    let Issue { why, cause, fix, .. } = check.finding.issue().unwrap_or_else(|| panic!("it is well: {check:?}"));
    (*why, cause.clone(), fix.to_string())
}

#[track_caller]
fn note(check: &Check) -> &str {
    match &check.finding {
        Finding::Ok { note } => note,
        Finding::Degraded(_) | Finding::Fatal(_) => panic!("it is not well: {check:?}"),
    }
}

#[test]
fn a_page_is_worth_reading() {
    let (mut config, facts) = owning_config("/data", as_user(999, 998));
    let health = Health {
        probe: Probe::Tcp(HostPort { host: "127.0.0.1".into(), port: 80 }),
        interval: HEALTH_INTERVAL,
        timeout: PROBE_TIMEOUT,
        failures: 3,
        successes: 1,
        then: UnhealthyAction::Restart,
    };
    config.services = shared([
        Service { health: Some(Box::new(health)), ..longrun("web") },
        Service { directory: Some("/srv".into()), ..longrun("db") },
    ]);
    let examination = examine(&config, &facts);
    let mut observations = Observations { unprivileged_port_start: None, ..all_allowed(&examination) };
    for (observation, requirement) in observations.paths.iter_mut().zip(&examination.requirements) {
        match requirement.path.to_str().unwrap() {
            "/data" => {
                (observation.found, observation.access) =
                    (path_stat(0, 0, 0o755), AccessResult::NotWritten(Denial::Denied))
            }
            "/srv" => observation.access = AccessResult::Missing,
            _ => {}
        }
    }
    let diagnosis = conclude(examination, &observations, false);
    assert_eq!(diagnosis.verdict.exit_code(), 2);
    let page = show::diagnosis(&diagnosis, ColorMode::Plain);
    let expected = r#"
What a boot of this container would do, here and now.

FATAL     `db`: /srv      /srv does not exist
                          so:             `db` cannot start
                          fix:            mount a directory of 999:998's there, on the host: `install -d -o 999 -g 998 data`, then `-v "$PWD/data:/srv"` (compose: `volumes: ["./data:/srv"]`)
                          or docker run:  --tmpfs /srv:uid=999,gid=998,mode=0755
                          compose:        tmpfs: ["/srv:uid=999,gid=998,mode=0755"]
                          kubernetes:     volumeMounts: [{ name: srv, mountPath: /srv }]
                          kubernetes:     volumes: [{ name: srv, emptyDir: { medium: Memory } }]   # of the pod

degraded  /data           /data is 0:0 0755
                          so:             999:998 cannot use /data
                          host:           chown -R 999:998 /var/lib/docker/volumes/web/_data
                          or:             start the container as root

degraded  `web`: port 80  ports below 1024 are privileged here, and there is no root to give NET_BIND_SERVICE
                          so:             postgres (999:998) cannot listen there
                          docker run:     --sysctl net.ipv4.ip_unprivileged_port_start=0
                          compose:        sysctls: [net.ipv4.ip_unprivileged_port_start=0]
                          kubernetes:     securityContext: { sysctls: [{ name: net.ipv4.ip_unprivileged_port_start, value: "0" }] }   # of the pod

ok        mode            user: nothing can be changed, only checked
ok        identity        postgres (999:998), groups 998, home /var/lib/postgresql, umask 022
ok        user namespace  none: ids are the host's
ok        privilege       PID 1 keeps nothing
ok        process         stepdown is PID 1
ok        accounts        `postgres` has its line in /etc/passwd
ok        /run            control socket in /tmp
ok        `web`           /usr/bin/web as postgres (999:998)
ok        `db`            /usr/bin/db as postgres (999:998)
ok        stdio           nothing to do
ok        TZ              known, or not set
ok        stop            8s in all

it does not work: 1 fatal, 2 degraded, 12 ok
"#;
    assert!(page == expected.trim_start_matches('\n'), "printed:\n{page}");
    let coloured = show::diagnosis(&diagnosis, ColorMode::Coloured);
    assert!(coloured.contains("\x1b[31mFATAL     \x1b[0m") && coloured.contains("\x1b[33mdegraded  \x1b[0m"));
}

#[test]
fn all_is_well_is_one_line_at_the_end_and_exit_code_0() {
    let config = Config { services: shared([longrun("web")]), ..config() };
    let examination = examine(&config, &docker());
    let observations = all_allowed(&examination);
    let diagnosis = conclude(examination, &observations, true);
    assert_eq!(diagnosis.verdict.exit_code(), 0);
    let page = show::diagnosis(&diagnosis, ColorMode::Plain);
    assert!(page.starts_with("The running container: "), "{page}");
    assert!(page.ends_with(&format!("\n\nall is well ({} checks)\n", diagnosis.checks.len())), "{page}");
    assert!(!page.contains("degraded") && !page.contains("FATAL"), "{page}");
}

#[test]
fn causes_are_distinguished() {
    let denied = || AccessResult::NotWritten(Denial::Denied);
    let (config, facts) = owning_config("/data", as_user(999, 998));
    let data = |access, found, host| issue(&of_path(&config, &facts, access, found, host));

    let (why, cause, fix) = data(denied(), path_stat(0, 0, 0o755), host_context());
    assert_eq!((why, cause.as_str()), (CauseKind::OwnerAndMode, "/data is 0:0 0755"));
    assert!(fix.starts_with("on the host: `chown -R 999:998 /var/lib/docker/volumes/web/_data`; or "), "{fix}");

    // Owner and mode allow it, and still.
    let selinux = HostContext { label: Some("system_u:system_r:container_t:s0:c1,c2".into()), ..host_context() };
    let (why, cause, fix) = data(denied(), path_stat(999, 998, 0o755), selinux);
    assert_eq!(why, CauseKind::Lsm);
    assert!(cause.contains("container_t") && fix.contains("-v SOURCE:/data:z"), "{cause}; {fix}");
    let apparmor = HostContext { label: Some("docker-default (enforce)".into()), ..host_context() };
    let (why, _, fix) = data(denied(), path_stat(999, 998, 0o755), apparmor);
    assert!(why == CauseKind::Lsm && fix.contains("--security-opt apparmor=unconfined"), "{fix}");
    let (why, cause, _) = data(denied(), path_stat(999, 998, 0o755), host_context());
    assert!(cause.contains("ACL") && why != CauseKind::Lsm, "{cause}");

    let (why, cause, _) = data(AccessResult::NotWritten(Denial::Full), path_stat(999, 998, 0o755), host_context());
    assert_eq!((why, cause.as_str()), (CauseKind::Full, "no space is left on /dev/vda"));
    let (why, cause, fix) =
        data(AccessResult::Unsearchable("/data".into(), path_stat(0, 0, 0o700)), None, host_context());
    assert_eq!((why, cause.as_str()), (CauseKind::OwnerAndMode, "/data, on the way, is 0:0 0700"));
    assert!(fix.contains("chmod a+x"), "{fix}");
    let (_, _, fix) = data(AccessResult::Unsearchable("/root".into(), path_stat(0, 0, 0o700)), None, host_context());
    assert_eq!(fix, "move /data out of /root, or let a user need it that may enter /root");
    let below = AccessResult::Below("/data/old/file".into(), Denial::Denied);
    let (_, cause, fix) = data(below, path_stat(999, 998, 0o755), host_context());
    assert!(cause.starts_with("/data/old/file, below it, ") && fix.contains("chown -R 999:998"), "{cause}; {fix}");

    let map = IdMap(vec![IdRange { inside: 0, outside: 100_000, count: 65_536 }]);
    let namespace = HostContext { uid_map: map.clone(), gid_map: map, ..host_context() };
    let (config, mut facts) = owning_config("/data", as_user(999, 998));
    path(&mut facts, "/data", dir(65_534, 65_534, 0o755));
    let check = of_path(&config, &facts, denied(), path_stat(65_534, 65_534, 0o755), namespace);
    let (why, cause, fix) = issue(&check);
    assert_eq!(
        (why, cause.as_str()),
        (CauseKind::NotMapped, "/data belongs to an id of the host that is not mapped here")
    );
    assert!(fix.contains("chown -R 100999:100998 /var/lib/docker/volumes/web/_data"), "{fix}");
}

#[test]
fn a_read_only_mount_a_missing_path_and_nfs_are_reported() {
    let (config, mut facts) = owning_config("/books", as_user(999, 998));
    let fact = PathFact::Found { kind: PathKind::Directory, uid: Uid(0), gid: Gid(0), mode: 0o777, read_only: true };
    path(&mut facts, "/books", fact);
    let check =
        of_path(&config, &facts, AccessResult::NotWritten(Denial::ReadOnly), path_stat(0, 0, 0o777), host_context());
    let (why, cause, fix) = issue(&check);
    assert_eq!((why, cause.as_str()), (CauseKind::ReadOnly, "/books is mounted read-only"));
    assert!(fix.contains("remove `:ro`"), "{fix}");

    let (config, mut facts) = owning_config("/none", docker());
    path(&mut facts, "/none", PathFact::Missing(Access::Yes));
    let (why, cause, fix) = issue(&of_path(&config, &facts, AccessResult::Missing, None, host_context()));
    assert_eq!((why, cause.as_str()), (CauseKind::Missing, "/none does not exist"));
    assert!(fix.contains("-v data:/none"), "{fix}");

    // The boot's chown may be refused by the server: said, not judged.
    let (config, facts) = owning_config("/nfs", docker());
    let check =
        of_path(&config, &facts, AccessResult::NotWritten(Denial::Denied), path_stat(0, 0, 0o755), host_context());
    assert_eq!(note(&check), "given to 1000:1000 at boot, if the server lets root do so");
    let over = examine(&config, &facts).after_boot();
    let mut observations = all_allowed(&over);
    observations.paths[0] = PathObservation {
        real: "/nfs".into(),
        found: path_stat(1000, 1000, 0o755),
        access: AccessResult::NotRead(Denial::Denied),
    };
    let check = conclude(over, &observations, true).checks.remove(0);
    let (why, cause, fix) = issue(&check);
    assert!(why == CauseKind::Nfs && cause.contains("root_squash"), "{cause}");
    assert!(fix.contains("chown -R 1000:1000 /export"), "{fix}");
}

#[test]
fn what_the_boot_will_do_is_not_missed_and_what_it_did_is_looked_at() {
    let (config, facts) = owning_config("/data", docker());
    let check = of_path(&config, &facts, AccessResult::NotRead(Denial::Denied), path_stat(0, 0, 0o700), host_context());
    assert_eq!(note(&check), "given to 1000:1000 at boot");
    // It is over, and it is not so.
    let over = examine(&config, &facts).after_boot();
    let mut observations = all_allowed(&over);
    observations.paths[0] = PathObservation {
        real: "/data".into(),
        found: path_stat(0, 0, 0o700),
        access: AccessResult::NotRead(Denial::Denied),
    };
    assert_eq!(conclude(over, &observations, true).verdict, Severity::Degraded);
    // Mended on the host since.
    let (config, facts) = owning_config("/data", as_user(999, 998));
    let check = of_path(&config, &facts, AccessResult::Allowed, path_stat(999, 998, 0o755), host_context());
    assert_eq!(note(&check), "postgres (999:998) can use it now (at the boot: /data is 0:0 0755)");
}

#[test]
fn a_required_path_is_fatal_and_names_what_is_missing() {
    let (mut config, facts) = owning_config("/data", without(docker(), &[Capability::CHOWN]));
    config.container.own[0].options.required = true;
    let check =
        of_path(&config, &facts, AccessResult::NotWritten(Denial::Denied), path_stat(0, 0, 0o755), host_context());
    assert_eq!(check.finding.severity(), Severity::Fatal);
    let (why, cause, fix) = issue(&check);
    assert_eq!((why, cause.as_str()), (CauseKind::Capability, "CHOWN is not granted"));
    assert!(fix.contains("--cap-add CHOWN") && fix.contains("chown -R 1000:1000 /var/lib/docker/volumes"), "{fix}");
    let all = examine(&config, &facts).checks;
    assert!(all.iter().any(|check| check.subject == "boot" && check.finding.severity() == Severity::Fatal), "{all:#?}");
}

#[test]
fn a_program_on_a_noexec_mount_cannot_be_started() {
    let mut config = config();
    config.services = shared([longrun("web")]);
    let mut facts = docker();
    facts.named.programs.insert("web".into(), ProgramFact::Found("/opt/plugins/web".into()));
    let examination = examine(&config, &facts);
    let mut observations = all_allowed(&examination);
    observations.paths[0].found = path_stat(0, 0, 0o755);
    observations.paths[0].access = AccessResult::NotRead(Denial::Denied);
    let check = conclude(examination, &observations, false).checks.remove(0);
    assert_eq!((check.area, check.finding.severity()), (Area::Service, Severity::Fatal));
    let (why, cause, fix) = issue(&check);
    assert_eq!((why, cause.as_str()), (CauseKind::NoExec, "/opt/plugins is mounted noexec"));
    assert!(fix.contains("--tmpfs /opt/plugins:exec"), "{fix}");
}

#[test]
fn devices_are_looked_at_by_node() {
    let mut config = config();
    config.container.app.device_groups = vec!["/dev/dri".into(), "/dev/kfd".into()];
    let mut facts = as_user(999, 998);
    path(&mut facts, "/dev/dri", dir(0, 0, 0o755));
    path(&mut facts, "/dev/dri/card0", self::device(44));
    path(&mut facts, "/dev/dri/renderD128", self::device(105));
    path(&mut facts, "/dev/kfd", PathFact::Missing(Access::Denied));
    let examination = examine(&config, &facts);
    let requested: Vec<_> = examination.requirements.iter().map(|check| check.path.clone()).collect();
    assert_eq!(requested, ["/dev/dri/card0", "/dev/dri/renderD128"].map(PathBuf::from));
    let mut observations = all_allowed(&examination);
    let node = |gid| Some(PathStat { uid: 0, gid, mode: 0o660, is_directory: false });
    (observations.paths[0].found, observations.paths[0].access) = (node(44), AccessResult::NotRead(Denial::Denied));
    (observations.paths[1].found, observations.paths[1].access) =
        (node(105), AccessResult::NotRead(Denial::NotPermitted));
    let checks = conclude(examination, &observations, false).checks;
    let of = |subject: &str| checks.iter().find(|check| check.subject == subject).unwrap();
    let (why, cause, fix) = issue(of("/dev/dri/card0"));
    assert_eq!((why, cause.as_str()), (CauseKind::OwnerAndMode, "/dev/dri/card0 is 0:44 0660"));
    assert_eq!(fix, "compose: `group_add: [\"44\"]`; docker run: `--group-add 44`");
    let (why, _, fix) = issue(of("/dev/dri/renderD128"));
    assert_eq!(
        (why, fix.as_str()),
        (
            CauseKind::DeviceCgroup,
            "compose: `devices: [/dev/dri/renderD128]`; docker run: `--device /dev/dri/renderD128`"
        )
    );
    assert!(note(of("/dev/kfd")).starts_with("not there"));
    // The notice of the boot is reported as what it is: groups that cannot be joined.
    assert_eq!(of("groups 44 105").area, Area::Identity);
}

fn device(gid: u32) -> PathFact {
    crate::support::plan_inputs::found(PathKind::Other, 0, gid, 0o660)
}

#[test]
fn ports_are_compared_with_what_the_kernel_asks() {
    let mut config = config();
    let at = |port| Ready::Probe {
        probe: Box::new(Probe::Tcp(HostPort { host: "localhost".into(), port })),
        interval: READY_INTERVAL,
        timeout: None,
    };
    let caps = CapSet::EMPTY.with(Capability::NET_BIND_SERVICE);
    config.services = shared([
        Service { ready: at(80), ..longrun("bare") },
        Service { ready: at(8080), ..longrun("high") },
        Service { ready: at(443), capabilities: caps, ..longrun("able") },
        Service { capabilities: caps, ..longrun("some") },
    ]);
    let ports = |facts: &Facts, from, listening: &[u16]| {
        let examination = examine(&config, facts);
        let mut observations = all_allowed(&examination);
        (observations.unprivileged_port_start, observations.listening) = (from, listening.iter().copied().collect());
        let all = conclude(examination, &observations, true).checks;
        all.into_iter()
            .filter(|check| check.area == Area::Port)
            .map(|check| (check.subject.clone(), check))
            .collect::<Vec<_>>()
    };
    let all = ports(&docker(), Some(1024), &[]);
    assert_eq!(all.len(), 3, "{all:?}");
    let (_, _, fix) = issue(&all[0].1);
    assert_eq!(all[0].0, "`bare`: port 80");
    assert!(fix.starts_with("in the file of `bare`: `capabilities = [\"NET_BIND_SERVICE\"]`; or "), "{fix}");
    assert_eq!((note(&all[1].1), note(&all[2].1)), ("it is given NET_BIND_SERVICE", "it is given NET_BIND_SERVICE"));
    let refused = ports(&without(docker(), &[Capability::NET_BIND_SERVICE]), Some(1024), &[80]);
    let (_, cause, fix) = issue(&refused[0].1);
    assert!(cause.ends_with("NET_BIND_SERVICE is not granted") && fix.contains("--cap-add NET_BIND_SERVICE"), "{fix}");
    assert!(refused.iter().any(|check| check.0 == "`bare`: port 80" && note(&check.1) == "something listens there"));
    assert!(
        ports(&as_user(999, 998), Some(0), &[]).iter().all(|check| note(&check.1).contains("may bind any port here"))
    );
}

#[test]
fn limits_niceness_and_capabilities_that_were_not_granted_are_reported_once_each() {
    let mut config = config();
    config.services = shared([Service {
        limits: vec![Limit { resource: Resource::Nofile, soft: Some(2_000_000), hard: Some(2_000_000) }],
        nice: Some(-5),
        oom_score_adj: Some(-100),
        capabilities: CapSet::EMPTY.with(Capability::SYS_ADMIN),
        ..longrun("web")
    }]);
    let examination = examine(&config, &docker());
    let observations = all_allowed(&examination);
    let diagnosis = conclude(examination, &observations, false);
    let wrong: Vec<_> = diagnosis.checks.iter().filter(|check| check.finding.issue().is_some()).collect();
    let access: Vec<_> = wrong.iter().map(|check| (check.area, check.subject.as_str())).collect();
    assert_eq!(
        access,
        [
            (Area::Capability, "`web`"),
            (Area::Limit, "`web`: nofile"),
            (Area::Limit, "`web`: nice -5"),
            (Area::Limit, "`web`: oom_score_adj -100"),
        ]
    );
    assert!(issue(wrong[0]).2.contains("--cap-add SYS_ADMIN"));
    let (_, cause, fix) = issue(wrong[1]);
    assert_eq!(cause, "2000000 is above the hard limit 1048576 of this container");
    assert!(fix.contains("--ulimit nofile=2000000:2000000"), "{fix}");
    assert!(issue(wrong[3]).2.contains("--oom-score-adj -100"));
}

#[test]
fn a_root_that_cannot_step_down_is_fatal_and_its_view_without_capabilities_is_not_shown() {
    let (config, facts) =
        owning_config("/data", Facts { effective: CapSet::EMPTY, permitted: CapSet::EMPTY, ..docker() });
    let examination = examine(&config, &facts);
    assert!(examination.requirements.is_empty() && examination.app.is_none());
    let diagnosis = conclude(examination, &Observations::default(), false);
    assert_eq!(diagnosis.verdict.exit_code(), 2);
    let first = &diagnosis.checks[0];
    assert_eq!((first.area, first.subject.as_str()), (Area::StepDown, "step down"));
    let (why, cause, fix) = issue(first);
    assert_eq!(
        (why, cause.as_str()),
        (CauseKind::Capability, "cannot step down to app (1000:1000): SETGID and SETUID are not granted")
    );
    assert!(fix.contains("cap_add: [SETGID, SETUID]"), "{fix}");
}

#[test]
fn skipped_steps_and_notices_of_the_boot_are_reported() {
    let mut config = config();
    config.services = shared([Service { user: RunAs::Root, without_root: WithoutRoot::Skip, ..longrun("cron") }]);
    config.container.app.env_uid = env_uid(1000);
    let mut facts = as_user(4242, 0);
    facts.pid_one = false;
    facts.unknown_zone = Some("Europe/Berlinn".into());
    facts.runtime = vec![("/run/stepdown".into(), Access::ReadOnly)];
    let examination = examine(&config, &facts);
    let observations = Observations { remarks: vec!["asked as 5:5".into()], ..all_allowed(&examination) };
    let diagnosis = conclude(examination, &observations, false);
    let of = |area: Area| diagnosis.checks.iter().find(|check| check.area == area).unwrap();
    assert_eq!(issue(of(Area::Accounts)).1, "4242:0 cannot write /etc");
    assert!(issue(of(Area::RuntimeDirectory)).2.contains("--tmpfs /run"));
    assert!(issue(of(Area::Service)).1.contains("needs root"));
    assert!(issue(of(Area::TimeZone)).1.contains("Europe/Berlinn"));
    assert!(note(of(Area::Pid)).starts_with("not PID 1"));
    assert!(note(of(Area::Configuration)).starts_with("PUID=1000 is ignored"));
    let page = show::diagnosis(&diagnosis, ColorMode::Plain);
    assert!(page.contains("\n(asked as 5:5)\n"), "{page}");
}

#[test]
fn problems_of_the_configuration_are_fatal_one_by_one() {
    let mut config = config();
    config.services = shared([longrun("web"), longrun("db")]);
    let mut facts = docker();
    facts.named.programs.insert("web".into(), ProgramFact::NotFound);
    facts.named.programs.insert("db".into(), ProgramFact::NotExecutable("/usr/bin/db".into()));
    let checks = examine(&config, &facts).checks;
    let fatal: Vec<_> = checks.iter().filter(|check| check.finding.severity() == Severity::Fatal).collect();
    let places: Vec<_> = fatal.iter().map(|check| check.subject.as_str()).collect();
    assert_eq!(places, ["/etc/services.d/db.toml", "/etc/services.d/web.toml"]);
    assert!(issue(fatal[0]).2.contains("chmod +x"));
}

#[test]
fn an_examination_survives_the_way_over_the_control_socket() {
    let (mut config, facts) = owning_config("/data", as_user(4242, 0));
    config.services = shared([Service { directory: Some("/srv".into()), ..longrun("web") }]);
    let examination = examine(&config, &facts);
    let text = serde_json::to_string(&examination).unwrap();
    assert_eq!(serde_json::from_str::<Examination>(&text).unwrap(), examination);
}

#[test]
fn the_hosts_path_is_written_into_a_plan_only_if_something_was_skipped() {
    let (config, facts) = owning_config("/media", as_user(999, 998));
    let mut plan = stepdown::plan::boot(&config, &facts).unwrap();
    locate_all(&mut plan, host_context);
    let lines = show::report(&plan);
    let own = lines.iter().find(|check| check.text.starts_with("skipped own /media: ")).unwrap();
    assert!(own.text.contains("; fix: on the host: `chown -R 999:998 /srv/films`; or "), "{}", own.text);
    let mut boot_plan = stepdown::plan::boot(&config, &docker()).unwrap();
    locate_all(&mut boot_plan, || panic!("nothing was skipped"));
}

#[test]
fn a_plan_tells_a_read_only_mount_from_a_read_only_path() {
    for (at, cause) in [("/books", "/books is mounted read-only"), ("/srv", "/srv is read-only")] {
        let (config, mut facts) = owning_config(at, docker());
        let fact =
            PathFact::Found { kind: PathKind::Directory, uid: Uid(0), gid: Gid(0), mode: 0o755, read_only: true };
        path(&mut facts, at, fact);
        let mut plan = stepdown::plan::boot(&config, &facts).unwrap();
        locate_all(&mut plan, host_context);
        let lines = show::report(&plan);
        let own = lines.iter().find(|check| check.text.starts_with(&format!("skipped own {at}: {cause}; ")));
        assert!(own.is_some(), "{lines:?}");
    }
}

#[test]
fn a_filter_that_is_declined_is_reported_by_the_plan_and_once_by_doctor() {
    let mut config = config();
    let plan = |config: &Config| noted(&stepdown::plan::boot(config, &docker()).unwrap());
    let access = |config: &Config| {
        let examination = examine(config, &docker());
        let checks = examination.checks.iter().map(|check| format!("{check:?}"));
        checks.filter(|check| check.contains(&Restriction::NoFilter.to_string())).count()
    };
    let output = format!("PID 1: {}", Restriction::NoFilter);
    assert!(!plan(&config).contains(&output));
    assert_eq!(access(&config), 0);
    config.container.pid1_filter = false;
    assert!(plan(&config).contains(&output), "{:?}", plan(&config));
    assert_eq!(access(&config), 1);
}

#[test]
fn an_account_that_the_boot_creates_is_reported_in_the_right_tense() {
    let (config, facts) = (Config { services: shared([longrun("web")]), ..config() }, docker());
    let accounts = |examination: &Examination| {
        let check = examination.checks.iter().find(|check| check.area == Area::Accounts).unwrap();
        note(check).to_owned()
    };
    assert_eq!(
        accounts(&examine(&config, &facts)),
        "`app` gets its lines in /etc/group, /etc/gshadow, /etc/passwd, /etc/shadow at boot"
    );
    let plan = stepdown::plan::boot(&config, &facts).unwrap();
    let over = of_plan(&config, &facts, &plan, BootState::Done);
    assert_eq!(accounts(&over), "`app` has its lines in /etc/group, /etc/gshadow, /etc/passwd, /etc/shadow");
}

#[test]
fn a_main_command_that_cannot_be_executed_is_fatal_unless_a_oneshot_may_bring_it() {
    let mut config = Config { main: vec!["nosuch".into()], ..config() };
    let mut facts = docker();
    facts.named.programs.insert(ServiceName::MAIN.to_owned(), ProgramFact::NotFound);
    let of_main = |config: &Config| {
        let found = examine(config, &facts);
        found.checks.into_iter().find(|check| check.subject == "`main`").unwrap()
    };
    assert_eq!(of_main(&config).finding.severity(), Severity::Fatal);
    let problem = stepdown::plan::preview(&config, &facts).unwrap_err().to_string();
    assert!(problem.contains("the main command: cannot find the program `nosuch` in PATH; "), "{problem}");
    assert!(stepdown::plan::boot(&config, &facts).is_ok(), "the boot itself ends as a shell does");

    config.services = shared([Service { kind: Kind::Oneshot, user: RunAs::Root, ..longrun("install") }]);
    assert_eq!(of_main(&config).finding.severity(), Severity::Degraded);
    let notices = stepdown::plan::preview(&config, &facts).unwrap().notices;
    let notice = "`main`: cannot find the program `nosuch` in PATH; unless a oneshot before it brings it, the container ends \
        with 127; ";
    assert!(notices.iter().any(|requirement| requirement.to_string().starts_with(notice)), "{notices:?}");
}

#[test]
fn no_fix_gives_away_or_opens_a_system_directory() {
    let mut config = config();
    config.services = shared([Service { directory: Some("/root".into()), ..longrun("web") }]);
    let facts = as_user(999, 998);
    let examination = examine(&config, &facts);
    let mut observations = all_allowed(&examination);
    let at = examination.requirements.iter().position(|requirement| requirement.path == Path::new("/root")).unwrap();
    observations.paths[at] = PathObservation {
        found: path_stat(0, 0, 0o700),
        access: AccessResult::NotRead(Denial::Denied),
        ..observations.paths[at].clone()
    };
    let checks = conclude(examination, &observations, false).checks;
    let fix = issue(checks.iter().find(|check| check.subject == "`web`: /root").unwrap()).2;
    assert_eq!(fix, "name another directory: /root is the system's");
}

#[test]
fn a_file_system_that_is_read_only_itself_is_distinguished_from_a_mount() {
    let refused = || AccessResult::NotWritten(Denial::ReadOnly);
    let fix_of = |mount: &str| {
        let mounts =
            Mounts::parse(format!("1 0 0:39 / / rw - overlay overlay rw\n2 1 8:1 / /data {mount}\n").as_bytes());
        let (config, facts) = owning_config("/data", as_user(999, 998));
        let check =
            of_path(&config, &facts, refused(), path_stat(999, 998, 0o755), HostContext { mounts, ..host_context() });
        let (why, cause, fix) = issue(&check);
        assert_eq!(why, CauseKind::ReadOnly);
        (cause, fix)
    };
    let (cause, fix) = fix_of("ro - ext4 /dev/sda1 rw");
    assert!(cause == "/data is mounted read-only" && fix.contains("remove `:ro`"), "{cause}; {fix}");
    let (cause, fix) = fix_of("rw - ext4 /dev/sda1 ro");
    assert_eq!(cause, "the file system of /data is read-only");
    assert!(fix.contains("`mount -o remount,rw` /dev/sda1") && !fix.contains(":ro"), "{fix}");
    let (_, fix) = fix_of("ro - squashfs /dev/loop0 ro");
    assert_eq!(fix, "mount a volume at /data: nothing can be written to squashfs");
}

#[test]
fn the_mode_agrees_with_the_privilege_that_is_kept() {
    let mode_and_privilege = |services: Vec<Service>| {
        let examination = examine(&Config { services: shared(services), ..config() }, &docker());
        let of = |subject: &str| {
            examination.checks.iter().find(|check| check.subject == subject).map(note).unwrap().to_owned()
        };
        (of("mode"), of("privilege"))
    };
    let (mode, privilege) = mode_and_privilege(vec![longrun("web")]);
    assert_eq!((mode.as_str(), privilege.as_str()), ("root: steps down for good", "PID 1 keeps nothing"));
    let bind = std::iter::once(Capability::NET_BIND_SERVICE).collect();
    let (mode, privilege) = mode_and_privilege(vec![Service { capabilities: bind, ..longrun("web") }]);
    assert_eq!(mode, "root: steps down, keeps some capabilities");
    assert!(privilege.starts_with("PID 1 keeps NET_BIND_SERVICE"), "{privilege}");
    let (mode, privilege) = mode_and_privilege(vec![Service { user: RunAs::Root, ..longrun("web") }]);
    assert_eq!(mode, "root: PID 1 stays root, each service drops");
    assert!(privilege.starts_with("PID 1 stays root: "), "{privilege}");
}
