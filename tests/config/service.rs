//! A service's TOML file: what each key becomes.

use std::path::PathBuf;
use std::time::Duration;

use stepdown::config::restart::{Restart, RestartPause, RestartPolicy};
use stepdown::config::service::{Command, Finish, GroupRef, Kind, Limit, Ready, Resource, RunAs, Stop, WithoutRoot};
use stepdown::config::values::{CapSet, Capability, Gid, GroupName, ServiceName, Signal, Uid, UserName};
use stepdown::error::Place;

use super::sources_builder::{PLAIN, empty_sources, web};

fn argv(words: &[&str]) -> Command {
    Command::Argv(words.iter().map(Into::into).collect())
}

#[test]
fn a_command_alone_gets_every_default_of_the_manual() {
    let service = empty_sources().toml("web", "command = [\"nginx\", \"-g\", \"daemon off;\"]").service();
    assert_eq!(service.name.as_str(), "web");
    assert_eq!(service.at, Place::line("/etc/services.d/web.toml", 1));
    assert_eq!(service.kind, Kind::Longrun);
    assert_eq!(service.command, argv(&["nginx", "-g", "daemon off;"]));
    assert_eq!((service.requires, service.after), (vec![], vec![]));
    assert_eq!((service.user, service.groups), (RunAs::App, None));
    assert_eq!(service.capabilities, CapSet::EMPTY);
    assert_eq!((service.directory, service.environment_file), (None, None));
    assert!(service.environment.is_empty() && !service.clear_environment);
    let restart = Restart {
        policy: RestartPolicy::Always,
        pause: RestartPause::Backoff { delay: Duration::from_secs(1), max_delay: Duration::from_secs(30) },
        limit: Some(10),
    };
    assert_eq!(service.restart, restart);
    assert_eq!(*service.success_codes, [0]);
    assert!(!service.essential);
    assert_eq!(service.ready, Ready::Executed);
    assert_eq!(service.stop, Stop { signal: Signal::TERM, timeout: None, group: false });
    assert_eq!(service.finish, None);
    assert!(service.limits.is_empty());
    assert_eq!((service.nice, service.oom_score_adj, service.umask), (None, None, None));
    assert!(service.no_new_privileges);
    assert_eq!(service.without_root, WithoutRoot::Run);
    assert!(service.enabled);
}

#[test]
fn a_oneshot_is_essential_and_never_restarted() {
    let service = web("type = \"oneshot\"").service();
    assert_eq!((service.kind, service.essential), (Kind::Oneshot, true));
    assert_eq!(service.restart.policy, RestartPolicy::Never);
    assert!(!web("type = \"oneshot\"\nessential = false").service().essential);
}

#[test]
fn what_has_no_effect_on_a_oneshot_is_remarked() {
    let keys = "restart = \"always\"\nready = { fd = 3 }\nhealth = { tcp = 80 }\nreload = { signal = \"HUP\" }";
    let config = web(&format!("type = \"oneshot\"\n{keys}")).config();
    let remark = |key: &str| format!("web: `{key}` has no effect on a oneshot");
    assert_eq!(config.notices, ["restart", "ready", "health", "reload"].map(remark));
    assert_eq!(config.services[0].restart.policy, RestartPolicy::Never);
    assert_eq!(config.services[0].ready, Ready::Executed);
    assert_eq!((&config.services[0].health, &config.services[0].reload), (&None, &None));
}

/// DESIGN §4's first listing without what is not available yet: [`super::reference`] shows that each of those is refused.
const LISTING: &str = r#"
command      = ["nginx", "-g", "daemon off;"]
type         = "longrun"
requires     = ["migrate"]
after        = ["db"]
user         = "app"
groups       = ["video"]
capabilities = ["NET_BIND_SERVICE"]
directory    = "/srv"
environment  = { MODE = "prod" }
environment_file = "/config/web.env"
restart      = "always"
success_codes = [0]
essential    = false
ready        = { fd = 3, timeout = "30s" }
stop         = { signal = "QUIT", timeout = "5s", group = true }
finish       = ["/usr/bin/cleanup"]
limits       = { nofile = 65536 }
nice = 0
oom_score_adj = 0
umask = "022"
no_new_privileges = true
without_root = "run"
"#;

#[test]
fn the_listing_of_the_design_is_understood() {
    let config = empty_sources().toml("web", LISTING).toml("migrate", PLAIN).toml("db", PLAIN).config();
    let web = config.services.iter().find(|service| service.name.as_str() == "web").expect("web is there");
    assert_eq!(web.requires, [ServiceName::new("migrate").expect("a name")]);
    assert_eq!(web.after, [ServiceName::new("db").expect("a name")]);
    assert_eq!(web.groups, Some(vec![GroupRef::Name(GroupName::new("video").expect("a name"))]));
    assert_eq!(web.capabilities, CapSet::EMPTY.with(Capability::NET_BIND_SERVICE));
    assert_eq!(web.directory, Some(PathBuf::from("/srv")));
    assert_eq!(web.environment.get("MODE").map(String::as_str), Some("prod"));
    assert_eq!(web.environment_file, Some(PathBuf::from("/config/web.env")));
    assert_eq!(web.ready, Ready::Fd { fd: 3, timeout: Some(Duration::from_secs(30)) });
    assert_eq!(web.stop, Stop { signal: Signal::QUIT, timeout: Some(Duration::from_secs(5)), group: true });
    let finish = Finish { command: argv(&["/usr/bin/cleanup"]), timeout: Some(Duration::from_secs(5)) };
    assert_eq!(web.finish.as_deref(), Some(&finish));
    assert_eq!(web.limits, [Limit { resource: Resource::Nofile, soft: Some(65536), hard: Some(65536) }]);
    assert_eq!((web.nice, web.oom_score_adj, web.umask), (Some(0), Some(0), Some(0o022)));
}

#[test]
fn a_script_is_kept_whole() {
    let service = empty_sources().toml("web", "script = '''\necho a\nexec b\n'''").service();
    assert_eq!(service.command, Command::Script("echo a\nexec b\n".to_owned()));
}

#[test]
fn a_user_is_the_app_root_a_name_or_two_numbers() {
    let account = |name: &str| RunAs::Account(UserName::new(name).expect("a name"));
    for (written, meant) in [
        ("app", RunAs::App),
        ("root", RunAs::Root),
        ("0:0", RunAs::Root),
        ("postgres", account("postgres")),
        ("1000:1001", RunAs::Ids(Uid(1000), Gid(1001))),
        ("1000:0", RunAs::Ids(Uid(1000), Gid(0))),
    ] {
        assert_eq!(web(&format!("user = \"{written}\"")).service().user, meant);
    }
}

#[test]
fn the_app_users_own_name_asks_for_no_privilege() {
    let service = web("user = \"abc\"").container("[app]\nuser = \"abc\"").service();
    assert_eq!(service.user, RunAs::App);
}

#[test]
fn groups_are_names_or_numbers() {
    let service = web("groups = [\"video\", 44, \"109\"]").service();
    let name = GroupRef::Name(GroupName::new("video").expect("a name"));
    assert_eq!(service.groups, Some(vec![name, GroupRef::Id(Gid(44)), GroupRef::Id(Gid(109))]));
    assert_eq!(web("groups = []").service().groups, Some(vec![]));
}

#[test]
fn restart_is_a_word_or_a_table() {
    let restart = |text: &str| web(text).service().restart;
    assert_eq!(restart("restart = \"never\"").policy, RestartPolicy::Never);
    let whole = restart("[restart]\npolicy = \"on-failure\"\ndelay = \"500ms\"\nmax_delay = \"1m\"\nlimit = 3");
    let expected = Restart {
        policy: RestartPolicy::OnFailure,
        pause: RestartPause::Backoff { delay: Duration::from_millis(500), max_delay: Duration::from_secs(60) },
        limit: Some(3),
    };
    assert_eq!(whole, expected);
    assert_eq!(restart("restart = { limit = \"infinity\" }").limit, None);
    for (text, time) in
        [("delay = \"2m\"", Duration::from_secs(120)), ("max_delay = \"100ms\"", Duration::from_millis(100))]
    {
        let pause = restart(&format!("restart = {{ {text} }}")).pause;
        assert_eq!(pause, RestartPause::Backoff { delay: time, max_delay: time });
    }
}

#[test]
fn signals_are_names_or_numbers() {
    for (written, number) in [("\"QUIT\"", 3), ("\"SIGINT\"", 2), ("\"15\"", 15), ("37", 37), ("\"RTMIN+3\"", 37)] {
        assert_eq!(web(&format!("stop = {{ signal = {written} }}")).service().stop.signal.number(), number);
    }
    assert_eq!(Signal::parse("RTMIN+0").map(Signal::number), Some(34));
    for no_number in ["RTMIN++5", "RTMIN+007", "RTMIN+", "RTMIN5", "RTMIN+-1", "RTMIN+31", "+5", "007"] {
        assert_eq!(Signal::parse(no_number), None, "{no_number}");
    }
}

#[test]
fn limits_are_numbers_sizes_pairs_or_infinity() {
    let text = "[limits]\nnofile = { soft = 1024, hard = 65536 }\nas = \"2G\"\nmemlock = \"infinity\"\ncore = 0\n\
                stack = { soft = \"8M\", hard = \"infinity\" }";
    let limit = |resource, soft, hard| Limit { resource, soft, hard };
    assert_eq!(
        web(text).service().limits,
        [
            limit(Resource::As, Some(2 << 30), Some(2 << 30)),
            limit(Resource::Core, Some(0), Some(0)),
            limit(Resource::Memlock, None, None),
            limit(Resource::Nofile, Some(1024), Some(65536)),
            limit(Resource::Stack, Some(8 << 20), None),
        ]
    );
}

#[test]
fn success_codes_are_sorted_and_unique() {
    assert_eq!(*web("success_codes = [143, 0, 143]").service().success_codes, [0, 143]);
}

#[test]
fn a_directory_with_service_toml_is_the_same() {
    use super::sources_builder::{dir, file};
    let config =
        empty_sources().entry("web", dir([("service.toml", file(PLAIN)), ("data.bin", file(b"\xff"))])).config();
    assert_eq!(config.services[0].at, Place::line("/etc/services.d/web/service.toml", 1));
}

#[test]
fn services_come_sorted_by_name() {
    let config = empty_sources().toml("b", PLAIN).toml("c", PLAIN).toml("a", PLAIN).config();
    let names: Vec<&str> = config.services.iter().map(|service| service.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[test]
fn a_stop_timeout_that_only_the_operator_made_too_long_is_noted() {
    let config = web("stop = { timeout = \"7s\" }").env("STEPDOWN_STOP_TIMEOUT", "5s").config();
    assert_eq!(config.notices, ["web: may take 7s to stop, and the whole stop has 5s"]);
    assert!(web("stop = { timeout = \"20s\" }").env("STEPDOWN_STOP_TIMEOUT", "30s").config().notices.is_empty());
}

#[test]
fn a_service_that_is_not_enabled_is_known_and_not_essential_by_default() {
    let service = web("enabled = false").service();
    assert!(!service.enabled && !service.essential);
    assert!(!web("type = \"oneshot\"\nenabled = false").service().essential);
    assert!(web("type = \"oneshot\"\nenabled = false\nessential = true").service().essential);
}
