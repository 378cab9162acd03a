//! `s6-setuidgid` and its kin beside the originals.

use super::both::{Case, as_the_originals, calls, run_ours};

/// Prints ids, groups and the variables for them.
const SHOW: &str = "id -u; id -g; id -G; env | grep -E '^(UID|GID|GIDLIST)=' | sort; exit 0";

#[test]
fn another_user_for_the_rest() {
    let argvs: &[&[&str]] = &[
        &["s6-setuidgid"],
        &["s6-setuidgid", "nobody"],
        &["s6-setuidgid", "nobody", "sh", "-c", SHOW],
        &["s6-setuidgid", "", "sh", "-c", SHOW],
        &["s6-setuidgid", "root", "sh", "-c", SHOW],
        &["s6-setuidgid", "1234:4321", "sh", "-c", SHOW],
        &["s6-setuidgid", "0:5", "sh", "-c", SHOW],
        &["s6-setuidgid", "5:0", "sh", "-c", SHOW],
        &["s6-setuidgid", "a:5", "sh", "-c", SHOW],
        &["s6-setuidgid", "no-such-user", "sh", "-c", SHOW],
        &["s6-setuidgid", "nobody", "no-such"],
        &["s6-envuidgid"],
        &["s6-envuidgid", "nobody", "sh", "-c", SHOW],
        &["s6-envuidgid", "-u", "nobody", "sh", "-c", SHOW],
        &["s6-envuidgid", "-g", "daemon", "sh", "-c", SHOW],
        &["s6-envuidgid", "-B", "nobody:daemon", "sh", "-c", SHOW],
        &["s6-envuidgid", "-nB", "77:daemon", "sh", "-c", SHOW],
        &["s6-envuidgid", "-nB", "77:88", "sh", "-c", SHOW],
        &["s6-envuidgid", "-g", "no-such", "sh", "-c", SHOW],
        &["s6-envuidgid", "no-such", "sh", "-c", SHOW],
        &["s6-envuidgid", "-D", "1:2:3,4", "no-such", "sh", "-c", SHOW],
        &["s6-envuidgid", "-D", "1:2:3,4", "nobody", "sh", "-c", SHOW],
        &["s6-envuidgid", "-D", "x", "no-such", "sh", "-c", SHOW],
        &["s6-applyuidgid"],
        &["s6-applyuidgid", "-u", "5", "-g", "6", "-G", "7,8", "sh", "-c", SHOW],
        &["s6-applyuidgid", "-u", "5", "sh", "-c", SHOW],
        &["s6-applyuidgid", "-G", "", "sh", "-c", SHOW],
        &["s6-applyuidgid", "-u", "x", "sh", "-c", SHOW],
        &["s6-applyuidgid", "-U", "sh", "-c", SHOW],
        &["s6-envuidgid", "nobody", "s6-applyuidgid", "-U", "sh", "-c", SHOW],
        &["s6-envuidgid", "nobody", "s6-applyuidgid", "-Uz", "sh", "-c", SHOW],
        // Without the power to change, to another user.
        &["s6-applyuidgid", "-u", "5", "-g", "5", "-G", "5", "s6-setuidgid", "nobody", "sh", "-c", SHOW],
        &["s6-applyuidgid", "-u", "5", "-g", "5", "-G", "5", "s6-setuidgid", "root", "sh", "-c", SHOW],
    ];
    as_the_originals(&calls(argvs));
    let from = |variables| Case { argv: &["s6-applyuidgid", "-U", "true"], variables, ..Case::default() };
    as_the_originals(&[
        from(&[("UID", "x")]),
        from(&[("UID", "5")]),
        from(&[("UID", "5"), ("GID", "-1")]),
        from(&[("UID", "5"), ("GID", "6")]),
    ]);
}

/// Meant to differ: the original ends with 111, and images have branches for that.
#[test]
fn who_is_that_user_already_goes_on_and_says_so() {
    let argv = ["s6-applyuidgid", "-u", "5", "-g", "6", "-G", "6", "s6-setuidgid", "5:6", "sh", "-c", SHOW];
    let result = run_ours(&Case { argv: &argv, ..Case::default() });
    assert_eq!((result.code, result.out.as_str()), (Some(0), "5\n6\n6\n"));
    assert!(result.err.starts_with("s6-setuidgid: info: already running as uid 5, "), "{}", result.err);
}
