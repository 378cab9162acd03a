//! Who may have written what services with more rights than the app user are made of (DESIGN §3.4, SECURITY A5).

use std::path::PathBuf;

use stepdown::config::Config;
use stepdown::config::container::*;
use stepdown::config::service::*;
use stepdown::config::values::*;
use stepdown::plan::facts::*;
use stepdown::plan::{self, Trust};

use crate::support::*;

/// What a service differs in.
type Change = fn(&mut Service);

/// The app user is 1000:1000, and owns this file of 0644.
fn whose(path: &str) -> Whose {
    Whose {
        path: path.into(),
        uid: Uid(1000),
        gid: Gid(1000),
        outsiders: [false; 2],
        mode: 0o644,
        directory: false,
        more_users: false,
        read_only: false,
    }
}

fn written(path: &str, found: Whose) -> Facts {
    let mut facts = docker();
    facts.whose.insert(PathBuf::from(path), vec![found]);
    facts
}

/// What stands in the way of a boot.
fn problems(config: &Config, facts: &Facts) -> Vec<String> {
    match plan::boot(config, facts) {
        Ok(_) => Vec::new(),
        Err(stepdown::error::Error::Wrong(problems)) => {
            problems.into_sorted().iter().map(ToString::to_string).collect()
        }
        Err(other) => panic!("{other}"),
    }
}

fn of(service: Service, facts: &Facts) -> Vec<String> {
    problems(&Config { services: vec![service], ..config() }, facts)
}

fn root(name: &str) -> Service {
    Service { user: RunAs::Root, ..longrun(name) }
}

#[test]
fn a_root_service_in_a_file_of_the_app_users_is_refused_with_what_to_write() {
    let facts = written("/etc/services.d/cron.toml", whose("/etc/services.d/cron.toml"));
    assert_eq!(
        of(root("cron"), &facts),
        ["/etc/services.d/cron.toml: `cron` runs as root, and others than root could have written it: \
             /etc/services.d/cron.toml is 1000:1000 0644; `COPY --chown=0:0` in the Dockerfile, or \
             `chown 0:0 /etc/services.d/cron.toml && chmod go-w /etc/services.d/cron.toml`, or take `user = \"root\"` out"]
    );
    assert!(of(longrun("cron"), &facts).is_empty(), "it has no more than whoever wrote it");
}

#[test]
fn whatever_gives_a_service_more_than_the_app_user_has_counts() {
    let facts = written("/etc/services.d/a.toml", whose("/etc/services.d"));
    let cases: [(&str, Change); 7] = [
        ("runs as postgres (999:998)", |it| it.user = RunAs::Account(user("postgres"))),
        ("has group 0, which", |it| it.user = RunAs::Ids(Uid(1000), Gid(0))),
        ("has group 44, which", |it| it.groups = Some(vec![GroupRef::Name(group("video"))])),
        ("is given NET_BIND_SERVICE", |it| it.capabilities = it.capabilities.with(Capability::NET_BIND_SERVICE)),
        ("is without no_new_privs", |it| it.no_new_privileges = false),
        ("has nice -5", |it| it.nice = Some(-5)),
        ("has oom_score_adj -5", |it| it.oom_score_adj = Some(-5)),
    ];
    for (why, change) in cases {
        let mut service = longrun("a");
        change(&mut service);
        let told = of(service, &facts);
        assert!(told.len() == 1 && told[0].contains(why), "{why}: {told:?}");
    }
    let raising = vec![Limit { resource: Resource::Nofile, soft: None, hard: None }];
    assert!(of(Service { limits: raising, ..longrun("a") }, &facts)[0].contains("raises a hard limit"));
    let same = Service { user: RunAs::Ids(Uid(1000), Gid(1000)), nice: Some(5), ..longrun("a") };
    assert!(of(same, &facts).is_empty(), "the app user by its numbers");
}

#[test]
fn a_tree_that_many_services_share_is_told_once() {
    let mut facts = written("/etc/services.d/a.toml", whose("/etc/services.d"));
    facts.whose.insert("/etc/services.d/b.toml".into(), vec![whose("/etc/services.d")]);
    let config = Config { services: vec![root("a"), root("b")], ..config() };
    assert_eq!(problems(&config, &facts).len(), 1);
}

#[test]
fn where_nobody_has_more_than_the_app_user_nothing_is_refused() {
    let facts = written("/etc/services.d/a.toml", whose("/etc/services.d/a.toml"));
    let mut as_root = Config { services: vec![root("a")], ..config() };
    as_root.container.app.asked_uid = asked_uid(0);
    as_root.container.app.asked_gid = asked_gid(0);
    as_root.container.app.allow_root = true;
    assert!(problems(&as_root, &facts).is_empty());
    let mut without = as_user(1000, 1000);
    without.whose = facts.whose;
    assert!(of(root("a"), &without).is_empty(), "nobody is root here");
}

#[test]
fn variables_are_roots_or_those_of_the_services_own_user() {
    let file = |service: Service| Service { environment_file: Some("/config/a.env".into()), ..service };
    let facts = written("/config/a.env", whose("/config"));
    let told = of(file(root("a")), &facts);
    assert!(
        told.len() == 1 && told[0].contains("its `environment_file` /config/a.env: /config is 1000:1000"),
        "{told:?}"
    );
    assert!(of(file(longrun("a")), &facts).is_empty());

    let postgres = Whose { uid: Uid(999), gid: Gid(998), ..whose("/var/lib/postgresql") };
    let facts = written("/config/a.env", postgres);
    let db = Service { user: RunAs::Account(user("postgres")), ..longrun("a") };
    assert!(of(file(db.clone()), &facts).is_empty(), "it gains nothing");
    let raised = Service { capabilities: db.capabilities.with(Capability::SYS_ADMIN), ..db };
    assert_eq!(of(file(raised), &facts).len(), 1, "others of that user gain the capability");
}

#[test]
fn the_container_file_is_roots_where_root_does_what_it_says() {
    let facts = written("/etc/stepdown.toml", whose("/etc/stepdown.toml"));
    let mut config = config();
    config.container.app.at = stepdown::error::Place::file("/etc/stepdown.toml");
    assert!(problems(&config, &facts).is_empty(), "nothing of root's is in it");
    config.container.own = vec![own("/config")];
    let told = problems(&config, &facts);
    assert!(told.len() == 1 && told[0].starts_with("/etc/stepdown.toml: root does what `own` says"), "{told:?}");
    config.container.own.clear();
    config.container.drop = DropPolicy::Root;
    assert!(problems(&config, &facts)[0].contains("`drop`"));
}

#[test]
fn modes_are_judged_by_who_could_really_write() {
    let alone = Trust::Root { or: None, shared_group: false };
    let roots = |mode| Whose { uid: Uid(0), gid: Gid(0), mode, ..whose("/t") };
    assert!(alone.allows(&roots(0o775)), "COPY under a umask of 002; nobody else is in group 0");
    assert!(!Trust::Root { or: None, shared_group: true }.allows(&roots(0o775)));
    assert!(!alone.allows(&Whose { more_users: true, ..roots(0o775) }), "an access control list");
    assert!(!alone.allows(&Whose { gid: Gid(1000), ..roots(0o775) }));
    assert!(!alone.allows(&roots(0o777)));
    assert!(alone.allows(&Whose { directory: true, ..roots(0o1777) }), "what others put there is theirs");
    let unmapped = |mode| Whose { uid: Uid(65534), gid: Gid(65534), outsiders: [true; 2], ..roots(mode) };
    assert!(alone.allows(&unmapped(0o775)), "nobody in this user namespace can be that user");
    assert!(!alone.allows(&unmapped(0o777)));
    assert!(!alone.allows(&roots(0o1777)), "sticky means nothing to a file");
    assert!(alone.allows(&Whose { read_only: true, ..roots(0o777) }), "a ConfigMap");
    assert!(!alone.allows(&Whose { read_only: true, ..whose("/t") }), "its owner writes it elsewhere");
    assert!(Trust::Anybody.allows(&whose("/t")));
}
