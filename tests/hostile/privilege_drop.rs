//! The drop, each of its system calls refused in turn: no service starts before it is done and proved (SECURITY T39).

use super::{BareContainer, text};
use crate::support::try_container::{Ended, possible};

/// What a service says of itself once it runs.
const SHOWS: &str = r#"
type = "oneshot"
command = ["/bin/grep", "-E", "^(Uid|Gid|Groups|CapPrm|CapEff|CapInh|CapAmb|NoNewPrivs)", "/proc/self/status"]
"#;

/// What all of it must be.
const DROPPED: [&str; 8] = [
    "Uid:\t1234\t1234\t1234\t1234",
    "Gid:\t2345\t2345\t2345\t2345",
    "Groups:\t2345",
    "CapInh:\t0000000000000000",
    "CapPrm:\t0000000000000000",
    "CapEff:\t0000000000000000",
    "CapAmb:\t0000000000000000",
    "NoNewPrivs:\t1",
];

/// Boots while the `nth` call of this name is refused, or all of them.
fn refused(call: &str, error: &str, nth: Option<usize>) -> Ended {
    let when = nth.map_or_else(String::new, |nth| format!(":when={nth}"));
    let inject = format!("inject={call}:error={error}{when}");
    let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject];
    BareContainer::new().app().etc("services.d/shows.toml", SHOWS).wrapped_in(&strace).run()
}

fn is_dropped(ended: &Ended) -> bool {
    DROPPED.iter().all(|line| ended.lines.iter().any(|found| found.text.trim_end() == *line))
}

fn runs(ended: &Ended) -> bool {
    text(ended).contains("Uid:")
}

#[test]
fn a_refused_step_of_the_drop_ends_the_container_before_any_service_starts() {
    if !possible() {
        return;
    }
    assert!(is_dropped(&refused("setgroups", "EPERM", Some(1000))), "without a refusal it drops");
    for (call, error, message) in [
        ("setgroups", "EPERM", "cannot set the supplementary groups"),
        ("setgroups", "ENOSYS", "cannot set the supplementary groups"),
        ("setresgid", "EPERM", "cannot switch to group 2345"),
        ("setresuid", "EPERM", "cannot switch to user 1234"),
        ("setresuid", "EAGAIN", "cannot switch to user 1234"),
        ("capset", "EPERM", "cannot set the capabilities"),
        ("getresuid", "EPERM", "cannot read the ids"),
        ("getresgid", "EPERM", "cannot read the ids"),
        ("getgroups", "EPERM", "cannot read the ids"),
    ] {
        let ended = refused(call, error, None);
        let text = text(&ended);
        assert!(
            ended.code == Some(111) && !runs(&ended) && text.contains(message),
            "{call} {error}: {:?} {text}",
            ended.code
        );
    }
    // A call that says that it is done, and is not.
    for call in ["setgroups", "setresgid", "setresuid", "capset"] {
        let strace = [
            "strace",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            &format!("trace={call}"),
            "-e",
            &format!("inject={call}:retval=0"),
        ];
        let ended = BareContainer::new().app().etc("services.d/shows.toml", SHOWS).wrapped_in(&strace).run();
        let text = text(&ended);
        // setgroups: the groups of this root are those of the app already, or are not, and then it is found out.
        assert!(ended.code == Some(111) && !runs(&ended) || is_dropped(&ended), "{call}: {:?} {text}", ended.code);
    }
}

/// Keeping capabilities, dumpable, no_new_privs, and whatever else goes through prctl(2): each call in turn.
#[test]
fn whichever_prctl_is_refused_a_service_runs_dropped_or_not_at_all() {
    if !possible() {
        return;
    }
    let mut ended_well = 0;
    // The first is that of unshare(1), in the process that becomes PID 1.
    for nth in 2..40 {
        let ended = refused("prctl", "EINVAL", Some(nth));
        let (code, text) = (ended.code, text(&ended));
        match runs(&ended) {
            true => assert!(code == Some(0) && is_dropped(&ended), "{nth}: {code:?} {text}"),
            false => assert!(code != Some(0) && text.contains("cannot "), "{nth}: {code:?} {text}"),
        }
        // Beyond the last call nothing is refused any more.
        ended_well = if code == Some(0) { ended_well + 1 } else { 0 };
        if ended_well == 6 {
            return;
        }
    }
    panic!("it never came to the last call");
}

#[test]
fn a_privilege_that_cannot_be_given_back_stops_everything_in_order() {
    if !possible() {
        return;
    }
    let ended = BareContainer::new().app().env("STUCK_ON_PURPOSE", "1").command(&["/bin/sleep", "600"]).run();
    let text = text(&ended);
    let message = "a privilege that was taken for a moment could not be given back: stopping every service in order";
    assert!(ended.code == Some(111) && text.matches(message).count() == 1, "{:?} {text}", ended.code);
}
