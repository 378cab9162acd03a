//! What an image made for s6-overlay has from its version 2: `services.d`, `cont-init.d`, `cont-finish.d`, `fix-attrs.d`; and
//! the scripts and services of LinuxServer's users.

use std::path::PathBuf;
use std::time::Duration;

use stepdown::config::container::{Own, OwnOptions, UnknownOwner, UserRef};
use stepdown::config::service::{Command, GroupRef, RunAs, Service};
use stepdown::config::values::{Gid, Uid, UserName};
use stepdown::config::{Config, Content, Tree};

use super::sources_builder::{SourcesBuilder, definition, dir, file, longrun, names, program, s6_image};

const SCRIPT: &str = "#!/bin/sh\n";

fn tree(path: &str, entries: impl IntoIterator<Item = (&'static str, Content)>) -> Tree {
    let entries = entries.into_iter().map(|(name, content)| (name.into(), content)).collect();
    Tree { path: PathBuf::from(path), entries, unreadable: None }
}

fn with_init(scripts: impl IntoIterator<Item = (&'static str, Content)>) -> SourcesBuilder {
    let mut sources = s6_image();
    sources.0.s6.init_scripts = tree("/etc/cont-init.d", scripts);
    sources
}

fn by_name<'c>(config: &'c Config, name: &str) -> &'c Service {
    config.services.iter().find(|service| service.name.as_str() == name).expect("the service")
}

fn links(service: &Service) -> (Vec<String>, Vec<String>) {
    let names = |all: &[stepdown::config::values::ServiceName]| all.iter().map(ToString::to_string).collect();
    (names(&service.requires), names(&service.after))
}

fn order(config: &Config, name: &str) -> Vec<String> {
    let (requires, after) = links(by_name(config, name));
    requires.into_iter().chain(after).collect()
}

#[test]
fn scripts_of_the_start_run_one_after_the_other_whether_they_fail_or_not() {
    let config =
        with_init([("10-b c", program(SCRIPT)), ("01-a", program("\x7fELF")), ("02", program("echo\n"))]).config();
    let services: Vec<_> = config.services.iter().map(|service| service.name.as_str()).collect();
    assert_eq!(services, ["cont-init-01-a", "cont-init-02", "cont-init-10-b_c"]);
    let first = by_name(&config, "cont-init-01-a");
    assert_eq!((first.user.clone(), first.essential), (RunAs::Root, false));
    assert_eq!(first.environment["RC_NAME"], "legacy-cont-init");
    assert_eq!(first.command, Command::Argv(vec!["/etc/cont-init.d/01-a".into()]));
    let by_shell = Command::Argv(["/bin/sh", "/etc/cont-init.d/02"].map(Into::into).into());
    assert_eq!(by_name(&config, "cont-init-02").command, by_shell);
    assert_eq!(links(by_name(&config, "cont-init-02")), (vec![], vec!["cont-init-01-a".to_owned()]));
    assert_eq!(links(by_name(&config, "cont-init-10-b_c")), (vec![], vec!["cont-init-02".to_owned()]));
}

#[test]
fn what_is_no_directory_of_services_d_is_passed_over() {
    let config = s6_image().entry("web", longrun([])).entry("notes", file("text\n")).config();
    assert_eq!(config.services.iter().map(|service| service.name.as_str()).collect::<Vec<_>>(), ["web"]);
    let notice = "/etc/services.d: \"notes\" is not a directory: ignored, as under s6-overlay".to_owned();
    assert!(config.notices.contains(&notice), "{:?}", config.notices);
}

#[test]
fn what_cannot_be_executed_is_passed_over_unless_a_failure_ends_the_container() {
    let sources = || with_init([("README", file("text\n")), ("old", dir([])), ("run", program(SCRIPT))]);
    let config = sources().config();
    assert_eq!(config.services.len(), 1);
    assert_eq!(config.notices, ["/etc/cont-init.d: \"README\", \"old\": not executable, not run, as under s6-overlay"]);
    sources()
        .env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2")
        .assert_problems(&["/etc/cont-init.d/README: is not executable; chmod +x /etc/cont-init.d/README"]);
}

#[test]
fn base_and_legacy_services_have_the_order_of_s6_overlay() {
    let on = |names_of: &[&'static str]| {
        let run = ("run", program(SCRIPT));
        definition("longrun", [run, ("dependencies.d", names(names_of.iter().copied()))])
    };
    let sources = || {
        with_init([("1", program(SCRIPT))])
            .entry("old", longrun([("log", longrun([]))]))
            .started("early", on(&[]))
            .started("web", on(&["base"]))
            .definition("late", on(&["legacy-services"]))
            .member("user2", "late")
    };
    let config = sources().config();
    assert_eq!(order(&config, "early"), [""; 0]);
    assert_eq!(links(by_name(&config, "web")), (vec![], vec!["cont-init-1".to_owned()]));
    let user = vec!["early".to_owned(), "web".to_owned()];
    assert_eq!(links(by_name(&config, "old")), (user.clone(), vec!["cont-init-1".to_owned(), "old-log".to_owned()]));
    assert_eq!(links(by_name(&config, "old-log")), (user, vec!["cont-init-1".to_owned()]));
    let user = vec!["early".to_owned(), "web".to_owned()];
    let legacy = ["cont-init-1", "old", "old-log"].map(str::to_owned).to_vec();
    assert_eq!(links(by_name(&config, "late")), (user, legacy));
    let config = sources().env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2").config();
    assert_eq!(links(by_name(&config, "web")), (vec!["cont-init-1".to_owned()], vec![]));
    assert!(by_name(&config, "cont-init-1").essential);
}

/// LinuxServer's `ci-service-check` tells that the boot is done.
#[test]
fn user2_comes_after_user_without_a_services_tree_too() {
    let late = definition("oneshot", [("up", file("/etc/late\n")), ("dependencies.d", names(["legacy-services"]))]);
    let config = s6_image()
        .started("web", definition("longrun", [("run", program(SCRIPT))]))
        .definition("late", late)
        .member("user2", "late")
        .config();
    assert_eq!(links(by_name(&config, "late")), (vec!["web".to_owned()], vec![]));
}

#[test]
fn scripts_of_the_stop_run_in_their_order_after_everything_else() {
    let mut sources = s6_image().entry("old", longrun([])).env("S6_KILL_FINISH_MAXTIME", "2000");
    sources.0.s6.finish_scripts = tree("/etc/cont-finish.d", [("1", program(SCRIPT)), ("2", program(SCRIPT))]);
    let config = sources.config();
    let first = by_name(&config, "cont-finish-1");
    assert_eq!(first.command, Command::Nothing);
    assert_eq!(first.stop_command.as_deref(), Some(&Command::Argv(vec!["/etc/cont-finish.d/1".into()])));
    assert_eq!((first.user.clone(), first.stop.timeout), (RunAs::Root, Some(Duration::from_secs(2))));
    // What is after another stops before it.
    assert_eq!(order(&config, "cont-finish-1"), ["cont-finish-2"]);
    assert_eq!(order(&config, "cont-finish-2"), [""; 0]);
    assert_eq!(order(&config, "old"), ["cont-finish-1"]);
}

#[test]
fn fix_attrs_becomes_ownership_that_is_established_at_boot() {
    let mut sources = s6_image().main("sh").container("[[own]]\npath = \"/data\"\n");
    let text = "# comment\n\n/config  true app 0644 0755\n/var/lib/x false www:33,1:1 0600 0700\n/y true 5:6 600 700\n\
        /data true app 0644 0755\n/srv/* true app 0644 0755\n/etc true root 0644 0755\n/z true\n";
    sources.0.s6.fix_attrs = tree("/etc/fix-attrs.d", [("01", file(text))]);
    let config = sources.config();
    let place = |line| stepdown::error::Place::line("/etc/fix-attrs.d/01", line);
    let own = |path: &str, user, group, recursive, (mode, dir_mode), line, unknown_owner| Own {
        path: path.into(),
        user,
        group,
        options: OwnOptions {
            recursive,
            mode: Some(mode),
            dir_mode: Some(dir_mode),
            optional: true,
            unknown_owner,
            ..OwnOptions::default()
        },
        at: place(line),
    };
    let name = |text| UserRef::Name(UserName::new(text).expect("a name"));
    assert_eq!(
        config.container.own[1..],
        [
            own("/config", None, None, true, (0o644, 0o755), 3, UnknownOwner::Skip),
            own(
                "/var/lib/x",
                Some(name("www")),
                Some(GroupRef::Id(Gid(33))),
                false,
                (0o600, 0o700),
                4,
                UnknownOwner::Ids(Uid(1), Gid(1))
            ),
            own(
                "/y",
                Some(UserRef::Id(Uid(5))),
                Some(GroupRef::Id(Gid(6))),
                true,
                (0o600, 0o700),
                5,
                UnknownOwner::Skip
            ),
        ]
    );
    assert_eq!(
        config.notices,
        [
            "/etc/fix-attrs.d/01:6: \"/data\" is declared already: ignored",
            "/etc/fix-attrs.d/01:7: \"/srv/*\" is a pattern: not applied; write `[[own]]` in the container file",
            "/etc/fix-attrs.d/01:8: \"/etc\" belongs to the system: not applied; write `[[own]]` in the container file",
            "/etc/fix-attrs.d/01:9: is not a path, true or false, an account and two modes: not applied; write `[[own]]` in the \
         container file",
        ]
    );
}

#[test]
fn services_of_a_linuxserver_images_user_are_named_as_its_own_script_names_them() {
    let mut sources = s6_image().started("init-services", definition("oneshot", [("up", file(""))]));
    sources.0.s6.custom_services = tree(
        "/custom-services.d",
        [("one", file("#!/bin/bash -e\n")), ("two", program(SCRIPT)), ("README.txt", file("text")), ("d", dir([]))],
    );
    let config = sources.config();
    let service = by_name(&config, "custom-svc-one");
    assert_eq!(service.command, Command::File("/custom-services.d/one".into()));
    assert_eq!(order(&config, "custom-svc-two"), ["init-services"]);
    assert_eq!(
        config.notices,
        ["/custom-services.d: \"README.txt\", \"d\": not a program, not started; begin a script with `#!/bin/sh`"]
    );
}

#[test]
fn scripts_of_a_linuxserver_images_user_are_left_to_the_image_if_it_runs_them() {
    let custom = || tree("/custom-cont-init.d", [("fix", file("echo\n"))]);
    let mut sources = with_init([("1", program(SCRIPT))]).entry("old", longrun([]));
    sources.0.s6.custom_scripts = custom();
    let config = sources.config();
    let script = by_name(&config, "custom-cont-init-fix");
    assert_eq!(script.command, Command::Argv(["/bin/bash", "/custom-cont-init.d/fix"].map(Into::into).into()));
    assert_eq!(order(&config, "custom-cont-init-fix"), ["cont-init-1"]);
    assert!(order(&config, "old").contains(&"custom-cont-init-fix".to_owned()));
    let mut sources = s6_image().started("init-custom-files", definition("oneshot", [("up", file(""))]));
    sources.0.s6.custom_scripts = custom();
    assert_eq!(sources.config().services.len(), 1);
}
