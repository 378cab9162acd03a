//! The container file.

use std::path::PathBuf;
use std::time::Duration;

use stepdown::config::container::{DropPolicy, HardLinks, Level, LogFormat, OnMissingPrivilege, OwnWhen, UserRef};
use stepdown::config::service::GroupRef;
use stepdown::config::values::{Gid, GroupName, Uid};
use stepdown::error::Place;

use super::sources_builder::empty_sources;

fn read(text: &str) -> stepdown::config::container::Container {
    empty_sources().main("true").container(text).config().container
}

#[track_caller]
fn assert_problems(text: &str, expected: &[&str]) {
    let printed: Vec<String> = empty_sources().main("true").container(text).problems();
    let printed: Vec<String> = printed.iter().map(|text| text.replace("/etc/stepdown.toml:", "")).collect();
    assert_eq!(printed, expected);
}

#[test]
fn no_file_gives_every_default_of_the_manual() {
    let container = empty_sources().main("true").config().container;
    assert_eq!(container.drop, DropPolicy::Auto);
    assert_eq!((container.without_root, container.without_drop), (OnMissingPrivilege::Run, OnMissingPrivilege::Refuse));
    assert_eq!(container.stop_timeout, Duration::from_secs(8));
    assert_eq!((container.log, container.level), (LogFormat::Auto, Level::Info));
    assert!(container.own.is_empty() && container.directories.is_empty());
    let app = container.app;
    assert_eq!((app.user.as_str(), app.group.as_str()), ("app", "app"));
    assert_eq!((app.uid, app.gid, app.home, app.shell, app.umask), (None, None, None, None, None));
    assert!(app.groups.is_empty() && app.device_groups.is_empty() && !app.allow_root);
    assert_eq!(app.at, Place::file("/etc/stepdown.toml"));
}

/// DESIGN §4's second listing without what is not available yet.
const LISTING: &str = r#"
drop = "auto"
without_root = "refuse"
without_drop = "run"
stop_timeout = "25s"
log = { format = "tagged", level = "warn" }

[app]
user = "abc"
group = "users"
uid = 1000
gid = 1001
uid_from = ["PUID"]
gid_from = ["PGID"]
home = "/config/"
shell = "/sbin/nologin"
groups = ["video", 44]
device_groups = ["/dev/dri", "/var/run/docker.sock"]
allow_root = true
umask = "022"

[[own]]
path = "/config//x/."

[[own]]
path = "/data"
user = "root"
group = 5
recursive = false
create = true
mode = "0640"
dir_mode = "2750"
when = "root-mismatch"
optional = true
required = true
cross_mounts = true
exclude = ["a/b/", ".snapshots"]
hard_links = "refuse"
take_over = true

[[directory]]
path = "/run/nginx"
mode = "1777"
clean = ["*.pid"]
take_over = true
"#;

#[test]
fn the_listing_of_the_design_is_understood() {
    let container = read(LISTING);
    assert_eq!((container.without_root, container.without_drop), (OnMissingPrivilege::Refuse, OnMissingPrivilege::Run));
    assert_eq!(container.stop_timeout, Duration::from_secs(25));
    assert_eq!((container.log, container.level), (LogFormat::Tagged, Level::Warn));
    let app = container.app;
    assert_eq!((app.user.as_str(), app.group.as_str()), ("abc", "users"));
    assert_eq!((app.uid, app.gid), (Some(Uid(1000)), Some(Gid(1001))));
    assert_eq!((app.home, app.shell), (Some(PathBuf::from("/config")), Some(PathBuf::from("/sbin/nologin"))));
    assert_eq!(app.groups, [GroupRef::Name(GroupName::new("video").expect("a name")), GroupRef::Id(Gid(44))]);
    assert_eq!(app.device_groups, [PathBuf::from("/dev/dri"), PathBuf::from("/var/run/docker.sock")]);
    assert_eq!((app.allow_root, app.umask), (true, Some(0o022)));
    assert_eq!(app.at, Place::line("/etc/stepdown.toml", 9));
    let [plain, full] = &container.own[..] else { panic!("two paths") };
    assert_eq!(plain.path, PathBuf::from("/config/x"));
    assert_eq!((&plain.user, &plain.group, plain.options.recursive, plain.options.create), (&None, &None, true, false));
    assert_eq!((plain.options.mode, plain.options.dir_mode, plain.options.when), (None, None, OwnWhen::Mismatch));
    assert_eq!((plain.options.optional, plain.options.required, plain.options.cross_mounts), (false, false, false));
    assert_eq!((plain.options.hard_links, plain.options.exclude.len()), (HardLinks::SameOwner, 0));
    assert_eq!(plain.at, Place::line("/etc/stepdown.toml", 22));
    assert_eq!((&full.user, &full.group), (&Some(UserRef::Id(Uid(0))), &Some(GroupRef::Id(Gid(5)))));
    assert_eq!((full.options.recursive, full.options.create), (false, true));
    assert_eq!(
        (full.options.mode, full.options.dir_mode, full.options.when),
        (Some(0o640), Some(0o2750), OwnWhen::RootMismatch)
    );
    assert_eq!((full.options.optional, full.options.required, full.options.cross_mounts), (true, true, true));
    assert_eq!(
        (full.options.hard_links, &full.options.exclude),
        (HardLinks::Refuse, &vec![PathBuf::from("a/b"), PathBuf::from(".snapshots")])
    );
    let [directory] = &container.directories[..] else { panic!("one directory") };
    assert_eq!((plain.options.take_over, full.options.take_over, directory.take_over), (false, true, true));
    assert_eq!((directory.path.as_path(), directory.mode), (std::path::Path::new("/run/nginx"), 0o1777));
    assert_eq!(directory.clean, ["*.pid"]);
}

#[test]
fn the_group_follows_the_user() {
    assert_eq!(read("[app]\nuser = \"abc\"").app.group.as_str(), "abc");
}

#[test]
fn owners_named_like_the_app_user_are_the_app_user() {
    let own = read("[app]\nuser = \"abc\"\ngroup = \"g\"\n[[own]]\npath = \"/a\"\nuser = \"abc\"\ngroup = \"app\"").own;
    assert_eq!(own[0].user, None);
    assert_eq!(own[0].group, Some(GroupRef::Name(GroupName::new("g").expect("a name"))));
}

#[test]
fn system_directories_cannot_be_declared_and_what_lies_below_can() {
    for path in [
        "/", "//", "/etc", "/etc/", "/etc/.", "/usr", "/var", "/home", "/dev", "/bin", "/sbin", "/lib", "/lib64",
        "/libx32", "/boot", "/root", "/run", "/tmp",
    ] {
        let printed = empty_sources().main("true").container(&format!("[[own]]\npath = \"{path}\"")).problems();
        let normal = format!("/{}", path.trim_matches(['/', '.']));
        assert_eq!(
            printed,
            [format!(
                "/etc/stepdown.toml:2: `own.path` cannot be \"{path}\"; \"{normal}\" belongs to the system: declare a path below it"
            )]
        );
    }
    for path in ["/proc", "/proc/1/root", "/sys/", "/sys/fs"] {
        assert_problems(
            &format!("[[directory]]\npath = \"{path}\""),
            &[&format!("2: `directory.path` cannot be \"{path}\"; nothing below /proc and /sys can be declared")],
        );
    }
    for path in ["/config", "/etc/nginx", "/dev/dri", "/run/nginx", "/library", "/procs", "/opt/app"] {
        assert_eq!(read(&format!("[[own]]\npath = \"{path}\"")).own[0].path, PathBuf::from(path));
    }
}

#[test]
fn paths_that_climb_are_relative_or_empty_are_refused() {
    for (path, why) in [
        ("", "write an absolute path"),
        ("config", "write an absolute path, beginning with `/`"),
        ("../etc", "write an absolute path, beginning with `/`"),
        ("/config/../etc", "write the path without `..`"),
        ("/a\\tb", "a path here cannot hold control characters"),
    ] {
        assert_problems(
            &format!("[[own]]\npath = \"{path}\""),
            &[&format!("2: `own.path` cannot be \"{path}\"; {why}")],
        );
    }
}

#[test]
fn impossible_settings_are_reported_line_by_line() {
    assert_problems(
        "[[own]]\nrecursive = true\n[[directory]]\nmode = \"4755\"",
        &[
            "1: `[[own]]` has no `path`; write `path = \"/config\"` below it",
            "3: `[[directory]]` has no `path`; write `path = \"/config\"` below it",
            "4: `directory.mode` cannot be \"4755\"; write octal digits up to \"3777\", such as `mode = \"0750\"`",
        ],
    );
    assert_problems(
        "[[own]]\npath = \"/a\"\n[[own]]\npath = \"/a/\"",
        &["4: \"/a\" is declared twice, here and on line 2; keep one of them"],
    );
    assert_problems(
        "[[own]]\npath = \"/a\"\nexclude = [\"/b\", \"../c\", \"\"]",
        &[
            "3: an element of `own.exclude` cannot be \"\"; write a path relative to `path`, without `..`",
            "3: an element of `own.exclude` cannot be \"../c\"; write a path relative to `path`, without `..`",
            "3: an element of `own.exclude` cannot be \"/b\"; write a path relative to `path`, without `..`",
        ],
    );
    assert_problems(
        "[[directory]]\npath = \"/run/a\"\nclean = [\"a/*\"]",
        &[
            "3: an element of `directory.clean` cannot be \"a/*\"; write a name directly below it, with `*` and `?`, such as \"*.pid\"",
        ],
    );
    assert_problems(
        "[own]\npath = \"/a\"",
        &["1: `own` expects an array of tables, found a table; write for example `own = [{ path = \"/config\" }]`"],
    );
    assert_problems(
        "[app]\nuser = \"root\"",
        &[
            "2: `app.user` cannot be \"root\"; everything steps down to it; name another user, or write `allow_root = true`",
        ],
    );
    assert_problems(
        "[app]\nuid = 4294967294\ngid = -1",
        &[
            "2: `app.uid` cannot be 4294967294; write 0 to 4294967293",
            "3: `app.gid` cannot be -1; write 0 to 4294967293",
        ],
    );
    assert_problems(
        "[app]\nhome = \"/a:b\"\nshell = \"sh\"",
        &[
            "2: `app.home` cannot be \"/a:b\"; an account's line cannot hold a `:`",
            "3: `app.shell` cannot be \"sh\"; write an absolute path, beginning with `/`",
        ],
    );
    assert_problems(
        "[app]\nuid_from = [\"A=B\"]",
        &["2: an element of `app.uid_from` cannot be \"A=B\"; write a variable's name, such as \"PUID\""],
    );
    assert_problems(
        "dorp = \"app\"\nstop_timout = \"5s\"",
        &["1: unknown key `dorp`; did you mean `drop`?", "2: unknown key `stop_timout`; did you mean `stop_timeout`?"],
    );
    assert_problems(
        "[app]\nname = \"x\"",
        &[
            "2: unknown key `name` in `app`; the keys are: user, group, uid, gid, uid_from, gid_from, home, shell, groups, device_groups, allow_root, umask",
        ],
    );
}
