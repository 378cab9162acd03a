//! What `docker run` and `stepdown try` may differ in, each with its reason. Everything else that the recorder writes down, that
//! stepdown says, and the exit code, must be the same.
//!
//! What the recorder does not see differs too, and `try --help` says so: the network, no cgroup of its own, volumes that are
//! copy-on-write.

/// A difference that is allowed.
struct Allowed {
    /// Only in cases with all of these flags.
    with: &'static [&'static str],
    /// Where in the recorder's record; with `/` at its end, all that lies below.
    at: &'static [&'static str],
    /// Why.
    #[expect(dead_code)] // for who reads this
    because: &'static str,
}

/// All of them.
const ALLOWED: &[Allowed] = &[
    Allowed {
        with: &[],
        at: &["/nice", "/oom_score_adj", "/limits/"],
        because: "Docker's come from its daemon, those of `try` from the shell that called it",
    },
    Allowed {
        with: &[],
        at: &["/seccomp", "/starter/seccomp", "/cgroup"],
        because: "Docker adds the engine's seccomp filter to that of stepdown, and a cgroup; `try` adds neither",
    },
    Allowed {
        with: &["--init"],
        at: &["/session/parent"],
        because: "the number that stepdown has under the engine's init: runc has used up some before it",
    },
    Allowed {
        with: &["--init", "--user"],
        at: &["/pid_one/environ", "/pid_one/fd", "/pid_one/maps", "/pid_one/mem", "/pid_one/ptrace"],
        because: "Docker's init is a program of its own, and the app user's as everything else; that of `try` is a fork of \
            `try`, whose memory and environment are the developer's and stay closed",
    },
    Allowed {
        with: &["--cap-add", "ALL"],
        at: &["/self/bounding", "/starter/bounding", "/pid_one/is/bounding"],
        because: "`try` gives no capability that would change the host",
    },
];

/// Whether a difference at `at` is allowed in a case with these flags.
pub fn allowed(at: &str, flags: &str) -> bool {
    let words: Vec<&str> = flags.split_whitespace().collect();
    ALLOWED.iter().any(|allowed| {
        let there = allowed.at.iter().any(|place| at == *place || (place.ends_with('/') && at.starts_with(place)));
        there && allowed.with.iter().all(|flag| words.contains(flag))
    })
}

/// Exit codes of `docker run` for what it refuses itself, and ours.
pub fn same_code(docker: i32, rehearsed: i32) -> bool {
    docker == rehearsed || (docker == 125 && [100, 111].contains(&rehearsed))
}
