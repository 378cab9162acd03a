//! The environments that the book promises, as values: the only place where they stand. `tests/documents` prints them,
//! `tests/docker/environments.rs` starts a container for each and compares. Must not know how either is done.

mod degradation;

use std::fmt::Write as _;

pub use degradation::Degradation;

/// A row: how the container is started, and what becomes of it.
#[derive(Clone, Copy, Debug)]
pub struct Environment {
    /// Of its test.
    pub name: &'static str,
    /// Flags of `docker run`, as users write them.
    pub flags: &'static str,
    /// Whose the volume `/data` is before the start, and its mode.
    pub data: (u32, u32, u32),
    /// What `/run` is, where it is a volume of its own: its mode (as Kubernetes creates an emptyDir).
    pub run: Option<u32>,
    /// As what it starts.
    pub mode: Mode,
    /// User and group in which everything ends.
    pub ids: (u32, u32),
    /// Groups besides that one.
    pub groups: &'static [u32],
    /// The bounding set, which nobody touches.
    pub bounding: u64,
    /// Whether stepdown is PID 1 of its namespace.
    pub pid_one: bool,
    /// What does not work there.
    pub lost: &'static [Degradation],
    /// More about it for the reader.
    pub remark: &'static str,
}

/// What the report calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Root,
    Limited,
    /// `--user`, and the image knows the uid.
    User,
    Unknown,
    /// It does not start: exit 111.
    Refused,
}

/// Docker's default set.
pub const DOCKER: u64 = 0xa804_25fb;

const ROOT: Environment = Environment {
    name: "",
    flags: "",
    data: (0, 0, 0o755),
    run: None,
    mode: Mode::Root,
    ids: (1000, 1000),
    groups: &[],
    bounding: DOCKER,
    pid_one: true,
    lost: &[],
    remark: "",
};

const USER: Environment = Environment {
    data: (1000, 1000, 0o755),
    mode: Mode::User,
    lost: &[Degradation::RunWeb, Degradation::RootsOneshot],
    ..ROOT
};

/// All of them, in the book's order.
pub const ENVIRONMENTS: &[Environment] = &[
    Environment { name: "plain", ..ROOT },
    Environment { name: "puid", flags: "-e PUID=1234 -e PGID=1235", ids: (1234, 1235), ..ROOT },
    Environment {
        name: "puid_foreign_volume",
        flags: "-e PUID=1234",
        data: (4000, 4000, 0o700),
        ids: (1234, 1000),
        remark: "`/data` is 4000's and closed to others",
        ..ROOT
    },
    Environment { name: "umask_and_zone", flags: "-e UMASK=027 -e TZ=Europe/Berlin", ..ROOT },
    Environment {
        name: "puid_read_only",
        flags: "-e PUID=1234 -e PGID=1235 --read-only",
        mode: Mode::Limited,
        ids: (1234, 1235),
        lost: &[Degradation::Account, Degradation::RunWeb],
        ..ROOT
    },
    Environment {
        name: "puid_read_only_with_tmpfs",
        flags: "-e PUID=1234 --read-only --tmpfs /run --tmpfs /tmp",
        mode: Mode::Limited,
        ids: (1234, 1000),
        lost: &[Degradation::Account],
        ..ROOT
    },
    Environment {
        name: "puid_mounted_accounts",
        flags: "-e PUID=1234 -v /etc/passwd:/etc/passwd:ro",
        mode: Mode::Limited,
        ids: (1234, 1000),
        lost: &[Degradation::MountedAccount],
        ..ROOT
    },
    Environment {
        name: "puid_three_capabilities",
        flags: "-e PUID=1234 --cap-drop ALL --cap-add SETUID --cap-add SETGID --cap-add CHOWN",
        mode: Mode::Limited,
        ids: (1234, 1000),
        bounding: 0xc1,
        lost: &[Degradation::Modes, Degradation::Closed, Degradation::RootsReach],
        ..ROOT
    },
    Environment {
        name: "puid_three_capabilities_ports_from_80",
        flags: "-e PUID=1234 --cap-drop ALL --cap-add SETUID --cap-add SETGID --cap-add CHOWN \
                --sysctl net.ipv4.ip_unprivileged_port_start=80",
        mode: Mode::Limited,
        ids: (1234, 1000),
        bounding: 0xc1,
        lost: &[Degradation::Port, Degradation::Modes, Degradation::Closed, Degradation::RootsReach],
        remark: "port 80 is free, lower ones are not",
        ..ROOT
    },
    Environment {
        name: "puid_no_capability",
        flags: "-e PUID=1234 --cap-drop ALL",
        mode: Mode::Refused,
        bounding: 0,
        lost: &[Degradation::Drop],
        ..ROOT
    },
    Environment {
        name: "puid_no_capability_accepted",
        flags: "-e PUID=1234 --cap-drop ALL -e STEPDOWN_WITHOUT_DROP=run",
        mode: Mode::Limited,
        ids: (0, 0),
        bounding: 0,
        lost: &[Degradation::Drop],
        ..ROOT
    },
    Environment {
        name: "more_capabilities",
        flags: "--cap-add SYS_PTRACE --cap-add NET_ADMIN",
        bounding: DOCKER | 1 << 19 | 1 << 12,
        ..ROOT
    },
    Environment {
        name: "puid_no_new_privileges",
        flags: "-e PUID=1234 --security-opt no-new-privileges",
        ids: (1234, 1000),
        ..ROOT
    },
    Environment { name: "user", flags: "--user 1000:1000", ..USER },
    Environment {
        name: "user_ports_from_80",
        flags: "--user 1000:1000 --sysctl net.ipv4.ip_unprivileged_port_start=80",
        lost: &[Degradation::RunWeb, Degradation::RootsOneshot, Degradation::Port],
        remark: "port 80 is free, lower ones are not",
        ..USER
    },
    Environment { name: "user_by_name", flags: "--user app", ..USER },
    Environment {
        name: "user_group_0",
        flags: "--user 1000:0",
        ids: (1000, 0),
        lost: &[Degradation::RootsOneshot],
        remark: "the image lets group 0 write `/run`",
        ..USER
    },
    Environment {
        name: "user_with_puid",
        flags: "--user 1000:1000 -e PUID=1234",
        remark: "PUID is ignored, and said to be",
        ..USER
    },
    Environment {
        name: "user_unknown",
        flags: "--user 4242:4242",
        data: (4242, 4242, 0o755),
        mode: Mode::Unknown,
        ids: (4242, 4242),
        lost: &[Degradation::Name, Degradation::RunWeb, Degradation::RootsOneshot],
        ..USER
    },
    Environment {
        name: "user_unknown_group_0",
        flags: "--user 4242",
        data: (4242, 0, 0o755),
        mode: Mode::Unknown,
        ids: (4242, 0),
        lost: &[Degradation::RootsOneshot],
        ..USER
    },
    Environment {
        name: "openshift",
        flags: "--user 1000770000:0 --cap-drop ALL --security-opt no-new-privileges",
        data: (0, 0, 0o775),
        mode: Mode::Unknown,
        ids: (1_000_770_000, 0),
        bounding: 0,
        lost: &[Degradation::RootsOneshot],
        remark: "as OpenShift starts it: what group 0 may write in the image can be written, `/etc/passwd` too",
        ..USER
    },
    Environment {
        name: "user_foreign_volume",
        flags: "--user 1000:1000",
        data: (4000, 4000, 0o700),
        lost: &[Degradation::Data, Degradation::RunWeb, Degradation::RootsOneshot],
        remark: "`/data` is 4000's and closed to others",
        ..USER
    },
    Environment {
        name: "user_hardened",
        flags: "--user 1000:1000 --read-only --cap-drop ALL --security-opt no-new-privileges",
        bounding: 0,
        remark: "no tmpfs at all",
        ..USER
    },
    Environment {
        name: "user_nothing_writable",
        flags: "--user 1000:1000 --read-only --cap-drop ALL --security-opt no-new-privileges --ipc none",
        bounding: 0,
        lost: &[Degradation::Control, Degradation::RunWeb, Degradation::RootsOneshot],
        remark: "not even `/dev/shm`",
        ..USER
    },
    Environment {
        name: "user_own_tmpfs",
        flags: "--user 1000:1000 --tmpfs /run:uid=1000,gid=1000,exec",
        lost: &[Degradation::RootsOneshot],
        ..USER
    },
    Environment { name: "user_noexec_tmpfs", flags: "--user 1000:1000 --tmpfs /run:noexec", ..USER },
    Environment {
        name: "user_empty_dir",
        flags: "--user 1000:1000",
        run: Some(0o777),
        lost: &[Degradation::RootsOneshot],
        remark: "`/run` is a volume of root's with mode 0777 (Kubernetes `emptyDir`)",
        ..USER
    },
    Environment {
        name: "puid_empty_dir",
        flags: "-e PUID=1234",
        run: Some(0o777),
        ids: (1234, 1000),
        remark: "`/run` is a volume of root's with mode 0777 (Kubernetes `emptyDir`)",
        ..ROOT
    },
    Environment {
        name: "puid_more_groups",
        flags: "-e PUID=1234 --group-add 44 --group-add 109",
        ids: (1234, 1000),
        groups: &[44, 109],
        ..ROOT
    },
    Environment { name: "user_more_groups", flags: "--user 1000:1000 --group-add 44", groups: &[44], ..USER },
    Environment { name: "puid_init", flags: "-e PUID=1234 --init", ids: (1234, 1000), pid_one: false, ..ROOT },
    Environment { name: "user_init", flags: "--user 1000:1000 --init", pid_one: false, ..USER },
    Environment {
        name: "puid_shared_pids",
        flags: "-e PUID=1234 --pid container:other",
        ids: (1234, 1000),
        pid_one: false,
        remark: "the other container's processes are left alone",
        ..ROOT
    },
    Environment {
        name: "puid_hosts_pids",
        flags: "-e PUID=1234 --pid host",
        ids: (1234, 1000),
        pid_one: false,
        remark: "the host's processes are left alone, those of the same uid too",
        ..ROOT
    },
    Environment { name: "user_hosts_pids", flags: "--user 1000:1000 --pid host", pid_one: false, ..USER },
    Environment { name: "no_network", flags: "--network none", ..ROOT },
    Environment {
        name: "low_ports_closed",
        flags: "--sysctl net.ipv4.ip_unprivileged_port_start=1024",
        remark: "the declared capability opens port 80",
        ..ROOT
    },
    Environment { name: "seccomp_unconfined", flags: "--security-opt seccomp=unconfined", ..ROOT },
    Environment { name: "own_cgroups", flags: "--cgroupns private", ..ROOT },
    Environment { name: "hosts_cgroups", flags: "--cgroupns host", ..ROOT },
    Environment { name: "hosts_ipc", flags: "--ipc host", ..ROOT },
    Environment {
        name: "little_of_everything",
        flags: "--memory 64m --memory-swap 64m --cpus 0.5 --pids-limit 32 --ulimit nofile=256:512",
        ..ROOT
    },
];

impl Environment {
    /// Returns whether that is lost here.
    pub fn loses(&self, what: Degradation) -> bool {
        self.lost.contains(&what)
    }

    /// Returns whether it is root that starts and somebody else that serves.
    pub fn steps_down(&self) -> bool {
        matches!(self.mode, Mode::Root | Mode::Limited) && !self.loses(Degradation::Drop)
    }
}

impl Mode {
    /// Returns its name in `status --json` and `plan --json`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Limited => "root-limited",
            Self::User => "user",
            Self::Unknown => "user-unknown",
            Self::Refused => "",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Limited => "root, limited",
            Self::User => "user",
            Self::Unknown => "user, unknown",
            Self::Refused => "—",
        }
    }
}

/// Returns the book's table.
pub fn table() -> String {
    let mut out = String::from("\n| `docker run …` | mode | runs as | what is lost there |\n|---|---|---|---|\n");
    for environment in ENVIRONMENTS {
        let flags =
            if environment.flags.is_empty() { "(nothing)".to_owned() } else { format!("`{}`", environment.flags) };
        let remark = if environment.remark.is_empty() { String::new() } else { format!("; {}", environment.remark) };
        let lost: Vec<_> = environment.lost.iter().map(|lost| lost.words()).collect();
        let lost = if lost.is_empty() { "nothing".to_owned() } else { lost.join("; ") };
        let who = match environment.mode {
            Mode::Refused => "exit 111".to_owned(),
            Mode::Root | Mode::Limited | Mode::User | Mode::Unknown => {
                format!("{}:{}", environment.ids.0, environment.ids.1)
            }
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "| {flags}{remark} | {} | {who} | {lost} |", environment.mode.words());
    }
    out + "\n"
}
