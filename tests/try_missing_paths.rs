//! What a tree names on this machine and a rehearsal does not have: said before the boot, with a flag that helps.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::try_container;
use crate::support::try_container::possible;

/// A project below a directory, with a program that says so.
fn project(below: &str) -> tempfile::TempDir {
    let top = tempfile::Builder::new().prefix("a project ").tempdir_in(below).unwrap();
    fs::set_permissions(top.path(), fs::Permissions::from_mode(0o755)).unwrap();
    program(&top.path().join("server"), "#!/bin/sh\necho served\n");
    fs::create_dir(top.path().join("services.d")).unwrap();
    top
}

fn program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// `try` as a developer calls it, through a shell, with more flags or a main command.
fn rehearsed(project: &Path, more: &str) -> Output {
    let line = format!("exec \"$0\" try \"$1\" -e PUID=1234 {more}");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &line]).arg(try_container::program()).arg(project).current_dir("/").stdin(Stdio::null());
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The lines about what is not there, without the beginning.
fn notices(output: &Output) -> Vec<String> {
    let printed = text(&output.stderr);
    let lines = printed.lines().filter(|line| line.contains("which is not there"));
    lines.map(|line| line.trim_start_matches("stepdown: ").to_owned()).collect()
}

#[test]
fn a_program_below_tmp_is_named_before_the_boot_and_the_flag_that_is_printed_brings_it_in() {
    if !possible() {
        return;
    }
    let top = project("/tmp");
    let directory = top.path().display();
    let tree = format!("type = \"oneshot\"\ncommand = [\"{directory}/server\"]\n");
    fs::write(top.path().join("services.d/web.toml"), tree).unwrap();
    // The directory of an s6-style service is brought with its tree.
    fs::create_dir(top.path().join("services.d/s6-style")).unwrap();
    program(&top.path().join("services.d/s6-style/run"), "#!/bin/sh\nexec sleep 600\n");
    fs::write(top.path().join("services.d/s6-style/down"), "").unwrap();
    let output = rehearsed(top.path(), "");
    let flag = format!("-v '{directory}:{directory}'");
    let expected = format!(
        "`web`: `command` names {directory}/server, which is not there: /tmp is empty in a rehearsal; add `{flag}`"
    );
    assert_eq!(notices(&output), [expected], "{output:?}");
    let printed = text(&output.stderr);
    assert!(printed.find("which is not there") < printed.find("cannot start"), "it comes before the boot: {printed}");
    let output = rehearsed(top.path(), &flag);
    assert!(output.status.success() && text(&output.stdout).contains("served"), "{output:?}");
    assert!(notices(&output).is_empty(), "{output:?}");
}

#[test]
fn every_setting_that_names_such_a_file_is_reported() {
    if !possible() {
        return;
    }
    let top = project("/tmp");
    let directory = top.path().display();
    let other = project("/var/tmp");
    symlink(top.path().join("server"), other.path().join("link")).unwrap();
    fs::create_dir(other.path().join("services.d/run-file")).unwrap();
    program(&other.path().join("services.d/run-file/run"), "#!/tmp/interpreter-of-nobody\n");
    let link = other.path().join("link");
    let bare = top.path().to_str().unwrap().replace(' ', "-");
    symlink(top.path(), &bare).unwrap(); // a shell takes a blank for the end of a word
    for (name, toml) in [
        ("argument", format!("command = [\"sh\", \"{bare}/server\"]")),
        ("directory", format!("command = [\"sleep\", \"9\"]\ndirectory = \"{directory}\"")),
        ("environment-path", format!("command = [\"server\"]\nenvironment = {{ PATH = \"{directory}:/bin\" }}")),
        ("finish", format!("command = [\"sleep\", \"9\"]\nfinish = [\"{bare}/server\"]")),
        ("linked", format!("command = [\"{}\"]", link.display())),
        ("script", format!("script = \"cd / && exec {bare}/server >/dev/null\"")),
        // These are there, or are created by who names them.
        (
            "fine",
            format!("script = \"rm -f /run/pid /tmp/none; exec {}/server /dev/null /tmp\"", other.path().display()),
        ),
    ] {
        fs::write(other.path().join(format!("services.d/{name}.toml")), format!("{toml}\n")).unwrap();
    }
    let output = rehearsed(other.path(), &format!("-- '{bare}/server'"));
    fs::remove_file(&bare).unwrap();
    let printed = notices(&output);
    let named: Vec<&str> = printed.iter().filter_map(|line| line.split(" names ").next()).collect();
    let expected = [
        "`argument`: `command`",
        "`directory`: `directory`",
        "`environment-path`: `command`",
        "`finish`: `finish`",
        "`linked`: `command`",
        "`script`: `script`",
        "the main command",
    ];
    assert_eq!(named, expected, "{output:?}");
    assert!(printed.iter().all(|line| line.ends_with(&format!("add `-v '{directory}:{directory}'`"))), "{printed:#?}");
}

#[test]
fn what_a_tmpfs_covers_is_reported_with_that_reason_and_what_a_volume_brings_is_not() {
    if !possible() {
        return;
    }
    let top = project("/var/tmp");
    let directory = top.path().display();
    let tree = format!("type = \"oneshot\"\ncommand = [\"{directory}/server\"]\n");
    fs::write(top.path().join("services.d/web.toml"), tree).unwrap();
    let output = rehearsed(top.path(), "");
    assert!(output.status.success() && notices(&output).is_empty(), "{output:?}");
    let output = rehearsed(top.path(), "--tmpfs /var/tmp");
    assert!(notices(&output).iter().any(|line| line.contains(": /var/tmp is covered by a `--tmpfs`; ")), "{output:?}");
    let output = rehearsed(top.path(), &format!("--tmpfs /var/tmp:exec -v '{directory}:{directory}'"));
    assert!(notices(&output).is_empty(), "{output:?}");
}
