//! Bad input: exit 100, every problem at once with its place and fix, and nothing on disk touched.

use crate::support::docker::{Docker, Ended, Image, Run};

/// Files that the engine itself mounts or creates.
const DOCKERS: [&str; 8] = [
    "C /etc",
    "C /run",
    "A /etc/mtab",
    "C /dev",
    "A /dev/console",
    "A /etc/hosts",
    "A /etc/hostname",
    "A /etc/resolv.conf",
];

#[track_caller]
fn assert_refused(ended: &Ended, words: &[&str]) {
    ended.expect_code(100);
    ended.expect_words(words);
    let ours: Vec<_> = ended.changed_files().into_iter().filter(|line| !DOCKERS.contains(&line.as_str())).collect();
    assert!(ours.iter().all(|line| is_a_mount_point(line)), "it touched {ours:?}");
}

/// Docker creates the places on which a test's files are mounted.
fn is_a_mount_point(line: &str) -> bool {
    ["A /etc/services.d", "A /etc/stepdown.toml"].contains(&line)
}

#[test]
fn every_wrong_number_is_refused_with_its_value() {
    let Some(docker) = Docker::available() else { return };
    let plain = Image::plain(&docker);
    let wrong = [
        "abc",
        "-1",
        "+1",
        "0",
        "01",
        " 1000",
        "1000 ",
        "0x3e8",
        "1e3",
        "4294967295",
        "99999999999999999999",
        "1000:1000",
    ];
    for value in wrong {
        let ended = Run::new(&plain).env("PUID", value).command(["true"]).ended();
        assert_refused(&ended, &["PUID", value]);
    }
    assert_refused(&Run::new(&plain).env("PUID", "1000\n0").command(["true"]).ended(), &["PUID", "1000"]);
    assert_refused(&Run::new(&plain).env("PGID", "x").command(["true"]).ended(), &["PGID", "x"]);
    assert_refused(&Run::new(&plain).env("UMASK", "999").command(["true"]).ended(), &["UMASK", "999"]);
}

#[test]
fn all_problems_of_all_files_come_at_once() {
    let Some(docker) = Docker::available() else { return };
    let tree = super::files(&[
        ("web.toml", "command = [\"true\"]\nrestrat = \"never\"\n"),
        ("db.toml", "command = [\"true\"]\nrequires = [\"databse\"]\n"),
        ("one.toml", "command = [\"true\"]\nrequires = [\"two\"]\n"),
        ("two.toml", "command = [\"true\"]\nrequires = [\"one\"]\n"),
        ("gone.toml", "command = [\"/usr/bin/no-such-program\"]\n"),
    ]);
    let run = Run::new(&Image::plain(&docker)).file(tree.path(), "/etc/services.d").env("PUID", "abc");
    let ended = run.command(["true"]).ended();
    assert_refused(&ended, &["PUID=abc", "web.toml:2", "restrat", "restart", "databse"]);
}

#[test]
fn a_cycle_and_a_missing_program_are_named() {
    let Some(docker) = Docker::available() else { return };
    let plain = Image::plain(&docker);
    let cycle = super::files(&[
        ("one.toml", "command = [\"true\"]\nrequires = [\"two\"]\n"),
        ("two.toml", "command = [\"true\"]\nrequires = [\"one\"]\n"),
    ]);
    let ended = Run::new(&plain).file(cycle.path(), "/etc/services.d").command(["true"]).ended();
    assert_refused(&ended, &["one", "two"]);
    let gone = super::files(&[("gone.toml", "command = [\"/usr/bin/no-such-program\"]\n")]);
    let ended = Run::new(&plain).file(gone.path(), "/etc/services.d").command(["true"]).ended();
    assert_refused(&ended, &["gone.toml", "/usr/bin/no-such-program"]);
}

#[test]
fn nothing_to_run_is_a_mistake() {
    let Some(docker) = Docker::available() else { return };
    let run = Run::new(&Image::plain(&docker)).options("--entrypoint /usr/bin/stepdown").command(["init", "--"]);
    assert_refused(&run.ended(), &["services.d"]);
}

#[test]
fn check_in_an_image_finds_what_boot_would() {
    let Some(docker) = Docker::available() else { return };
    let tree = super::files(&[("web.toml", "command = [\"true\"]\nrestrat = \"never\"\n")]);
    let run =
        Run::new(&Image::plain(&docker)).file(tree.path(), "/etc/services.d").options("--entrypoint /usr/bin/stepdown");
    assert_refused(&run.command(["check"]).ended(), &["web.toml:2", "restrat", "restart"]);
    let demo = Run::new(&Image::demo(&docker)).options("--entrypoint /usr/bin/stepdown").command(["check"]).ended();
    demo.expect_code(0);
}
