//! What `stepdown plan` prints, mode by mode.

use std::rc::Rc;

use stepdown::config::Config;
use stepdown::config::container::*;
use stepdown::config::probe::*;
use stepdown::config::service::*;
use stepdown::config::values::*;
use stepdown::error::Error;
use stepdown::plan::facts::*;
use stepdown::plan::{self, Mode};

use crate::support::plan_inputs::*;

/// A typical image: two services that depend on each other, a preparation as root, a volume, a directory in /run.
fn image() -> Config {
    let mut config = config();
    config.container.app.env_uid = env_uid(1000);
    config.container.app.env_gid = env_gid(1000);
    config.container.app.home = Some("/config".into());
    config.container.app.groups = vec![GroupRef::Name(group("video"))];
    config.container.own = vec![own("/config")];
    config.container.directories = vec![directory("/run/web")];
    config.services = shared([
        longrun("db"),
        Service { user: RunAs::Root, ..oneshot("migrate") },
        Service { requires: names(&["db"]), ..longrun("web") },
    ]);
    config.main = vec!["sh".into(), "-c".into(), "exec top".into()];
    config
}

fn volume(mut facts: Facts) -> Facts {
    path(&mut facts, "/config", dir(0, 0, 0o755));
    let place = facts.etc;
    path(&mut facts, "/run/web", PathFact::Missing(place));
    facts
}

fn printed(config: &Config, facts: &Facts) -> String {
    plan::show::text(&plan::boot(config, facts).unwrap(), config)
}

#[track_caller]
fn prints(config: &Config, facts: &Facts, expected: &str) {
    let printed = printed(config, facts);
    assert!(printed == expected.trim_start_matches('\n'), "printed:\n{printed}\nexpected:\n{expected}");
}

fn refusal(config: &Config, facts: &Facts) -> String {
    match plan::boot(config, facts) {
        Err(error @ Error::Refused(_)) => {
            assert_eq!(error.exit_code(), 111);
            error.to_string()
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn root() {
    prints(
        &image(),
        &volume(docker()),
        r#"
mode       root: steps down for good
identity   app 1000:1000, groups 44 1000, home /config, umask 022
boot       do    /etc/group: group app (1000) added, app added to group video
           do    /etc/gshadow: locked line of app added, app added to group video
           do    /etc/passwd: account app (1000:1000) added
           do    /etc/shadow: locked line of app added
           do    runtime directory: /run/stepdown
           do    create /run/web: 1000:1000 0755
           do    own /config: 1000:1000, with everything below
           do    stdout, stderr: mode 0622, so that the app can reopen it
prepare    migrate as root
step down  to app (1000:1000); nothing kept, no_new_privs, private gid 4294967293
serve      db       app (1000:1000)
           web      app (1000:1000); needs db
main       sh -c 'exec top' as app (1000:1000)
stop       main, then web, then db; 8s in all
"#,
    );
}

#[test]
fn root_on_a_read_only_filesystem() {
    let mut facts = volume(read_only());
    path(
        &mut facts,
        "/config",
        PathFact::Found { kind: PathKind::Directory, uid: Uid(0), gid: Gid(0), mode: 0o755, read_only: true },
    );
    assert_eq!(plan::boot(&image(), &facts).unwrap().mode, Mode::RootLimited);
    prints(
        &image(),
        &facts,
        r#"
mode       root, limited: steps down for good
identity   app 1000:1000, groups 44 1000, home /config, umask 022
boot       skip  /etc/group, /etc/gshadow, /etc/passwd, /etc/shadow: /etc is read-only
                 so:  the app is 1000:1000 by number; HOME, USER and LOGNAME are set
                 fix: remove `read_only: true`, or make `app` 1000:1000 in the image
           skip  runtime directory: no directory for the control socket can be written (/run, /dev/shm, /tmp)
                 so:  supervision works; `stepdown status`, `health` and the other control commands do not
                 fix: compose: `tmpfs: [/run]`; docker run: `--tmpfs /run`
           skip  create /run/web: /run/web is missing and its place is read-only
                 so:  /run/web is not created
                 fix: compose: `tmpfs: ["/run/web:uid=1000,gid=1000,mode=0755"]`; docker run: `--tmpfs /run/web:uid=1000,gid=1000,mode=0755`
           skip  own /config: /config is read-only
                 so:  /config stays 0:0 0755
                 fix: make /config writable: remove `:ro` if it is mounted so, else mount a volume there; or on the host: `chown -R 1000:1000` what is mounted at /config
           do    stdout, stderr: mode 0622, so that the app can reopen it
prepare    migrate as root
step down  to app (1000:1000); nothing kept, no_new_privs, private gid 4294967293
serve      db       app (1000:1000)
           web      app (1000:1000); needs db
main       sh -c 'exec top' as app (1000:1000)
stop       main, then web, then db; 8s in all
"#,
    );
}

#[test]
fn root_without_the_power_to_drop() {
    let facts = Facts { effective: CapSet::EMPTY, permitted: CapSet::EMPTY, ..volume(docker()) };
    assert_eq!(
        refusal(&image(), &facts),
        "cannot step down to app (1000:1000): SETGID and SETUID are not granted\n  fix: compose: `cap_add: [SETGID, SETUID]`; docker run: `--cap-add SETGID --cap-add SETUID`; or start as that user: `--user 1000:1000`; or accept running as root without these capabilities: `STEPDOWN_WITHOUT_DROP=run`"
    );
}

#[test]
fn root_without_the_power_to_drop_that_may_run_on() {
    let facts = Facts { effective: CapSet::EMPTY, permitted: CapSet::EMPTY, ..volume(docker()) };
    let mut config = image();
    config.container.without_drop = OnMissingPrivilege::Run;
    prints(
        &config,
        &facts,
        r#"
mode       root, limited: cannot step down
identity   root 0:0, groups 0, home /config, umask 022
boot       do    runtime directory: /run/stepdown
           do    create /run/web: 0:0 0755
           right own /config: already 0:0; nothing below it could be changed without CHOWN
step down  impossible; stays root (0:0), no_new_privs
serve      db       root (0:0)
           migrate  root (0:0); oneshot
           web      root (0:0); needs db
main       sh -c 'exec top' as root (0:0)
stop       main, then web, then db; 8s in all
note       cannot step down to app (1000:1000): SETGID and SETUID are not granted; everything keeps running as root; compose: `cap_add: [SETGID, SETUID]`; docker run: `--cap-add SETGID --cap-add SETUID`
           PUID=1000 and PGID=1000 are ignored: this container runs as 0:0 and cannot change that
           groups 44: the runtime did not give them, and only root can join any; what is open to these groups alone stays closed; compose: `group_add: ["44"]`; docker run: `--group-add 44`
"#,
    );
}

#[test]
fn a_user_with_an_account() {
    let mut facts = volume(as_user(999, 998));
    path(&mut facts, "/config", dir(999, 998, 0o755));
    prints(
        &image(),
        &facts,
        r#"
mode       user: nothing can be changed, only checked
identity   postgres 999:998, groups 998, home /config, umask 022
boot       do    runtime directory: /tmp
           skip  create /run/web: /run/web is missing and 999 cannot create it
                 so:  /run/web is not created
                 fix: compose: `tmpfs: ["/run/web:uid=999,gid=998,mode=0755"]`; docker run: `--tmpfs /run/web:uid=999,gid=998,mode=0755`
           right own /config: usable by 999:998
step down  already postgres (999:998); no capability, no_new_privs
serve      db       postgres (999:998)
           migrate  postgres (999:998); oneshot
           web      postgres (999:998); needs db
main       sh -c 'exec top' as postgres (999:998)
stop       main, then web, then db; 8s in all
note       PUID=1000 and PGID=1000 are ignored: this container runs as 999:998 and cannot change that
           groups 44: the runtime did not give them, and only root can join any; what is open to these groups alone stays closed; compose: `group_add: ["44"]`; docker run: `--group-add 44`
           `migrate`: configured to run as root, but this container cannot change user; it runs as 999:998; start the container as root: without `user:` and `--user`
"#,
    );
}

#[test]
fn a_user_without_an_account() {
    prints(
        &image(),
        &volume(as_user(4242, 0)),
        r#"
mode       user, unknown: a uid without an account; nothing can be changed, only checked
identity   app 4242:0, groups 0, home /, umask 022
boot       skip  /etc/passwd: 4242:0 cannot write /etc
                 so:  uid 4242 has no name; HOME, USER and LOGNAME are set
                 fix: start as a user of the image (`--user NAME`), or with `user: "0"` and PUID/PGID; or for programs that need the line: `RUN chgrp 0 /etc/passwd && chmod g+w /etc/passwd` in the Dockerfile, and `--user 4242:0`; or with libnss_wrapper in the image, a copy of /etc/passwd that has the line, and for the service `environment = { LD_PRELOAD = "libnss_wrapper.so", NSS_WRAPPER_PASSWD = "/tmp/passwd", NSS_WRAPPER_GROUP = "/etc/group" }`
           do    runtime directory: /tmp
           skip  create /run/web: /run/web is missing and 4242 cannot create it
                 so:  /run/web is not created
                 fix: compose: `tmpfs: ["/run/web:uid=4242,gid=0,mode=0755"]`; docker run: `--tmpfs /run/web:uid=4242,gid=0,mode=0755`
           skip  own /config: /config is 0:0 0755
                 so:  4242:0 cannot use /config
                 fix: on the host: `chown -R 4242:0` what is mounted at /config; or start the container as root
step down  already app (4242:0); no capability, no_new_privs
serve      db       app (4242:0)
           migrate  app (4242:0); oneshot
           web      app (4242:0); needs db
main       sh -c 'exec top' as app (4242:0)
stop       main, then web, then db; 8s in all
note       PUID=1000 and PGID=1000 are ignored: this container runs as 4242:0 and cannot change that
           groups 44: the runtime did not give them, and only root can join any; what is open to these groups alone stays closed; compose: `group_add: ["44"]`; docker run: `--group-add 44`
           HOME is /: 4242:0 cannot use /config; mount a volume there that it can write
           `migrate`: configured to run as root, but this container cannot change user; it runs as 4242:0; start the container as root: without `user:` and `--user`
"#,
    );
}

#[test]
fn rootless_podman_with_puid_zero() {
    let mut config = image();
    config.container.app.env_uid = env_uid(0);
    config.container.app.env_gid = env_gid(0);
    prints(
        &config,
        &volume(rootless()),
        r#"
mode       root: PID 1 stays root, each service drops
identity   app 0:0, groups 0 44, home /config, umask 022
boot       do    /etc/group: group app (0) added, app added to group video
           do    /etc/gshadow: locked line of app added, app added to group video
           do    /etc/passwd: account app (0:0) added
           do    /etc/shadow: locked line of app added
           do    runtime directory: /run/stepdown
           do    create /run/web: 0:0 0755
           do    own /config: 0:0, with everything below
prepare    migrate as root
step down  not PID 1; services become app (0:0), on the host 1000:1000, who started the container (rootless), no_new_privs
           because the app user itself is uid 0
serve      db       app (0:0)
           web      app (0:0); needs db
main       sh -c 'exec top' as app (0:0)
stop       main, then web, then db; 8s in all
note       gid 0 also belongs to `root`: looking up the number still gives `root`
           uid 0 also belongs to `root`: looking up the number still gives `root`
"#,
    );
}

#[test]
fn services_that_need_more() {
    let mut config = image();
    config.services = shared([
        Service { user: RunAs::Account(user("postgres")), ..longrun("db") },
        Service { no_new_privileges: false, ..longrun("mail") },
        Service {
            capabilities: CapSet::EMPTY.with(Capability::NET_BIND_SERVICE).with(Capability::SYS_ADMIN),
            nice: Some(-5),
            after: names(&["db"]),
            ..longrun("web")
        },
    ]);
    config.main = Vec::new();
    prints(
        &config,
        &volume(docker()),
        r#"
mode       root: steps down, keeps some capabilities
identity   app 1000:1000, groups 44 1000, home /config, umask 022
boot       do    /etc/group: group app (1000) added, app added to group video
           do    /etc/gshadow: locked line of app added, app added to group video
           do    /etc/passwd: account app (1000:1000) added
           do    /etc/shadow: locked line of app added
           do    runtime directory: /run/stepdown
           do    create /run/web: 1000:1000 0755
           do    own /config: 1000:1000, with everything below
           do    stdout, stderr: mode 0622, so that the app can reopen it
step down  to app (1000:1000); keeps KILL SETGID SETUID NET_BIND_SERVICE, without no_new_privs, private gid 4294967293
           because `db` runs as postgres (999:998): SETUID, SETGID and KILL are as good as root
           because `mail` has no_new_privs off, for setuid programs such as sudo: PID 1 has it off too, every other process on
           because `web` is given NET_BIND_SERVICE
serve      db    postgres (999:998)
           mail  app (1000:1000); may gain privileges
           web   app (1000:1000); +NET_BIND_SERVICE; after db
stop       mail, web, then db; 8s in all
note       `web`: nice -5: SYS_NICE is not granted; `web` runs with nice 0; compose: `cap_add: [SYS_NICE]`; docker run: `--cap-add SYS_NICE`
           `web`: SYS_ADMIN is not granted; it runs without that; compose: `cap_add: [SYS_ADMIN]`; docker run: `--cap-add SYS_ADMIN`
"#,
    );
}

#[test]
fn what_is_not_as_usual_is_shown_for_each_service_and_tree() {
    let mut config = config();
    config.container.own =
        vec![own_with("/config", OwnOptions { mode: Some(0o640), dir_mode: Some(0o750), ..OwnOptions::default() })];
    let seconds = |seconds| Some(std::time::Duration::from_secs(seconds));
    let stop = |signal, timeout, group| Stop { signal, timeout, group };
    let nofile = |soft, hard| Limit { resource: Resource::Nofile, soft, hard };
    config.services = shared([
        Service { stop: stop(Signal::TERM, None, true), limits: vec![nofile(Some(9), Some(9))], ..longrun("a") },
        Service {
            ready: Ready::Fd { fd: 3, timeout: seconds(30) },
            stop: stop(Signal::QUIT, seconds(5), true),
            limits: vec![nofile(Some(1024), Some(4096)), Limit { resource: Resource::Core, soft: None, hard: None }],
            ..longrun("b")
        },
        Service {
            ready: Ready::Fd { fd: 4, timeout: None },
            stop: stop(Signal::TERM, seconds(2), false),
            ..longrun("c")
        },
    ]);
    let mut facts = docker();
    path(&mut facts, "/config", dir(0, 0, 0o755));
    let text = printed(&config, &facts);
    for line in [
        "           do    own /config: 1000:1000, with everything below, files 0640, directories 0750\n",
        "serve      a  app (1000:1000); stops as a group; limits nofile 9\n",
        "           b  app (1000:1000); ready by fd 3 within 30s; stops by SIGQUIT as a group within 5s; \
         limits nofile 1024..4096, core infinity\n",
        "           c  app (1000:1000); ready by fd 4; stops within 2s\n",
    ] {
        assert!(text.contains(line), "{line}in:\n{text}");
    }
}

#[test]
fn a_service_that_is_root_for_good() {
    let mut config = image();
    config.services.push(Rc::new(Service { user: RunAs::Root, ..longrun("cron") }));
    config.services.push(Rc::new(Service { user: RunAs::Root, after: names(&["cron"]), ..oneshot("late") }));
    prints(
        &config,
        &volume(docker()),
        r#"
mode       root: PID 1 stays root, each service drops
identity   app 1000:1000, groups 44 1000, home /config, umask 022
boot       do    /etc/group: group app (1000) added, app added to group video
           do    /etc/gshadow: locked line of app added, app added to group video
           do    /etc/passwd: account app (1000:1000) added
           do    /etc/shadow: locked line of app added
           do    runtime directory: /run/stepdown
           do    create /run/web: 1000:1000 0755
           do    own /config: 1000:1000, with everything below
           do    stdout, stderr: mode 0622, so that the app can reopen it
prepare    migrate as root
step down  not PID 1; services become app (1000:1000), no_new_privs
           because `cron` runs as root for good
           because `late` runs as root after the drop: it waits for `cron`, a longrun
serve      cron     root (0:0)
           db       app (1000:1000)
           late     root (0:0); oneshot; after cron
           web      app (1000:1000); needs db
main       sh -c 'exec top' as app (1000:1000)
stop       main, then web, then cron, db; 8s in all
"#,
    );
}

#[test]
fn nothing_but_a_main_command_behind_an_init() {
    let mut config = config();
    config.main = vec!["nginx".into(), "-g".into(), "daemon off;".into()];
    let facts = Facts { pid_one: false, ..docker() };
    prints(
        &config,
        &facts,
        r#"
mode       root: steps down for good
identity   app 1000:1000, groups 1000, home /, umask 022
boot       do    adopt orphans: become a child subreaper
           do    /etc/group: group app (1000) added
           do    /etc/gshadow: locked line of app added
           do    /etc/passwd: account app (1000:1000) added
           do    /etc/shadow: locked line of app added
           do    runtime directory: /run/stepdown
           do    stdout, stderr: mode 0622, so that the app can reopen it
step down  to app (1000:1000); nothing kept, no_new_privs, private gid 4294967293
main       nginx -g 'daemon off;' as app (1000:1000)
stop       main; 8s in all
note       not PID 1 (`--init`, or a shared PID namespace): only processes of our own services are reaped and signalled
"#,
    );
}

#[test]
fn what_a_service_is_beside_its_process() {
    let path = Probe::Path("/run/a".into());
    let health = Health {
        probe: Probe::Command(vec!["is-well".into(), "a\nb".into()]),
        interval: HEALTH_INTERVAL,
        timeout: PROBE_TIMEOUT,
        failures: HEALTH_FAILURES,
        successes: HEALTH_SUCCESSES,
        then: UnhealthyAction::StopContainer,
    };
    let directory = LogDirectory {
        path: "/var/log/b".into(),
        max_size: LOG_MAX_SIZE,
        keep: LOG_KEEP,
        max_age: None,
        compress: false,
    };
    let mut config = config();
    let ready = Ready::Probe { probe: Box::new(path.clone()), interval: READY_INTERVAL, timeout: None };
    let log = Log { format: None, directory: Some(Box::new(directory)) };
    config.services = shared([
        Service {
            ready,
            health: Some(Box::new(health)),
            pipe_to: Some(name("b")),
            after: names(&["b"]),
            ..longrun("a")
        },
        Service { wait_for: vec![path], ready: Ready::Fd { fd: 3, timeout: None }, log, ..longrun("b") },
        Service { every: Some(HEALTH_INTERVAL), essential: false, ..oneshot("c") },
    ]);
    let printed = printed(&config, &docker());
    let lines: Vec<&str> = printed.lines().skip_while(|line| !line.starts_with("serve")).take(3).collect();
    assert_eq!(
        lines,
        [
            "serve      b  app (1000:1000); waits for path:/run/a; ready by fd 3; logs to /var/log/b",
            "           c  app (1000:1000); oneshot; every 30s",
            "           a  app (1000:1000); after b; ready by path:/run/a; \
             health is-well 'a\\nb' each 30s, stop-container after 3; pipes to b",
        ]
    );
    let json = plan::show::json(&plan::boot(&config, &docker()).unwrap(), &config);
    let of = |index: usize, key: &str| json["services"][index][key].as_str().map(str::to_owned);
    assert_eq!((of(0, "pipe_to").as_deref(), of(1, "log").as_deref()), (Some("b"), Some("to /var/log/b")));
    assert_eq!((of(1, "pipe_to"), of(2, "every").as_deref()), (None, Some("30s")));
}

#[test]
fn the_main_command_is_shown_as_it_is_described() {
    let mut config = config();
    config.main = vec!["java".into(), "-jar".into(), "x.jar".into()];
    config.container.main = MainCommand {
        success_codes: vec![0, 143].into(),
        stop: Stop { signal: Signal::INT, timeout: None, group: false },
        ready: Ready::Delay(std::time::Duration::from_secs(2)),
        ..MainCommand::default()
    };
    let facts = docker();
    let text = printed(&config, &facts);
    let expected = "java -jar x.jar as app (1000:1000); ready by delay 2s; stops by SIGINT; success codes 0, 143";
    assert!(text.contains(expected), "{text}");
    let json = plan::show::json(&plan::boot(&config, &facts).unwrap(), &config);
    assert_eq!(json["main"]["success_codes"], serde_json::json!([0, 143]));
    assert_eq!(json["main"]["ready"], "delay 2s");
}
