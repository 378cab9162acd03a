//! Who may have written what services with more rights than the app user are made of (DESIGN §3.4, SECURITY A5).

use std::path::PathBuf;

use stepdown::config::Config;
use stepdown::config::container::*;
use stepdown::config::s6_overlay::{S6Origin, S6Overlay};
use stepdown::config::service::*;
use stepdown::config::values::*;
use stepdown::plan::facts::*;
use stepdown::plan::inherited::Inherited;
use stepdown::plan::{self, TrustedWriters};

use crate::support::plan_inputs::*;

/// What a service differs in.
type Change = fn(&mut Service);

/// The app user is 1000:1000, and owns this file of 0644.
fn file_owner(path: &str) -> FileOwner {
    FileOwner {
        path: path.into(),
        uid: Uid(1000),
        gid: Gid(1000),
        unmapped: [false; 2],
        mode: 0o644,
        directory: false,
        has_acl: false,
        read_only: false,
    }
}

fn facts_with(path: &str, found: FileOwner) -> Facts {
    let mut facts = docker();
    facts.named.file_owners.insert(PathBuf::from(path), vec![found]);
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

fn problems_of(service: Service, facts: &Facts) -> Vec<String> {
    problems(&Config { services: shared([service]), ..config() }, facts)
}

fn root(name: &str) -> Service {
    Service { user: RunAs::Root, ..longrun(name) }
}

#[test]
fn a_root_service_in_a_file_of_the_app_users_is_refused_with_what_to_write() {
    let facts = facts_with("/etc/services.d/cron.toml", file_owner("/etc/services.d/cron.toml"));
    assert_eq!(
        problems_of(root("cron"), &facts),
        ["/etc/services.d/cron.toml: `cron` runs as root, and users other than root could have written it: \
             /etc/services.d/cron.toml is 1000:1000 0644; `COPY --chown=0:0` in the Dockerfile, or \
             `chown 0:0 /etc/services.d/cron.toml && chmod go-w /etc/services.d/cron.toml`, or remove `user = \"root\"`"]
    );
    assert!(problems_of(longrun("cron"), &facts).is_empty(), "it has no more than its writer");
}

#[test]
fn whatever_gives_a_service_more_than_the_app_user_has_counts() {
    let facts = facts_with("/etc/services.d/a.toml", file_owner("/etc/services.d"));
    let cases: [(&str, Change); 7] = [
        ("runs as postgres (999:998)", |each| each.user = RunAs::Account(user("postgres"))),
        ("has group 0, which", |each| each.user = RunAs::Ids(Uid(1000), Gid(0))),
        ("has group 44, which", |each| each.groups = Some(vec![GroupRef::Name(group("video"))])),
        ("is given NET_BIND_SERVICE", |each| each.capabilities = each.capabilities.with(Capability::NET_BIND_SERVICE)),
        ("is without no_new_privs", |each| each.no_new_privileges = false),
        ("has nice -5", |each| each.nice = Some(-5)),
        ("has oom_score_adj -5", |each| each.oom_score_adj = Some(-5)),
    ];
    for (why, change) in cases {
        let mut service = longrun("a");
        change(&mut service);
        let messages = problems_of(service, &facts);
        assert!(messages.len() == 1 && messages[0].contains(why), "{why}: {messages:?}");
    }
    let raising = vec![Limit { resource: Resource::Nofile, soft: None, hard: None }];
    assert!(problems_of(Service { limits: raising, ..longrun("a") }, &facts)[0].contains("raises a hard limit"));
    let same = Service { user: RunAs::Ids(Uid(1000), Gid(1000)), nice: Some(5), ..longrun("a") };
    assert!(problems_of(same, &facts).is_empty(), "the app user by its numbers");
}

#[test]
fn a_tree_that_many_services_share_is_reported_once() {
    let mut facts = facts_with("/etc/services.d/a.toml", file_owner("/etc/services.d"));
    facts.named.file_owners.insert("/etc/services.d/b.toml".into(), vec![file_owner("/etc/services.d")]);
    let config = Config { services: shared([root("a"), root("b")]), ..config() };
    assert_eq!(problems(&config, &facts).len(), 1);
}

#[test]
fn where_nobody_has_more_than_the_app_user_nothing_is_refused() {
    let facts = facts_with("/etc/services.d/a.toml", file_owner("/etc/services.d/a.toml"));
    let mut as_root = Config { services: shared([root("a")]), ..config() };
    as_root.container.app.env_uid = env_uid(0);
    as_root.container.app.env_gid = env_gid(0);
    as_root.container.app.allow_root = true;
    assert!(problems(&as_root, &facts).is_empty());
    let mut without = as_user(1000, 1000);
    without.named.file_owners = facts.named.file_owners;
    assert!(problems_of(root("a"), &without).is_empty(), "nobody is root here");
}

#[test]
fn variables_are_roots_or_those_of_the_services_own_user() {
    let file = |service: Service| Service { environment_file: Some("/config/a.env".into()), ..service };
    let facts = facts_with("/config/a.env", file_owner("/config"));
    let messages = problems_of(file(root("a")), &facts);
    assert!(
        messages.len() == 1 && messages[0].contains("its `environment_file` /config/a.env: /config is 1000:1000"),
        "{messages:?}"
    );
    assert!(problems_of(file(longrun("a")), &facts).is_empty());

    let postgres = FileOwner { uid: Uid(999), gid: Gid(998), ..file_owner("/var/lib/postgresql") };
    let facts = facts_with("/config/a.env", postgres);
    let db = Service { user: RunAs::Account(user("postgres")), ..longrun("a") };
    assert!(problems_of(file(db.clone()), &facts).is_empty(), "it gains nothing");
    let raised = Service { capabilities: db.capabilities.with(Capability::SYS_ADMIN), ..db };
    assert_eq!(problems_of(file(raised), &facts).len(), 1, "others of that user gain the capability");
}

#[test]
fn the_container_file_is_roots_where_root_does_what_it_says() {
    let facts = facts_with("/etc/stepdown.toml", file_owner("/etc/stepdown.toml"));
    let mut config = config();
    config.container.app.at = stepdown::error::Place::file("/etc/stepdown.toml");
    assert!(problems(&config, &facts).is_empty(), "nothing of root's is in it");
    config.container.own = vec![own("/config")];
    let messages = problems(&config, &facts);
    assert!(
        messages.len() == 1 && messages[0].starts_with("/etc/stepdown.toml: root does what `own` says"),
        "{messages:?}"
    );
    config.container.own.clear();
    config.container.drop = DropPolicy::Root;
    assert!(problems(&config, &facts)[0].contains("`drop`"));
}

#[test]
fn modes_are_judged_by_who_could_really_write() {
    let alone = TrustedWriters::Root { or: None, unpacked: None, shared_group: false };
    let roots = |mode| FileOwner { uid: Uid(0), gid: Gid(0), mode, ..file_owner("/t") };
    assert!(alone.allows(&roots(0o775)), "COPY under a umask of 002; nobody else is in group 0");
    assert!(!TrustedWriters::Root { or: None, unpacked: None, shared_group: true }.allows(&roots(0o775)));
    assert!(!alone.allows(&FileOwner { has_acl: true, ..roots(0o775) }), "an access control list");
    assert!(!alone.allows(&FileOwner { gid: Gid(1000), ..roots(0o775) }));
    assert!(!alone.allows(&roots(0o777)));
    assert!(alone.allows(&FileOwner { directory: true, ..roots(0o1777) }), "what others put there is theirs");
    let unmapped = |mode| FileOwner { uid: Uid(65534), gid: Gid(65534), unmapped: [true; 2], ..roots(mode) };
    assert!(alone.allows(&unmapped(0o775)), "nobody in this user namespace can be that user");
    assert!(!alone.allows(&unmapped(0o777)));
    assert!(!alone.allows(&roots(0o1777)), "sticky means nothing to a file");
    assert!(alone.allows(&FileOwner { read_only: true, ..roots(0o777) }), "a ConfigMap");
    assert!(!alone.allows(&FileOwner { read_only: true, ..file_owner("/t") }), "its owner writes it elsewhere");
    assert!(TrustedWriters::Anybody.allows(&file_owner("/t")));
}

/// A service whose program was found there, and whose file or directory that is.
fn executed(program: &str, found: FileOwner) -> Facts {
    let mut facts = facts_with(program, found);
    facts.named.programs.insert("hook".to_owned(), ProgramFact::Found(program.into()));
    facts
}

#[test]
fn a_program_that_others_could_have_written_is_refused_wherever_it_lies_unless_the_author_answers_for_it() {
    let facts = executed("/data/hook.sh", FileOwner { directory: true, mode: 0o755, ..file_owner("/data") });
    assert_eq!(
        problems_of(root("hook"), &facts),
        ["/etc/services.d/hook.toml: `hook` runs as root, and users other than root could have written its program \
          /data/hook.sh: /data is 1000:1000 0755; move it to where only root can write, such as /usr/local/bin, or remove \
          `user = \"root\"`; if everyone who can write /data may have what `hook` has, write `trust = [\"/data\"]` into \
          /etc/stepdown.toml"]
    );
    assert!(problems_of(longrun("hook"), &facts).is_empty(), "it is the app user");
    let vouched = |place: &str| {
        let mut config = Config { services: shared([root("hook")]), ..config() };
        config.container.trust = vec![place.into()];
        problems(&config, &facts)
    };
    assert!(vouched("/data").is_empty());
    assert_eq!(vouched("/opt").len(), 1);

    let file = executed("/data/hook.sh", file_owner("/data/hook.sh"));
    let messages = problems_of(root("hook"), &file);
    assert!(messages[0].contains("`COPY --chown=0:0` in the Dockerfile, or `chown 0:0 /data/hook.sh"), "{messages:?}");
}

#[test]
fn what_a_program_needs_and_what_runs_beside_it_is_executed_too() {
    let mut facts = facts_with("/data/python", file_owner("/data/python"));
    facts.named.programs.insert("hook".to_owned(), ProgramFact::Found("/usr/bin/hook".into()));
    assert!(problems_of(root("hook"), &facts).is_empty());
    facts.named.interpreters.insert("/usr/bin/hook".into(), vec!["/data/python".into()]);
    let messages = problems_of(root("hook"), &facts);
    assert!(messages[0].contains("could have written /data/python, which /usr/bin/hook needs"), "{messages:?}");

    let mut facts = facts_with("/data/finish", file_owner("/data/finish"));
    facts.named.programs.insert("hook".to_owned(), ProgramFact::Found("/usr/bin/hook".into()));
    let finish = ("finish", ProgramFact::Found("/data/finish".into()));
    facts.named.auxiliary_programs.insert("hook".to_owned(), [finish].into());
    let command = Command::Argv(vec!["/data/finish".into()]);
    let service = Service { finish: Some(Box::new(Finish { command, timeout: None })), ..root("hook") };
    let messages = problems_of(service, &facts);
    assert!(messages[0].contains("could have written its `finish` /data/finish"), "{messages:?}");
}

#[test]
fn a_program_in_a_place_that_the_boot_gives_to_the_app_is_as_good_as_the_apps() {
    let mut facts = docker();
    path(&mut facts, "/data", dir(0, 0, 0o755));
    facts.named.programs.insert("hook".to_owned(), ProgramFact::Found("/data/bin/hook".into()));
    let mut config = Config { services: shared([root("hook")]), ..config() };
    assert!(problems(&config, &facts).is_empty());
    config.container.own = vec![own("/data")];
    let messages = problems(&config, &facts);
    assert!(
        messages.len() == 1 && messages[0].contains("/data/bin/hook: `own` gives /data away; move it"),
        "{messages:?}"
    );
    config.container.own[0].options.exclude = vec!["bin".into()];
    assert!(problems(&config, &facts).is_empty());
    config.container.own = vec![Own { user: Some(UserRef::Id(Uid(0))), ..own("/data") }];
    assert!(problems(&config, &facts).is_empty());
    config.container.own.clear();
    config.container.directories = vec![directory("/data/bin")];
    assert_eq!(problems(&config, &facts).len(), 1);
}

/// The container's PATH begins with a directory of the app user's, and one in which everybody may put something.
fn open_path() -> Facts {
    let mut facts = docker();
    let entry = |path: &str, found| PathEntry { path: path.into(), file_owners: vec![found], end: path.into() };
    let mine = entry("/data/bin", FileOwner { directory: true, mode: 0o755, ..file_owner("/data/bin") });
    let sticky = FileOwner { uid: Uid(0), gid: Gid(0), directory: true, mode: 0o1777, ..file_owner("/tmp") };
    facts.named.search.container.insert(0, mine);
    facts.named.search.container.insert(1, entry("/tmp", sticky));
    facts.named.search.container.push(PathEntry { path: "bin".into(), file_owners: Vec::new(), end: "bin".into() });
    facts
}

const CLOSED: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn inherited(config: &Config, facts: &Facts) -> (Inherited, Vec<String>) {
    let plan = plan::boot(config, facts).unwrap();
    (plan.services[0].inherited.clone(), noted(&plan))
}

#[test]
fn what_has_more_privilege_than_the_app_user_searches_only_directories_of_root_and_that_is_reported() {
    let facts = open_path();
    let mut config = Config { services: shared([root("hook")]), ..config() };
    let (path, notices) = inherited(&config, &facts);
    assert_eq!(path, Inherited::Safe { path: CLOSED.into() });
    assert_eq!(
        notices[0],
        "`hook` has more rights than the app user: PATH is without /data/bin (users other than root decide what is found \
         there: /data/bin is 1000:1000 0755); if everyone who can write there may have the same, write `trust = \
         [\"/data/bin\"]` into /etc/stepdown.toml"
    );
    assert!(
        notices[1].contains("/tmp (users other than root decide what is found there: /tmp is 0:0 1777)"),
        "{notices:?}"
    );
    assert!(notices[2].contains("bin (relative to wherever a program stands)"), "{notices:?}");
    config.container.trust = vec!["/data/bin".into()];
    assert_eq!(inherited(&config, &facts).0, Inherited::Safe { path: format!("/data/bin:{CLOSED}").into() });

    config.container.trust.clear();
    config.services = shared([longrun("hook")]);
    assert_eq!(inherited(&config, &facts), (Inherited::All, Vec::new()));
    config.services = shared([Service { environment: [("PATH".into(), "/x".into())].into(), ..root("hook") }]);
    assert_eq!(inherited(&config, &facts).1, Vec::<String>::new(), "its own file says where to look");
}

#[test]
fn a_directory_of_a_declared_path_is_judged_by_what_may_be_placed_there_later() {
    let mut facts = open_path();
    let service =
        |each: Service| Service { environment: [("PATH".into(), "/usr/bin:/data/bin".into())].into(), ..each };
    let declared = [facts.named.search.default[3].clone(), facts.named.search.container[0].clone()];
    facts.named.search.declared.insert("hook".to_owned(), declared.to_vec());
    assert_eq!(
        problems_of(service(root("hook")), &facts),
        [
            "/etc/services.d/hook.toml: `hook` runs as root, and programs are searched in the PATH of its file: /data/bin (users \
          other than root decide what is found there: /data/bin is 1000:1000 0755); take it out of PATH, or remove \
          `user = \"root\"`; if everyone who can write there may have the same, write `trust = [\"/data/bin\"]` into \
          /etc/stepdown.toml"
        ]
    );
    assert!(problems_of(service(longrun("hook")), &facts).is_empty());
    let mut config = Config { services: shared([service(root("hook"))]), ..config() };
    config.container.trust = vec!["/data/bin".into()];
    assert!(problems(&config, &facts).is_empty());
    // A directory that only root can write, and that the boot gives away.
    config.container.trust.clear();
    facts.named.search.declared.insert("hook".to_owned(), vec![facts.named.search.default[3].clone()]);
    config.container.own = vec![own("/usr/bin")];
    assert!(problems(&config, &facts)[0].contains("`own` gives /usr/bin away"), "{:?}", problems(&config, &facts));
}

#[test]
fn a_program_is_the_one_that_is_found_in_what_is_left_of_path() {
    let mut facts = open_path();
    let found = |path: &str| ProgramFact::Found(path.into());
    facts.named.programs.insert("hook".to_owned(), found("/data/bin/mkdir"));
    let all = vec![(0, found("/data/bin/mkdir")), (5, found("/usr/bin/mkdir"))];
    facts.named.candidates.insert("hook".to_owned(), [("", all)].into());
    facts.named.file_owners.insert("/data/bin/mkdir".into(), vec![file_owner("/data/bin/mkdir")]);
    let service = |each: Service| Service { command: Command::Argv(vec!["mkdir".into(), "/run/x".into()]), ..each };
    let program = |each: Service| {
        let config = Config { services: shared([service(each)]), ..config() };
        plan::boot(&config, &facts).unwrap().services[0].program.clone()
    };
    assert_eq!(program(root("hook")), PathBuf::from("/usr/bin/mkdir"));
    assert_eq!(program(longrun("hook")), PathBuf::from("/data/bin/mkdir"));

    facts.named.candidates.insert("hook".to_owned(), [("", vec![(0, found("/data/bin/mkdir"))])].into());
    let messages = problems_of(service(root("hook")), &facts);
    assert!(messages.len() == 1 && messages[0].contains("cannot find the program `mkdir` in PATH"), "{messages:?}");
}

#[test]
fn variables_that_name_code_are_not_passed_on_and_reported_once_unless_the_file_declares_them() {
    let mut facts = docker();
    facts.variables = vec!["BASH_ENV".to_owned(), "LD_PRELOAD".to_owned()];
    let config = |services: Vec<Service>| Config { services: shared(services), ..config() };
    let (_, notices) = inherited(&config(vec![root("a"), root("b"), longrun("c")]), &facts);
    assert_eq!(
        notices,
        ["`a` and `b` have more rights than the app user: what can name code to run is not passed on from the \
             container's environment (BASH_ENV, LD_PRELOAD); what is needed goes into the service's file: `environment = \
             { BASH_ENV = \"…\" }`"]
    );
    let declared = Service { environment: [("BASH_ENV".into(), "/etc/x".into())].into(), ..root("a") };
    let (_, notices) = inherited(&config(vec![declared]), &facts);
    assert!(notices[0].contains("environment (LD_PRELOAD);"), "{notices:?}");
    let cleared = Service { clear_environment: true, ..root("a") };
    assert!(inherited(&config(vec![cleared]), &facts).1.is_empty());
}

/// dsmr-reader has PYTHONPATH in its image and `S6_KEEP_ENV=1`: its services would not find their modules.
#[test]
fn a_service_of_s6_overlay_gets_variables_that_name_code_and_is_named() {
    let facts = Facts { variables: vec!["PYTHONPATH".to_owned()], ..docker() };
    let of_s6 = |keep_env| {
        let service = Service { s6: Some(S6Origin::Script), ..root("a") };
        let s6 = Some(S6Overlay { keep_env, ..S6Overlay::default() });
        inherited(&Config { services: shared([service]), s6, ..config() }, &facts).1
    };
    let told = "`a` has more rights than the app user, and PYTHONPATH of the container's environment, as under \
                s6-overlay: the app user must not be able to write what is named there";
    assert!(of_s6(true).iter().any(|notice| notice == told), "{:?}", of_s6(true));
    assert!(!of_s6(false).iter().any(|notice| notice.contains("PYTHONPATH")), "{:?}", of_s6(false));
}

/// An image whose Dockerfile has `chown -R app /etc/services.d`.
#[test]
fn with_drop_app_a_script_of_s6_overlay_may_be_the_app_users() {
    let facts = facts_with("/etc/services.d/web", file_owner("/etc/services.d/web/run"));
    let at = || stepdown::error::Place::file("/etc/services.d/web/run");
    let of = |drop, service: Service| {
        let s6 = Some(S6Overlay::default());
        let mut config = Config { services: shared([Service { at: at(), ..service }]), s6, ..config() };
        config.container.drop = drop;
        problems(&config, &facts)
    };
    let origin = || Some(S6Origin::Legacy("/etc/services.d/web".into()));
    let legacy = |user| Service { user, no_new_privileges: false, s6: origin(), ..longrun("web") };
    assert_eq!(of(DropPolicy::App, legacy(RunAs::App)), [""; 0]);
    assert_eq!(of(DropPolicy::Auto, legacy(RunAs::Root)).len(), 1);
    // Of its own it has more than the app user.
    let more = Service { nice: Some(-5), ..legacy(RunAs::App) };
    let found = of(DropPolicy::App, more);
    assert!(found.iter().any(|problem| problem.contains("could have written it")), "{found:?}");
    // A service of ours has asked for it, and the others have not.
    let ours = Service { s6: None, ..legacy(RunAs::App) };
    assert!(of(DropPolicy::App, ours)[0].contains("is without no_new_privs"));
}

/// A compromised `web` would have its own script started without no_new_privs.
#[test]
fn with_drop_app_a_script_of_s6_overlay_may_not_be_the_users_of_what_has_no_new_privs() {
    let facts = facts_with("/etc/services.d/svc", file_owner("/etc/services.d/svc/run"));
    let origin = || Some(S6Origin::Legacy("/etc/services.d/svc".into()));
    let at = stepdown::error::Place::file("/etc/services.d/svc/run");
    let svc = Service { at, no_new_privileges: false, s6: origin(), ..longrun("svc") };
    let image = |beside: Option<Service>, main: &[&str]| {
        let services = shared([svc.clone()].into_iter().chain(beside));
        let main = main.iter().map(Into::into).collect();
        let mut config = Config { services, main, s6: Some(S6Overlay::default()), ..config() };
        config.container.drop = DropPolicy::App;
        config
    };
    let web = || longrun("web");
    let of_s6 = Service { no_new_privileges: false, s6: origin(), ..web() };
    let without = Service { no_new_privileges: false, ..web() };
    let nothing = Service { command: Command::Nothing, s6: origin(), ..web() };
    for beside in [None, Some(of_s6), Some(without), Some(nothing)] {
        let config = image(beside, &[]);
        assert_eq!(problems(&config, &facts), [""; 0]);
        assert!(plan::held_back(&config, &facts).is_empty());
        assert!(plan::boot(&config, &docker()).unwrap().with_more_than_another(&config).is_empty());
    }
    let native = "write `no_new_privileges = false` for `web`";
    for (beside, main, fix) in [
        (Some(web()), &[][..], native),
        (None, &["/bin/true"], "remove the main command"),
        (Some(web()), &["/bin/true"], &format!("remove the main command and {native}")),
    ] {
        let config = image(beside, main);
        let found = problems(&config, &facts);
        assert!(found.len() == 1 && found[0].contains("is without no_new_privs"), "{found:?}");
        assert!(found[0].ends_with(&format!(", or {fix}")), "{found:?}");
        let held_back: Vec<_> = plan::held_back(&config, &facts).into_keys().map(|name| name.to_string()).collect();
        assert_eq!(held_back, ["svc"]);
        // Where nobody knows who could have written it by now.
        let unknown = plan::boot(&config, &docker()).unwrap().with_more_than_another(&config);
        assert_eq!(unknown.iter().map(ServiceName::as_str).collect::<Vec<_>>(), ["svc"]);
    }
}

#[test]
fn who_unpacked_the_root_directory_stands_for_root_unless_something_runs_as_that_user() {
    let found = FileOwner { uid: Uid(4321), gid: Gid(4321), directory: true, mode: 0o755, ..file_owner("/") };
    let facts = |app: u32| {
        let mut facts = executed("/usr/bin/hook", found.clone());
        facts.root_owner = Uid(4321);
        let mut config = Config { services: shared([root("hook")]), ..config() };
        config.container.app.env_uid = env_uid(app);
        problems(&config, &facts)
    };
    assert!(facts(1000).is_empty());
    assert_eq!(facts(4321).len(), 1, "the app user could replace anything");
}

#[test]
fn the_interpreter_that_env_finds_is_judged_and_looked_for_in_what_is_left_of_path() {
    let found = |path: &str| ProgramFact::Found(path.into());
    let facts = |all: &[(usize, &str)]| {
        let mut facts = open_path();
        facts.named.programs.insert("hook".to_owned(), found("/opt/hook"));
        facts.named.interpreters.insert("/opt/hook".into(), vec!["/usr/bin/env".into()]);
        facts.named.interpreters.insert("/usr/bin/python3".into(), vec!["/lib/ld.so".into()]);
        let all = all.iter().map(|(index, path)| (*index, found(path))).collect();
        let lookup = EnvLookup { name: "python3".into(), found: all };
        facts.named.by_env.insert("hook".to_owned(), [(PathBuf::from("/opt/hook"), lookup)].into());
        facts
    };
    let both = [(0, "/data/bin/python3"), (5, "/usr/bin/python3")];
    assert!(
        problems_of(root("hook"), &facts(&both)).is_empty(),
        "the first one is in a directory that is not searched"
    );
    let mut others = facts(&both);
    others.named.file_owners.insert("/usr/bin/python3".into(), vec![file_owner("/usr/bin/python3")]);
    let messages = problems_of(root("hook"), &others);
    assert!(
        messages.len() == 1 && messages[0].contains("have written /usr/bin/python3, which /opt/hook needs"),
        "{messages:?}"
    );
    let mut others = facts(&both);
    others.named.file_owners.insert("/lib/ld.so".into(), vec![file_owner("/lib/ld.so")]);
    assert!(problems_of(root("hook"), &others)[0].contains("have written /lib/ld.so, which /usr/bin/python3 needs"));

    let lost = facts(&[(0, "/data/bin/python3")]);
    assert_eq!(
        problems_of(root("hook"), &lost),
        [
            "/etc/services.d/hook.toml: `hook` runs as root, and env(1) finds no `python3` for /opt/hook in what is left of \
          PATH; write the path of the interpreter into /opt/hook, such as `#!/usr/bin/python3`"
        ]
    );
    assert!(problems_of(longrun("hook"), &lost).is_empty(), "the app user has the whole PATH");
    let declares = Service { environment: [("PATH".into(), "/data/bin".into())].into(), ..root("hook") };
    assert!(problems_of(declares.clone(), &lost).is_empty(), "its own file says where to look");

    // One that cannot be executed as it is: whoever may change it can make it a program.
    let mut others = facts(&[]);
    let closed = vec![(0, ProgramFact::NotExecutable("/data/bin/python3".into()))];
    let lookup = EnvLookup { name: "python3".into(), found: closed };
    others.named.by_env.insert("hook".to_owned(), [(PathBuf::from("/opt/hook"), lookup)].into());
    others.named.file_owners.insert("/data/bin/python3".into(), vec![file_owner("/data/bin/python3")]);
    let messages = problems_of(declares.clone(), &others);
    assert!(
        messages.len() == 1 && messages[0].contains("have written /data/bin/python3, which /opt/hook needs"),
        "{messages:?}"
    );

    // What one command is told to run is warned of only; as the interpreter of another one it is refused.
    let mut others = facts(&[(0, "/data/bin/python3")]);
    others.named.programs.insert("hook".to_owned(), found("/usr/bin/env"));
    others.named.auxiliary_programs.insert("hook".to_owned(), [("finish", found("/opt/hook"))].into());
    others.named.file_owners.insert("/data/bin/python3".into(), vec![file_owner("/data/bin/python3")]);
    let finish = Finish { command: Command::Argv(vec!["/opt/hook".into()]), timeout: None };
    let command = Command::Argv(vec!["/usr/bin/env".into(), "/data/bin/python3".into()]);
    let messages = problems_of(Service { command, finish: Some(Box::new(finish)), ..declares }, &others);
    assert!(
        messages.len() == 1 && messages[0].contains("have written /data/bin/python3, which /opt/hook needs"),
        "{messages:?}"
    );
}
