//! `s6-envdir` beside the original, and the commands of s6-overlay, whose originals no package of Debian has.

use std::path::Path;
use std::process::Command;

use super::both::{Case, as_the_originals, calls, original, own_commands, run_ours};
use crate::support::skip::skipped;

/// `with-contenv` of s6-overlay 3.2.2.
const WITH_CONTENV: &str = "ifelse { importas -D 0 S6_KEEP_ENV S6_KEEP_ENV eltest 0${S6_KEEP_ENV} -eq 0 } { emptyenv -p \
                            s6-envdir -Lf -- /run/s6/container_environment exec $@ } $@";
/// In a mount namespace: a container environment, and a call with it.
const INSIDE: &str = "mount -t tmpfs tmpfs /run && mkdir -p /run/s6/container_environment && cd /run/s6/container_environment \
    && printf 'a b\\n\\n' > LINES && printf plain > PLAIN && : > EMPTY && printf 'x\\0y' > NUL && : > .hidden && \
    printf z > with=equal && exec \"$@\"";

/// Runs a call with a container environment; `None` where that is not possible.
fn inside(path: &str, variables: &[&str], argv: &[&str]) -> Option<(i32, String, String)> {
    if !nix::unistd::geteuid().is_root() {
        skipped("it needs root");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", INSIDE, "sh", "env", "-i", &format!("PATH={path}")]);
    let output = command.args(variables).args(argv).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut lines: Vec<_> = text(&output.stdout).lines().map(str::to_owned).collect();
    lines.sort();
    lines.retain(|line| !line.starts_with("PATH="));
    Some((output.status.code().unwrap(), lines.join("\n"), text(&output.stderr)))
}

#[test]
fn the_container_environment_is_what_the_original_makes_of_it() {
    if original("execlineb").is_none() || original("s6-envdir").is_none() {
        return;
    }
    let theirs = "/usr/lib/execline/bin:/usr/bin:/bin";
    let ours = format!("{}:/usr/bin:/bin", own_commands().display());
    let calls: [&[&str]; 4] = [&["env"], &["sh", "-c", "echo $LINES"], &["no-such"], &[]];
    for variables in
        [&["A=b", "EMPTY=x"][..], &["S6_KEEP_ENV=0", "A=b"], &["S6_KEEP_ENV=1", "A=b"], &["S6_KEEP_ENV=x", "A=b"]]
    {
        for argv in calls {
            let original = [&["execlineb", "-S0", "-c", WITH_CONTENV][..], argv].concat();
            let (Some(expected), Some(found)) = (
                inside(theirs, variables, &original),
                inside(&ours, variables, &[&["with-contenv"][..], argv].concat()),
            ) else {
                return;
            };
            assert_eq!(
                (found.0, &found.1),
                (expected.0, &expected.1),
                "{variables:?} {argv:?}\n{}{}",
                found.2,
                expected.2
            );
        }
    }
    let printed = |name| inside(&ours, &["PLAIN=other"], &["printcontenv", name]).map(|(code, out, _)| (code, out));
    assert_eq!(printed("PLAIN"), Some((0, "plain".into())));
    assert_eq!((printed("EMPTY"), printed("MISSING")), (Some((1, "".into())), Some((1, "".into()))));
    assert!(!Path::new("/run/s6/container_environment/PLAIN").exists());
}

#[test]
fn a_directory_of_variables() {
    let argvs: &[&[&str]] = &[
        &["s6-envdir"],
        &["s6-envdir", "e"],
        &["s6-envdir", "e", "env"],
        &["s6-envdir", "-n", "e", "env"],
        &["s6-envdir", "-f", "e", "env"],
        &["s6-envdir", "-fn", "e", "env"],
        &["s6-envdir", "-Lf", "e", "env"],
        &["s6-envdir", "-c", "x", "e", "env"],
        &["s6-envdir", "-c", "", "e", "env"],
        &["s6-envdir", "missing", "env"],
        &["s6-envdir", "-I", "missing", "echo", "a"],
        &["s6-envdir", "-i", "missing", "env"],
        &["s6-envdir", "-z", "e", "env"],
        &["s6-envdir", "e/A", "env"],
    ];
    let files = &[
        ("e/A", "a b \t\nsecond\n"),
        ("e/EMPTY", ""),
        ("e/.hidden", "x"),
        ("e/with=equal", "x"),
        ("e/NEWLINE", "\n"),
        ("e/NUL", "a\0b\n"),
        ("e/V", "new"),
    ];
    let variables = &[("EMPTY", "was there"), ("V", "old")];
    let mut cases: Vec<_> = calls(argvs).into_iter().map(|case| Case { files, variables, ..case }).collect();
    let long = "x".repeat(5000);
    let files = [("e/LONG", long.as_str())];
    cases.extend(
        calls(&[&["s6-envdir", "e", "env"], &["s6-envdir", "-Lf", "e", "env"]])
            .into_iter()
            .map(|case| Case { files: &files, ..case }),
    );
    as_the_originals(&cases);
}

#[test]
fn without_a_container_environment_the_present_one_is_used() {
    let result = |argv: &[&str], variables: &[(&str, &str)]| {
        let result = run_ours(&Case { argv, variables, ..Case::default() });
        (result.code.unwrap(), result.out, result.err)
    };
    assert_eq!(result(&["with-contenv", "sh", "-c", "echo $A"], &[("A", "b")]), (0, "b\n".into(), "".into()));
    assert_eq!(result(&["with-contenv"], &[]), (0, "".into(), "".into()));
    let missing = "with-contenv: fatal: unable to exec no-such: No such file or directory\n";
    assert_eq!(result(&["with-contenv", "no-such"], &[]), (127, "".into(), missing.into()));
    for kept in ["", "0", "1"] {
        let printed = |argv: &[&str]| result(argv, &[("A", "b"), ("S6_KEEP_ENV", kept)]);
        assert_eq!(printed(&["printcontenv", "A"]), (0, "b\n".into(), "".into()));
        assert_eq!(printed(&["printcontenv", "B"]), (1, "".into(), "".into()));
    }
    assert_eq!(result(&["printcontenv"], &[]), (100, "".into(), "printcontenv: fatal: too few arguments\n".into()));
}
