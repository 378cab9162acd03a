//! What PID 1 keeps and how services run (DESIGN §3.4).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use stepdown::config::Config;
use stepdown::config::container::*;
use stepdown::config::probe::*;
use stepdown::config::s6_overlay::{S6Origin, S6Overlay};
use stepdown::config::service::*;
use stepdown::config::values::*;
use stepdown::plan::facts::*;
use stepdown::plan::{self, BootPlan, DropLevel, ServicePlan};

use crate::support::plan_inputs::*;

fn config_with(services: Vec<Service>) -> Config {
    Config { services: shared(services), ..config() }
}

fn boot(services: Vec<Service>) -> BootPlan {
    plan::boot(&config_with(services), &docker()).unwrap()
}

fn caps(all: &[Capability]) -> CapSet {
    all.iter().copied().collect()
}

fn service<'a>(plan: &'a BootPlan, name: &str) -> &'a ServicePlan {
    plan.services.iter().find(|each| each.name.as_str() == name).unwrap()
}

fn prepared(plan: &BootPlan) -> Vec<&str> {
    plan.prepare.iter().map(ServiceName::as_str).collect()
}

#[test]
fn the_normal_case_keeps_nothing() {
    let plan = boot(vec![longrun("web")]);
    let privilege = &plan.privilege;
    assert_eq!((privilege.drop, privilege.kept, privilege.no_new_privs), (DropLevel::ToApp, CapSet::EMPTY, true));
    assert!(privilege.reasons.is_empty());
    assert_eq!(service(&plan, "web").credentials.groups, None, "PID 1's own");
}

#[test]
fn a_capability_goes_to_its_service_alone() {
    let plan =
        boot(vec![Service { capabilities: caps(&[Capability::NET_BIND_SERVICE]), ..longrun("web") }, longrun("job")]);
    assert_eq!(plan.privilege.kept, caps(&[Capability::NET_BIND_SERVICE]));
    assert_eq!(service(&plan, "web").credentials.ambient, caps(&[Capability::NET_BIND_SERVICE]));
    assert_eq!(service(&plan, "job").credentials.ambient, CapSet::EMPTY);
}

#[test]
fn what_holds_for_all_services_of_an_image_made_for_s6_overlay_is_said_once() {
    let of_image = |name: &str| Service {
        user: RunAs::Root,
        no_new_privileges: false,
        s6: Some(S6Origin::Script),
        ..longrun(name)
    };
    let plan = boot(vec![of_image("a"), of_image("b")]);
    assert_eq!(plan.privilege.drop, DropLevel::StayRoot);
    assert_eq!(
        plan.privilege.reasons,
        [
            "this image was made for s6-overlay and runs as root, unless `drop = \"app\"`: a, b",
            "what was made for s6-overlay has no_new_privs off, for setuid programs such as sudo: PID 1 has it off too, every other \
             process on",
        ]
    );
    let plan = plan::boot(&config_with(vec![of_image("a"), of_image("b")]), &as_user(1000, 1000)).unwrap();
    let messages = noted(&plan).iter().filter(|text| text.contains("cannot change user")).count();
    assert_eq!(messages, 1, "{:?}", noted(&plan));
}

#[test]
fn a_capability_that_was_not_granted_is_reported_with_its_fix() {
    let plan = boot(vec![Service { capabilities: caps(&[Capability::SYS_ADMIN]), ..longrun("web") }]);
    assert_eq!((plan.privilege.kept, service(&plan, "web").credentials.ambient), (CapSet::EMPTY, CapSet::EMPTY));
    assert!(noted(&plan)[0].contains("cap_add: [SYS_ADMIN]"), "{:?}", noted(&plan));
    assert!(plan.privilege.reasons.is_empty(), "nothing is kept for it");
}

#[test]
fn a_root_without_power_says_what_its_services_run_without() {
    let mut config =
        config_with(vec![Service { capabilities: caps(&[Capability::NET_BIND_SERVICE]), ..longrun("web") }]);
    config.container.without_drop = OnMissingPrivilege::Run;
    let facts = Facts { effective: CapSet::EMPTY, permitted: CapSet::EMPTY, ..docker() };
    let plan = plan::boot(&config, &facts).unwrap();
    let messages = |notice: &String| notice.starts_with("`web` runs without NET_BIND_SERVICE");
    assert!(noted(&plan).iter().any(messages), "{:?}", noted(&plan));
}

#[test]
fn a_port_that_anybody_may_bind_needs_no_capability() {
    let config = config_with(vec![Service { capabilities: caps(&[Capability::NET_BIND_SERVICE]), ..longrun("web") }]);
    let messages = |first| {
        let facts = Facts { unprivileged_port_start: first, ..as_user(999, 998) };
        let plan = plan::boot(&config, &facts).unwrap();
        noted(&plan).iter().any(|notice| notice.contains("NET_BIND_SERVICE"))
    };
    assert!(messages(None) && messages(Some(1024)));
    // `--sysctl net.ipv4.ip_unprivileged_port_start=0`, which is the fix that `doctor` prints.
    assert!(!messages(Some(0)));
}

#[test]
fn a_limit_that_cannot_be_raised_names_its_key_and_the_flag() {
    let limit = Limit { resource: Resource::Nofile, soft: Some(2_000_000), hard: Some(2_000_000) };
    let config = config_with(vec![Service { limits: vec![limit], ..longrun("web") }]);
    let mut facts = docker();
    facts.hard_limits.insert(Resource::Nofile, Some(1024));
    let plan = plan::boot(&config, &facts).unwrap();
    let messages = noted(&plan).into_iter().find(|notice| notice.contains("SYS_RESOURCE")).expect("it is said");
    assert!(
        messages.starts_with("`web`: nofile: 2000000 is above the hard limit 1024")
            && messages.contains("--ulimit nofile=2000000:2000000"),
        "{messages}"
    );
    // Pasted, nothing is left to say.
    facts.hard_limits.insert(Resource::Nofile, Some(2_000_000));
    let plan = plan::boot(&config, &facts).unwrap();
    assert!(!noted(&plan).iter().any(|notice| notice.contains("SYS_RESOURCE")), "{:?}", noted(&plan));
}

#[test]
fn a_root_oneshot_gets_a_notice_where_root_cannot_write_what_belongs_to_the_app() {
    let seed = Service { user: RunAs::Root, ..oneshot("seed") };
    let messages = |config: &Config, facts: &Facts| {
        let plan = plan::boot(config, facts).unwrap();
        let about = |notice: &String| notice.contains("it runs as root and cannot write what is the app's");
        noted(&plan).into_iter().find(about)
    };
    let mut config = config_with(vec![seed, longrun("web")]);
    let facts = without(docker(), &[Capability::DAC_OVERRIDE]);
    assert_eq!(messages(&config, &facts), None, "nothing is declared to be the app's");
    config.container.directories = vec![directory("/run/web")];
    assert!(messages(&config, &facts).unwrap().contains("cap_add: [DAC_OVERRIDE]"));
    assert_eq!(messages(&config, &docker()), None);
    assert_eq!(messages(&config, &as_user(999, 998)), None, "there it is not root");
}

#[test]
fn another_user_costs_as_much_as_root_and_says_so() {
    let plan = boot(vec![Service { user: RunAs::Account(user("postgres")), ..longrun("db") }]);
    assert_eq!(plan.privilege.kept, caps(&[Capability::SETUID, Capability::SETGID, Capability::KILL]));
    assert!(plan.privilege.reasons[0].contains("as good as root"));
    let db = service(&plan, "db");
    assert_eq!((db.credentials.uid, db.credentials.gid), (Uid(999), Gid(998)));
    assert_eq!(db.credentials.groups.as_deref(), Some(&[Gid(101), Gid(998)][..]), "memberships and the primary group");
    assert_eq!((db.login.home.to_str(), db.login.user.as_str()), (Some("/var/lib/postgresql"), "postgres"));
}

#[test]
fn numbers_have_their_gid_for_groups_and_the_apps_own_cost_nothing() {
    let plan = boot(vec![Service { user: RunAs::Ids(Uid(5), Gid(6)), ..longrun("n") }]);
    assert_eq!(service(&plan, "n").credentials.groups.as_deref(), Some(&[Gid(6)][..]));
    let plan = boot(vec![Service { user: RunAs::Ids(Uid(1000), Gid(1000)), ..longrun("n") }]);
    assert_eq!(plan.privilege.kept, CapSet::EMPTY);
    let plan = boot(vec![Service { user: RunAs::Account(user("app")), ..longrun("n") }]);
    assert_eq!(plan.privilege.kept, CapSet::EMPTY);
}

#[test]
fn groups_of_its_own_need_setgid_alone() {
    let groups = Some(vec![GroupRef::Name(group("video"))]);
    let plan = boot(vec![Service { groups, ..longrun("tv") }]);
    assert_eq!(plan.privilege.kept, caps(&[Capability::SETGID]));
    assert_eq!(service(&plan, "tv").credentials.groups.as_deref(), Some(&[Gid(44), Gid(1000)][..]));
}

#[test]
fn priority_limits_and_oom_score_count_only_where_they_need_privilege() {
    let mut facts = docker();
    facts.permitted = facts.permitted.with(Capability::SYS_NICE).with(Capability::SYS_RESOURCE);
    facts.effective = facts.permitted;
    let kept = |change: fn(&mut Service)| {
        let mut service = longrun("a");
        change(&mut service);
        plan::boot(&config_with(vec![service]), &facts).unwrap().privilege.kept
    };
    let hard = |hard| vec![Limit { resource: Resource::Nofile, soft: Some(1), hard }];
    assert_eq!(kept(|each| each.nice = Some(5)), CapSet::EMPTY);
    assert_eq!(kept(|each| each.nice = Some(-5)), caps(&[Capability::SYS_NICE]));
    assert_eq!(kept(|each| each.oom_score_adj = Some(500)), CapSet::EMPTY);
    assert_eq!(kept(|each| each.oom_score_adj = Some(-500)), caps(&[Capability::SYS_RESOURCE]));
    let service = |limits| Service { limits, ..longrun("a") };
    let kept = |limits| plan::boot(&config_with(vec![service(limits)]), &facts).unwrap().privilege.kept;
    assert_eq!(kept(hard(Some(1_048_576))), CapSet::EMPTY);
    assert_eq!(kept(hard(Some(1_048_577))), caps(&[Capability::SYS_RESOURCE]));
    assert_eq!(kept(hard(None)), caps(&[Capability::SYS_RESOURCE]));
    let unknown = vec![Limit { resource: Resource::Core, soft: None, hard: None }];
    assert_eq!(kept(unknown), CapSet::EMPTY, "what is not known is not judged");
}

#[test]
fn who_opts_out_of_no_new_privs_leaves_it_to_the_others() {
    let plan = boot(vec![Service { no_new_privileges: false, ..longrun("sudo") }, longrun("web")]);
    assert!(!plan.privilege.no_new_privs);
    assert!(!service(&plan, "sudo").credentials.no_new_privs && service(&plan, "web").credentials.no_new_privs);
    let facts = Facts { no_new_privs: true, ..docker() };
    let config = config_with(vec![Service { no_new_privileges: false, ..longrun("sudo") }]);
    assert!(noted(&plan::boot(&config, &facts).unwrap())[0].contains("has no effect"));
}

#[test]
fn a_root_longrun_keeps_pid_1_root_and_everybody_else_drops() {
    let plan = boot(vec![Service { user: RunAs::Root, ..longrun("cron") }, longrun("web")]);
    assert_eq!((plan.privilege.drop, plan.privilege.kept), (DropLevel::StayRoot, DOCKER));
    assert_eq!(plan.privilege.private_gid, None);
    assert_eq!(plan.privilege.reasons, ["`cron` runs as root for good"]);
    assert_eq!(service(&plan, "web").credentials.groups.as_deref(), Some(&[Gid(1000)][..]), "not those of root");
    assert_eq!(service(&plan, "web").credentials.ambient, CapSet::EMPTY);
    assert_eq!(service(&plan, "cron").credentials.ambient, DOCKER);
}

#[test]
fn prepare_is_the_root_oneshots_and_what_they_wait_for() {
    let plan = boot(vec![
        Service { requires: names(&["second"]), user: RunAs::Root, ..oneshot("third") },
        Service { requires: names(&["first"]), ..oneshot("second") },
        oneshot("first"),
        oneshot("unrelated"),
        Service { requires: names(&["third"]), ..longrun("web") },
    ]);
    assert_eq!(prepared(&plan), ["first", "second", "third"]);
    assert_eq!(plan.privilege.drop, DropLevel::ToApp);
    let groups = |name| service(&plan, name).credentials.groups.clone();
    assert_eq!(groups("first"), Some(vec![Gid(1000)]), "before the drop, PID 1's groups are root's");
    assert_eq!((groups("third"), groups("unrelated")), (None, None));
}

#[test]
fn scripts_of_cont_init_run_before_the_rest_if_all_of_it_waits_for_them() {
    let of = |origin, service| Service { user: RunAs::Root, no_new_privileges: false, s6: Some(origin), ..service };
    let script = |name: &str| of(S6Origin::InitScript, oneshot(name));
    let second = || Service { after: names(&["first"]), ..script("second") };
    let web = |after: &[&str]| {
        of(S6Origin::Legacy("/etc/services.d/web".into()), Service { after: names(after), ..longrun("web") })
    };
    let at_the_end = of(S6Origin::Script, Service { command: Command::Nothing, ..oneshot("bye") });
    let prepared_of = |services: Vec<Service>| {
        let config = Config { services: shared(services), s6: Some(S6Overlay::default()), ..config() };
        prepared(&plan::boot(&config, &docker()).unwrap()).join(" ")
    };
    assert_eq!(prepared_of(vec![web(&["second"]), second(), script("first"), at_the_end]), "first second");
    let beside = of(S6Origin::Longrun("/etc/s6-overlay/s6-rc.d/db".into()), longrun("db"));
    assert_eq!(prepared_of(vec![web(&["second"]), second(), script("first"), beside]), "", "a script may wait for db");
    assert_eq!(prepared_of(vec![web(&["first"]), second(), script("first")]), "");
    assert_eq!(prepared_of(vec![web(&[])]), "");
}

#[test]
fn capabilities_of_prepare_end_with_it() {
    let service = Service { capabilities: caps(&[Capability::NET_BIND_SERVICE]), ..oneshot("a") };
    let plan = boot(vec![service, Service { requires: names(&["a"]), user: RunAs::Root, ..oneshot("b") }]);
    assert_eq!(plan.privilege.kept, CapSet::EMPTY);
    assert_eq!(plan.services[0].credentials.ambient, caps(&[Capability::NET_BIND_SERVICE]));
}

#[test]
fn a_root_oneshot_that_waits_for_a_longrun_keeps_pid_1_root() {
    for wait in ["requires", "after"] {
        let mut late = Service { user: RunAs::Root, ..oneshot("late") };
        let list = if wait == "requires" { &mut late.requires } else { &mut late.after };
        *list = names(&["between"]);
        let between = Service { requires: names(&["db"]), ..oneshot("between") };
        let plan = boot(vec![late, between, longrun("db")]);
        assert_eq!((plan.privilege.drop, prepared(&plan)), (DropLevel::StayRoot, vec![]));
        assert_eq!(plan.privilege.reasons, ["`late` runs as root after the drop: it waits for `db`, a longrun"]);
    }
    let plan = boot(vec![Service { user: RunAs::Root, enabled: false, ..oneshot("by-hand") }]);
    assert_eq!(plan.privilege.drop, DropLevel::StayRoot);
}

#[test]
fn a_root_oneshot_that_needs_root_again_keeps_pid_1_root() {
    let root = |name: &str| Service { user: RunAs::Root, ..oneshot(name) };
    let undo = Some(Box::new(Command::Argv(vec!["/bin/undo".into()])));
    for (again, why) in [
        (Service { every: Some(Duration::from_secs(60)), ..root("x") }, "it runs again and again (`every`)"),
        (Service { stop_command: undo, ..root("x") }, "its `stop_command` does"),
    ] {
        let plan = boot(vec![again.clone(), Service { requires: names(&["x"]), ..root("y") }, root("z")]);
        assert_eq!((plan.privilege.drop, prepared(&plan)), (DropLevel::StayRoot, vec!["z"]));
        let reasons = [
            format!("`x` runs as root after the drop: {why}"),
            "`y` runs as root after the drop: it waits for `x`, which runs after the drop".to_owned(),
        ];
        assert_eq!(plan.privilege.reasons, reasons);
        let plan = boot(vec![Service { user: RunAs::App, ..again }]);
        assert_eq!(plan.privilege.drop, DropLevel::ToApp);
    }
}

#[test]
fn drop_app_insists() {
    let mut config = config_with(vec![
        Service { user: RunAs::Root, ..longrun("cron") },
        Service { capabilities: caps(&[Capability::SYS_ADMIN]), ..longrun("web") },
        Service { user: RunAs::Root, ..oneshot("prepare") },
    ]);
    config.container.drop = DropPolicy::App;
    let error = plan::boot(&config, &docker()).unwrap_err();
    assert_eq!(error.exit_code(), 100);
    let text = error.to_string();
    assert!(text.contains("2 problems") && text.contains("/etc/services.d/cron.toml: `cron` runs as root"), "{text}");
    assert!(text.contains("/etc/services.d/web.toml: `web` is given SYS_ADMIN"), "{text}");
    assert!(plan::boot(&config, &as_user(999, 998)).is_ok(), "without root there is nothing to insist on");
}

#[test]
fn drop_root_never_drops_pid_1() {
    let mut config = config_with(vec![longrun("web")]);
    config.container.drop = DropPolicy::Root;
    let plan = plan::boot(&config, &docker()).unwrap();
    assert_eq!((plan.privilege.drop, service(&plan, "web").credentials.uid), (DropLevel::StayRoot, Uid(1000)));
}

#[test]
fn without_kill_nothing_is_missing_where_setuid_is_granted() {
    let facts = without(docker(), &[Capability::KILL]);
    let mut config = config_with(vec![longrun("web")]);
    config.container.drop = DropPolicy::Root;
    assert_eq!(noted(&plan::boot(&config, &facts).unwrap()), [""; 0]);
    let other = Service { user: RunAs::Ids(Uid(1001), Gid(1001)), ..longrun("other") };
    let plan = plan::boot(&config_with(vec![longrun("web"), other]), &facts).unwrap();
    assert_eq!(noted(&plan), [""; 0]);
    assert_eq!(plan.privilege.kept, CapSet::from_iter([Capability::SETUID, Capability::SETGID]));
}

#[test]
fn the_private_gid_is_stable_mapped_and_nobodys() {
    let gid = |facts: &Facts| plan::boot(&config(), facts).unwrap().privilege.private_gid;
    assert_eq!(gid(&docker()), Some(Gid(4_294_967_293)));
    assert_eq!(gid(&rootless()), Some(Gid(65_536)));
    let map = |count| IdMap(vec![IdRange { inside: 0, outside: 100_000, count }]);
    let mut facts = Facts { uid_map: map(65_536), gid_map: map(65_536), ..docker() };
    assert_eq!(gid(&facts), Some(Gid(65_533)), "65534 and 65535 look like something else");
    account(&mut facts, AccountFile::Group, "taken:x:65533:\n");
    facts.groups = vec![Gid(65_532)];
    assert_eq!(gid(&facts), Some(Gid(65_531)));
    let only =
        IdMap(vec![IdRange { inside: 0, outside: 5, count: 1 }, IdRange { inside: 1000, outside: 1000, count: 1 }]);
    assert_eq!(gid(&Facts { gid_map: only, ..docker() }), None, "no third gid is mapped");
    assert_eq!(gid(&as_user(999, 998)), None);
}

#[test]
fn without_root_says_what_becomes_of_another_user() {
    let with_policy = |without_root| {
        let config = config_with(vec![Service { user: RunAs::Root, without_root, ..longrun("cron") }]);
        plan::boot(&config, &as_user(999, 998))
    };
    let plan = with_policy(WithoutRoot::Run).unwrap();
    assert_eq!(plan.services[0].credentials.uid, Uid(999));
    assert_eq!(
        noted(&plan),
        ["`cron`: configured to run as root, but this container cannot change user; it runs as 999:998; start the \
            container as root: without `user:` and `--user`"]
    );
    let plan = with_policy(WithoutRoot::Skip).unwrap();
    let why = plan.services[0].skipped.as_ref().unwrap();
    assert!(why.cause.contains("needs root") && why.fix.to_string().contains("--user"), "{why:?}");
    let error = with_policy(WithoutRoot::Fail).unwrap_err();
    assert_eq!(error.exit_code(), 111);
    assert!(error.to_string().contains("/etc/services.d/cron.toml"), "{error}");
    assert!(prepared(&plan).is_empty());
}

#[test]
fn a_user_who_is_already_the_services_user_needs_nothing() {
    let service = Service { user: RunAs::Account(user("postgres")), without_root: WithoutRoot::Fail, ..longrun("db") };
    let plan = plan::boot(&config_with(vec![service]), &as_user(999, 998)).unwrap();
    assert!(noted(&plan).is_empty() && plan.privilege.kept.is_empty());
    assert_eq!(plan.services[0].credentials.groups, None);
}

#[test]
fn unknown_accounts_and_groups_are_problems_of_their_file() {
    let config = config_with(vec![
        Service { user: RunAs::Account(user("nobdy")), ..longrun("a") },
        Service { groups: Some(vec![GroupRef::Name(group("nix"))]), ..longrun("b") },
        Service { user: RunAs::Ids(Uid(70_000), Gid(1)), ..longrun("c") },
    ]);
    let text = plan::boot(&config, &rootless()).unwrap_err().to_string();
    assert!(text.contains("/etc/services.d/a.toml: `user = \"nobdy\"`: there is no such account"), "{text}");
    assert!(text.contains("/etc/services.d/b.toml: `groups`: there is no group `nix`"), "{text}");
    assert!(text.contains("/etc/services.d/c.toml: uid 70000 of `c` is not mapped"), "{text}");
}

#[test]
fn programs_are_looked_up_before_anything_is_touched() {
    let mut config = config_with(vec![
        Service { command: Command::Argv(vec!["nginx".into()]), ..longrun("a") },
        Service { command: Command::Script("exit 0".into()), ..longrun("b") },
        Service { command: Command::File("/etc/services.d/c/run".into()), ..longrun("c") },
    ]);
    config.main = vec!["nosuch".into()];
    let mut facts = docker();
    let run = PathBuf::from("/etc/services.d/c/run");
    let fact = [("a", ProgramFact::NotFound), ("b", ProgramFact::NotFound), ("c", ProgramFact::NotExecutable(run))];
    facts.named.programs = fact.map(|(name, fact)| (name.to_owned(), fact)).into();
    facts.named.programs.insert("main".into(), ProgramFact::NotFound);
    let error = plan::boot(&config, &facts).unwrap_err();
    assert_eq!(error.exit_code(), 100);
    let text = error.to_string();
    assert!(text.contains("a.toml: cannot find the program `nginx` in PATH"), "{text}");
    assert!(text.contains("b.toml: cannot run `script`: there is no /bin/sh"), "{text}");
    assert!(text.contains("c.toml: cannot execute `/etc/services.d/c/run`"), "{text}");
    assert!(!text.contains("nosuch"), "a main command that is missing ends in 127, as from a shell");

    let found = |path: &str| ProgramFact::Found(PathBuf::from(path));
    facts.named.programs.insert("a".into(), found("/usr/sbin/nginx"));
    facts.named.programs.insert("b".into(), found("/bin/sh"));
    facts.named.programs.insert("c".into(), ProgramFact::Unknown("/etc/services.d/c/run".into()));
    let plan = plan::boot(&config, &facts).unwrap();
    let how: Vec<_> = plan.services.iter().map(|each| (each.program.to_str().unwrap(), each.argv.clone())).collect();
    assert_eq!(how[0], ("/usr/sbin/nginx", vec!["nginx".into()]));
    assert_eq!(how[1], ("/bin/sh", vec!["/bin/sh".into(), "-e".into(), "-c".into(), "exit 0".into()]));
    assert_eq!(how[2], ("/etc/services.d/c/run", vec!["/etc/services.d/c/run".into(), "c".into()]));
    assert_eq!(plan.main.unwrap().program.to_str(), Some("nosuch"));
}

#[test]
fn what_is_run_beside_the_command_is_looked_up_too() {
    let words = |name: &str| vec![name.into()];
    let finish = |name: &str| Some(Box::new(Finish { command: Command::Argv(words(name)), timeout: None }));
    let health = Health {
        probe: Probe::Command(words("is-well")),
        interval: HEALTH_INTERVAL,
        timeout: PROBE_TIMEOUT,
        failures: HEALTH_FAILURES,
        successes: HEALTH_SUCCESSES,
        then: UnhealthyAction::Restart,
    };
    let ready =
        Ready::Probe { probe: Box::new(Probe::Command(words("is-up"))), interval: READY_INTERVAL, timeout: None };
    let reload = Some(Box::new(Reload::Command(words("reread"))));
    let config = config_with(vec![
        Service { finish: finish("cleanup"), ready, health: Some(Box::new(health)), reload, ..longrun("a") },
        Service { finish: finish("/data/wipe"), ..longrun("b") },
        Service { finish: finish("cleanup"), ..oneshot("c") },
        Service { stop_command: Some(Box::new(Command::Argv(words("undo")))), ..oneshot("d") },
    ]);
    let mut facts = docker();
    let missing = |keys: &[&'static str]| keys.iter().map(|key| (*key, ProgramFact::NotFound)).collect();
    let closed = BTreeMap::from([("finish", ProgramFact::NotExecutable("/data/wipe".into()))]);
    facts.named.auxiliary_programs = BTreeMap::from([
        ("a".to_owned(), missing(&["finish", "ready.command", "health.command", "reload.command"])),
        ("b".to_owned(), closed),
        ("c".to_owned(), missing(&["finish"])),
        ("d".to_owned(), missing(&["stop_command"])),
    ]);
    let error = plan::boot(&config, &facts).unwrap_err();
    assert_eq!(error.exit_code(), 100);
    let text = error.to_string();
    for (key, program) in [
        ("a.toml: `finish`", "cleanup"),
        ("a.toml: `ready.command`", "is-up"),
        ("a.toml: `health.command`", "is-well"),
        ("a.toml: `reload.command`", "reread"),
        ("d.toml: `stop_command`", "undo"),
    ] {
        assert!(text.contains(&format!("{key}: cannot find the program `{program}` in PATH")), "{text}");
    }
    assert!(text.contains("b.toml: `finish`: cannot execute `/data/wipe`"), "{text}");
    assert!(!text.contains("c.toml"), "a oneshot's has no effect: {text}");
}

#[test]
fn an_interpreter_that_is_missing_is_named_instead_of_the_program() {
    let mut facts = docker();
    let lacks = |interpreter: &str| ProgramFact::NoInterpreter {
        program: "/etc/services.d/a/run".into(),
        interpreter: interpreter.into(),
    };
    facts.named.programs.insert("a".into(), lacks("/usr/bin/python3"));
    facts.named.programs.insert("b".into(), lacks("/bin/sh\r"));
    facts.named.programs.insert("main".into(), lacks("/bin/bash"));
    let mut config = config_with(vec![longrun("a"), longrun("b")]);
    config.main = vec!["x".into()];
    let text = plan::boot(&config, &facts).unwrap_err().to_string();
    assert!(
        text.contains("2 problems") && text.contains("needs `/usr/bin/python3`, which is not in this image"),
        "{text}"
    );
    assert!(text.contains("needs `/bin/sh\\r`") && text.contains("Unix line endings"), "{text}");
}

#[test]
fn one_program_inherits_and_several_are_tagged() {
    let log = |services: usize, main: bool, format| {
        let mut config = config_with((0..services).map(|number| longrun(&format!("s{number}"))).collect());
        config.main = if main { vec!["x".into()] } else { Vec::new() };
        config.container.log = format;
        plan::boot(&config, &docker()).unwrap().log
    };
    assert_eq!(log(1, false, LogFormat::Auto), LogFormat::Inherit);
    assert_eq!(log(0, true, LogFormat::Auto), LogFormat::Inherit);
    assert_eq!(log(1, true, LogFormat::Auto), LogFormat::Tagged);
    assert_eq!(log(3, true, LogFormat::Inherit), LogFormat::Inherit);
    assert_eq!(log(1, false, LogFormat::Tagged), LogFormat::Tagged);
}

fn with_main(main: MainCommand) -> Config {
    let mut config = config();
    config.container.main = main;
    config.main = vec!["/usr/bin/java".into()];
    config
}

#[test]
fn a_main_command_of_another_user_keeps_what_that_takes_and_says_so() {
    let user = RunAs::Account(user("postgres"));
    let plan = plan::boot(&with_main(MainCommand { user, ..MainCommand::default() }), &docker()).unwrap();
    let main = plan.main.as_ref().unwrap();
    assert_eq!(
        (main.credentials.uid, main.credentials.gid, main.login.user.as_str()),
        (Uid(999), Gid(998), "postgres")
    );
    assert_eq!(plan.privilege.kept, caps(&[Capability::SETUID, Capability::SETGID, Capability::KILL]));
    assert_eq!(
        plan.privilege.reasons,
        ["`main` runs as postgres (999:998): SETUID, SETGID and KILL are as good as root"]
    );
}

#[test]
fn a_main_command_of_root_keeps_pid_one_root_and_is_refused_where_nothing_may_be_kept() {
    let config = with_main(MainCommand { user: RunAs::Root, ..MainCommand::default() });
    let plan = plan::boot(&config, &docker()).unwrap();
    assert_eq!(plan.privilege.drop, DropLevel::StayRoot);
    assert_eq!(plan.privilege.reasons, ["`main` runs as root for good"]);
    let mut config = config;
    config.container.drop = DropPolicy::App;
    let error = plan::boot(&config, &docker()).unwrap_err().to_string();
    assert!(error.contains("`main` runs as root for good, and `drop = \"app\"` keeps nothing"), "{error}");
}

#[test]
fn an_account_of_the_main_command_that_is_missing_is_reported_at_its_table() {
    let at = Some(stepdown::error::Place::line("/etc/stepdown.toml", 3));
    let config = with_main(MainCommand { at, user: RunAs::Account(user("nosuch")), ..MainCommand::default() });
    let error = plan::boot(&config, &docker()).unwrap_err().to_string();
    assert!(error.contains("/etc/stepdown.toml:3: `user = \"nosuch\"`: there is no such account"), "{error}");
}

#[test]
fn a_probe_of_the_main_command_that_is_missing_is_a_problem() {
    let probe = Probe::Command(vec!["nosuch".into()]);
    let ready = Ready::Probe { probe: Box::new(probe), interval: Duration::from_secs(1), timeout: None };
    let config = with_main(MainCommand { ready, ..MainCommand::default() });
    let mut facts = docker();
    facts.named.auxiliary_programs.insert("main".into(), BTreeMap::from([("ready.command", ProgramFact::NotFound)]));
    let error = plan::boot(&config, &facts).unwrap_err().to_string();
    assert!(error.contains("`ready.command`: cannot find the program `nosuch` in PATH"), "{error}");
}
