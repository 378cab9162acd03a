//! `s6-envdir` beside the original, and the commands of s6-overlay, whose originals no package of Debian has.

use super::both::{Case, as_the_originals, calls, run_ours};

/// Not compared: `-L` without `-f` loses a line without a newline in the original; here it does not.
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
    let seen = |argv: &[&str], variables: &[(&str, &str)]| {
        let seen = run_ours(&Case { argv, variables, ..Case::default() });
        (seen.code.unwrap(), seen.out, seen.err)
    };
    assert_eq!(seen(&["with-contenv", "sh", "-c", "echo $A"], &[("A", "b")]), (0, "b\n".into(), "".into()));
    assert_eq!(seen(&["with-contenv"], &[]), (0, "".into(), "".into()));
    let missing = "with-contenv: fatal: unable to exec no-such: No such file or directory\n";
    assert_eq!(seen(&["with-contenv", "no-such"], &[]), (127, "".into(), missing.into()));
    for kept in ["", "0", "1"] {
        let printed = |argv: &[&str]| seen(argv, &[("A", "b"), ("S6_KEEP_ENV", kept)]);
        assert_eq!(printed(&["printcontenv", "A"]), (0, "b\n".into(), "".into()));
        assert_eq!(printed(&["printcontenv", "B"]), (1, "".into(), "".into()));
    }
    assert_eq!(seen(&["printcontenv"], &[]), (100, "".into(), "printcontenv: fatal: too few arguments\n".into()));
}
