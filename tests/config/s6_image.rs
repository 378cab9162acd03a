//! Images made for s6-overlay: how one is recognised, and what holds for all of its services.

use stepdown::config::Config;
use stepdown::config::search_path::PathSource;
use stepdown::config::service::{Kind, RunAs, Service};

use super::sources_builder::{SourcesBuilder, definition, empty_sources, file, longrun, program, s6_image};

fn run() -> (&'static str, stepdown::config::Content) {
    ("run", program("#!/bin/sh\n"))
}

fn tree() -> SourcesBuilder {
    s6_image()
        .started("web", definition("longrun", [run()]))
        .started("init", definition("oneshot", [("up", file("/etc/init\n"))]))
        .started("group", definition("oneshot", [("up", file("# nothing\n"))]))
}

fn by_name<'c>(config: &'c Config, name: &str) -> &'c Service {
    config.services.iter().find(|service| service.name.as_str() == name).expect("the service")
}

#[test]
fn its_services_run_as_root_with_path_alone() {
    let config = tree().env("PATH", "/usr/bin:/bin").env("SECRET", "x").config();
    let web = by_name(&config, "web");
    assert_eq!((web.kind, web.user.clone(), web.no_new_privileges), (Kind::Longrun, RunAs::Root, false));
    assert!(web.clear_environment);
    assert!(web.environment.is_empty());
    assert_eq!(web.path_source(), PathSource::Container);
    let init = by_name(&config, "init");
    assert_eq!((init.user.clone(), init.essential), (RunAs::Root, false));
    assert_eq!(init.environment["RC_NAME"], "init");
}

#[test]
fn s6_keep_env_gives_them_the_containers_environment_too() {
    for (value, clears) in [("0", true), ("1", false), ("", true), ("yes", true)] {
        let config = tree().env("S6_KEEP_ENV", value).config();
        assert!(config.services.iter().all(|service| service.clear_environment == clears), "{value}");
    }
}

#[test]
fn drop_app_runs_all_of_it_as_the_app_user() {
    let config = tree().container("drop = \"app\"\n").config();
    assert!(config.services.iter().all(|service| service.user == RunAs::App));
}

#[test]
fn what_runs_nothing_asks_for_no_privilege() {
    let config = tree().config();
    let group = by_name(&config, "group");
    assert_eq!((group.user.clone(), group.no_new_privileges), (RunAs::App, true));
}

#[test]
fn a_failed_oneshot_ends_the_container_where_s6_overlay_would() {
    for (value, ends) in [("0", false), ("1", false), ("2", true)] {
        let config = tree().env("S6_BEHAVIOUR_IF_STAGE2_FAILS", value).config();
        assert_eq!(by_name(&config, "init").essential, ends, "{value}");
        assert!(!by_name(&config, "web").essential);
    }
}

#[test]
fn a_services_tree_beside_it_is_run_the_same_way() {
    let config = tree().entry("old", longrun([])).toml("native", "command = [\"true\"]\n").config();
    let old = by_name(&config, "old");
    assert_eq!((old.user.clone(), old.clear_environment), (RunAs::Root, true));
    let native = by_name(&config, "native");
    assert_eq!((native.user.clone(), native.clear_environment), (RunAs::App, false));
}

#[test]
fn the_container_file_decides_before_the_directories_do() {
    let config = tree().container("s6 = false\n").main("sh").config();
    assert_eq!(config.services, []);
    assert_eq!(config.notices, ["/etc/s6-overlay is not read: `s6 = false` in the container file"]);
    let config = empty_sources().entry("old", longrun([])).container("s6 = true\n").config();
    assert_eq!(config.services[0].user, RunAs::Root);
    let config = empty_sources().entry("old", longrun([])).config();
    assert_eq!(config.services[0].user, RunAs::App);
}

#[test]
fn the_app_user_is_linuxservers_where_the_image_has_it_and_the_container_file_names_no_other() {
    let sources = || {
        let mut sources = tree();
        sources.0.s6.has_linuxserver_account = true;
        sources
    };
    let app = |sources: SourcesBuilder| sources.config().container.app;
    assert_eq!((app(sources()).user.as_str(), app(sources()).group.as_str()), ("abc", "abc"));
    assert_eq!(app(sources().container("[app]\nuser = \"web\"\n")).user.as_str(), "web");
    assert_eq!(app(tree()).user.as_str(), "app");
    assert_eq!(app(sources().container("s6 = false\n").main("sh")).user.as_str(), "app");
}

#[test]
fn the_stop_has_room_for_s6_overlays_times_unless_ours_are_set() {
    let seconds = |sources: SourcesBuilder| sources.config().container.stop_timeout.as_secs();
    assert_eq!(seconds(tree()), 8);
    assert_eq!(seconds(tree().env("S6_SERVICES_GRACETIME", "25000")), 28);
    assert_eq!(seconds(tree().env("S6_KILL_GRACETIME", "10000").env("S6_SERVICES_GRACETIME", "1000")), 11);
    assert_eq!(seconds(tree().env("S6_KILL_GRACETIME", "0")), 8);
    let sources = tree().env("S6_SERVICES_GRACETIME", "25000").env("STEPDOWN_STOP_TIMEOUT", "9s");
    assert_eq!(seconds(sources), 9);
    assert_eq!(seconds(tree().env("S6_SERVICES_GRACETIME", "25000").container("stop_timeout = \"8s\"\n")), 8);
}
