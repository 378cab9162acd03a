//! Trees of images made for s6-overlay (`tests/fixtures/s6`), as they are and as `import` translates them, each in a container:
//! what came up, as whom, with which variables, in which order, what was logged and the exit code. What differs must be what
//! `import` says is not translated, and nothing else.

use std::collections::BTreeMap;
use std::process::Command;

use crate::support::docker::{Docker, Image, Run, program};

/// What a tree is given, and what is known of it.
struct Tree {
    name: &'static str,
    /// Of the image, for both containers and for `import`.
    variables: &'static [(&'static str, &'static str)],
    /// What its log has when all of it is up.
    up: &'static [&'static str],
    /// What `import` says that it has not translated, without the reasons.
    omissions: &'static [&'static str],
    /// Lines of the original that the imported tree has not, and the reverse: what follows from that.
    differences: [&'static [&'static str]; 2],
    /// Services whose lines are in no other order than this, in both.
    order: &'static [&'static str],
    /// The exit codes.
    codes: [i32; 2],
}

const BASE_IMAGE: Tree = Tree {
    name: "base-image",
    variables: &[("S6_STAGE2_HOOK", "/docker-mods"), ("FILE__PASSWORD", "/etc/fixture-secret")],
    up: &["REPORT app", "REPORT cron"],
    omissions: &["the hook", "container_environment"],
    differences: [
        &[
            "stage2-hook | [mod-init] as 0",
            "init-envfile | [env-init] PASSWORD set from FILE__PASSWORD",
            "init-app-config | [app-config] password of 7 letters in /",
            "svc-app | REPORT app uid=911 gid=911 groups=911 MODE=test SECRET_LENGTH=7 HOME=/root",
        ],
        &[
            "init-app-config | [app-config] password of 0 letters in /",
            "svc-app | REPORT app uid=911 gid=911 groups=911 MODE=test SECRET_LENGTH=0 HOME=/root",
        ],
    ],
    order: &[
        "init-migrations | [migrations] started",
        "init-crontab-config | crontab of 0",
        "init-custom-files | [custom-init] fix: executing",
        "svc-app | REPORT app",
    ],
    codes: [0, 0],
};

const NOTIFY_ON_CHECK: Tree = Tree {
    name: "notify-on-check",
    variables: &[],
    up: &["REPORT web", "web is ready too", "REPORT db"],
    omissions: &[],
    differences: [&[], &[]],
    order: &["svc-db | db begins", "svc-db | db is ready", "svc-web | REPORT web"],
    codes: [0, 0],
};

const PIPELINE: Tree = Tree {
    name: "pipeline",
    variables: &[],
    up: &["REPORT watcher"],
    omissions: &[],
    differences: [&[], &[]],
    order: &["log-prepare | prepared the directory of the log", "watcher | the log has: filtered: one"],
    codes: [0, 0],
};

const HALTING_FINISH: Tree = Tree {
    name: "halting-finish",
    variables: &[],
    // The original ends the container.
    up: &["main runs as 0"],
    omissions: &["`finish`: s6-linux-init-container-results", "`finish`: /run/s6/basedir/bin/halt"],
    differences: [&[], &[]],
    order: &["svc-side | side runs as 0 in", "svc-main | main runs as 0 in"],
    codes: [3, 0],
};

const LEGACY: Tree = Tree {
    name: "legacy",
    variables: &[],
    up: &["logged: REPORT web", "REPORT worker"],
    omissions: &["the tree", "container_environment"],
    differences: [
        &[
            "cont-init-02-second | second with PORT=8080",
            "web-log | logged: REPORT web uid=911 gid=911 groups=911 PORT=8080",
            "web-log | logger in /run/s6/legacy-services/web/log",
            "cont-finish-2-last | last with PORT=8080",
        ],
        &[
            // Nothing reads it there.
            "cont-init-01-first | sh: 2: cannot create /var/run/s6/container_environment/PORT: Directory nonexistent",
            "cont-init-02-second | second with PORT=",
            // It names no file of its own directory.
            "web-log | logger in /",
            "web-log | logged: REPORT web uid=911 gid=911 groups=911 PORT=",
            "cont-finish-2-last | last with PORT=",
        ],
    ],
    order: &[
        "cont-init-01-first | first as 0 with MODE=test",
        "cont-init-02-second | second with",
        "web-log | logged: REPORT web",
        "cont-finish-1-bye | bye",
        "cont-finish-2-last | last with",
    ],
    codes: [0, 0],
};

const ADDON: Tree = Tree {
    name: "addon",
    variables: &[],
    up: &["REPORT addon", "REPORT execline"],
    omissions: &["`finish`: s6-linux-init-container-results", "`finish`: /run/s6/basedir/bin/halt"],
    differences: [&[], &[]],
    order: &["init-addon | [info] Configuring in mode test", "addon | REPORT addon"],
    codes: [0, 0],
};

/// The files that `import` wrote, and what it said.
struct Import {
    written: tempfile::TempDir,
    omissions: Vec<String>,
    removed: String,
}

fn import(tree: &Tree) -> Import {
    let written = tempfile::tempdir().expect("a temporary directory");
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/s6").join(tree.name);
    let mut command = Command::new(program());
    command.arg("import").arg(source).arg("--to").arg(written.path()).envs(tree.variables.iter().copied());
    let output = command.output().expect("it was just built");
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("it prints UTF-8"));
    let omission = |line: &str| {
        let (before, _) = line.split_once(": not translated: ")?;
        let (_, what) = before.split_once(": ")?;
        Some(what.to_owned())
    };
    let removed = out.split_once("`RUN rm -r ").map_or("", |(_, rest)| rest.split('`').next().unwrap_or_default());
    Import { omissions: err.lines().filter_map(omission).collect(), removed: removed.to_owned(), written }
}

/// Runs an image until all of it is up, stops it, and returns the lines of its services and its exit code.
fn run(image: &Image, tree: &Tree) -> (Vec<String>, i32) {
    let run = Run::new(image).env("MODE", "test").env("STEPDOWN_LOG_FORMAT", "tagged");
    let container = tree.variables.iter().fold(run, |run, (name, value)| run.env(name, value)).start();
    tree.up.iter().for_each(|text| drop(container.wait_for_log(text)));
    let code = container.stop().0;
    let [out, err] = container.streams();
    (out.lines().chain(err.lines()).filter_map(service_line).collect(), code)
}

/// The line of a service; what stepdown says of them is left out, and the directory that they run in: one of s6-overlay's, or `/`.
fn service_line(line: &str) -> Option<String> {
    let (service, text) = line.split_once(" | ")?;
    if service.trim_end() == "stepdown" {
        return None;
    }
    let words = text.split_whitespace().filter(|word| !word.starts_with("cwd="));
    Some(format!("{} | {}", service.trim_end(), words.collect::<Vec<_>>().join(" ")))
}

/// Which lines one log has more often than the other.
fn only_in(one: &[String], other: &[String]) -> Vec<String> {
    let count = |lines: &[String]| {
        lines.iter().fold(BTreeMap::new(), |mut counts, line| {
            *counts.entry(line.clone()).or_insert(0) += 1;
            counts
        })
    };
    let others = count(other);
    let more = count(one).into_iter().filter(|(line, times)| others.get(line).copied().unwrap_or(0) < *times);
    more.map(|(line, _)| line).collect()
}

#[track_caller]
fn assert_in_order(lines: &[String], order: &[&str]) {
    let place = |wanted: &&str| {
        let found = lines.iter().position(|line| line.starts_with(wanted));
        found.unwrap_or_else(|| panic!("no {wanted:?} in {lines:#?}"))
    };
    let places: Vec<_> = order.iter().map(place).collect();
    assert!(places.is_sorted(), "{order:?} are at {places:?} of {lines:#?}");
}

/// Compares both containers; `differences`: whether exactly those of the tree are there.
fn compare(tree: &Tree, differ: impl Fn(&str) -> bool) {
    let Some(docker) = Docker::available() else { return };
    let imported = import(tree);
    assert_eq!(imported.omissions, tree.omissions, "{}", tree.name);
    let original = run(&Image::s6(&docker, tree.name), tree);
    let image = Image::s6_imported(&docker, tree.name, imported.written.path(), &imported.removed);
    let native = run(&image, tree);
    for (lines, _) in [&original, &native] {
        assert_in_order(lines, tree.order);
    }
    let seen = [only_in(&original.0, &native.0), only_in(&native.0, &original.0)];
    let seen = seen.map(|lines| lines.into_iter().filter(|line| differ(line)).collect::<Vec<_>>());
    let expected = tree.differences.map(|lines| {
        let mut lines: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
        lines.sort();
        lines
    });
    assert_eq!(seen, expected, "{}: {original:#?}\n{native:#?}", tree.name);
    assert_eq!([original.1, native.1], tree.codes, "{}: {original:#?}\n{native:#?}", tree.name);
}

#[test]
fn a_base_image_differs_by_its_hook_and_the_variables_that_scripts_hand_on() {
    compare(&BASE_IMAGE, |_| true);
}

#[test]
fn services_with_readiness_checks_do_not_differ() {
    compare(&NOTIFY_ON_CHECK, |_| true);
}

#[test]
fn a_pipeline_does_not_differ() {
    compare(&PIPELINE, |_| true);
}

#[test]
fn a_finish_script_that_halts_differs_in_that_the_container_goes_on() {
    // How often it was started again, and where, is left out.
    compare(&HALTING_FINISH, |line| {
        !line.starts_with("svc-main | ") && !line.starts_with("svc-side | side runs as 0 in")
    });
}

#[test]
fn scripts_and_services_of_version_2_differ_by_the_variables_that_scripts_hand_on() {
    compare(&LEGACY, |_| true);
}

#[test]
fn an_add_on_does_not_differ_while_it_runs() {
    compare(&ADDON, |_| true);
}
