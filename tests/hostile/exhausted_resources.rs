//! Too few descriptors, processes, process numbers (SECURITY T19, T26, T29, T34).

use std::fs;

use super::{BareContainer, says, text};
use crate::support::try_container::{LIMIT, Running, possible, status};

fn stop(running: Running) -> crate::support::try_container::Ended {
    let first = nix::unistd::Pid::from_raw(running.pid_one());
    nix::sys::signal::kill(first, nix::sys::signal::Signal::SIGTERM).unwrap();
    running.wait(LIMIT)
}

/// The processor time of a process, in ticks of 10 ms.
fn ticks(pid: i32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Returns how many descriptors a process has; what whoever runs the tests has leaked has a higher number.
fn open_below(limit: u32, pid: i32) -> usize {
    let names = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_str().unwrap().parse::<u32>().unwrap() < limit).count()
}

#[test]
fn with_few_descriptors_some_services_run_the_rest_say_why_and_nobody_is_busy() {
    if !possible() {
        return;
    }
    let web = "command = [\"/bin/sh\", \"-c\", \"echo serves; exec sleep 600\"]\n";
    let container = |limit: &str| {
        let many = (1..=20)
            .fold(BareContainer::new().app(), |container, at| container.etc(&format!("services.d/web{at}.toml"), web));
        many.inside(&format!("ulimit -n {limit}"))
    };
    let fix = "docker run: `--ulimit nofile=";
    says("16", &container("16").run(), 111, &["cannot set up the event loop: Too many open files", fix]);
    let running = container("48").start();
    running.wait_for_line(|line| line.contains("| serves"), LIMIT);
    running.wait_for_line(|line| line.contains("cannot create a pipe: Too many open files"), LIMIT);
    let first = running.pid_one();
    let before = ticks(first);
    running.wait_until(|lines| lines.iter().filter(|line| line.text.contains("starts again in 2s")).count() > 3, LIMIT);
    assert!(ticks(first) - before < 100, "{} ticks", ticks(first) - before);
    let fix = "48 open files are allowed, and 20 programs may need 144; fix: compose: `ulimits: { nofile: 144 }`; docker run: \
        `--ulimit nofile=144`";
    says("48", &stop(running), 0, &[fix]);
}

/// A service is started before the main command, and keeps its pipes: with too few descriptors the main command would never
/// begin.
#[test]
fn with_few_descriptors_the_main_command_runs_or_nothing_does_and_the_limit_is_named() {
    if !possible() {
        return;
    }
    let (mut ran, mut refused) = (0, 0);
    for limit in [20, 22, 24, 25, 26, 27, 28, 29, 30, 31, 32, 34, 36, 40, 44, 48, 64] {
        let web = "command = [\"/bin/sh\", \"-c\", \"echo serves; exec sleep 600\"]\n";
        let container =
            BareContainer::new().app().etc("services.d/web.toml", web).command(&["/bin/echo", "the main command runs"]);
        let ended = container.inside(&format!("ulimit -n {limit}")).run();
        let text = text(&ended);
        let runs = text.contains("the main command runs");
        match ended.code {
            Some(0) if runs => ran += 1,
            Some(111) if !runs && !text.contains("serves") && text.contains("`--ulimit nofile=72`") => refused += 1,
            code => panic!("{limit}: {code:?} {text}"),
        }
    }
    assert!(ran > 0 && refused > 0, "{ran} {refused}");
}

/// What is said to be needed is what is open when all run, and what the last start takes besides: the exec pipe, and the far
/// ends of its own pipes.
#[test]
fn no_more_descriptors_are_asked_for_than_the_declared_programs_take() {
    if !possible() {
        return;
    }
    let web = "command = [\"/bin/sh\", \"-c\", \"echo serves; exec sleep 600\"]\n";
    let bare = || BareContainer::new().app().command(&["/bin/sh", "-c", "echo main runs; exec sleep 600"]);
    let beside = || bare().etc("services.d/web.toml", web);
    for (container, besides) in [(&bare as &dyn Fn() -> BareContainer, 2), (&beside, 4)] {
        let running = container().env("STEPDOWN_LOG", "debug").start();
        // The exec pipe has been read.
        running.wait_for_line(|line| line.contains("main: up"), LIMIT);
        let open = open_below(64, running.pid_one());
        stop(running);
        let enough = open + besides;
        let running = container().inside(&format!("ulimit -n {enough}")).start();
        running.wait_for_line(|line| line.ends_with("main runs"), LIMIT);
        stop(running);
        let ended = container().inside(&format!("ulimit -n {}", enough - 1)).run();
        says("one less", &ended, 111, &[&format!("{} open files are allowed, and at least {enough}", enough - 1)]);
    }
}

/// What is lower than the hard limit is raised before the first program, and each gets back what the container was given.
#[test]
fn a_low_soft_limit_is_raised_for_root_oneshots_too_and_no_program_sees_it() {
    if !possible() {
        return;
    }
    let first =
        "type = \"oneshot\"\nuser = \"root\"\ncommand = [\"/bin/sh\", \"-c\", \"echo first has $(ulimit -n)\"]\n";
    let container = BareContainer::new().app().etc("services.d/first.toml", first).inside("ulimit -Sn 26");
    let ended = container.command(&["/bin/sh", "-c", "echo main has $(ulimit -n)"]).run();
    says("soft", &ended, 0, &["first has 26", "main has 26"]);
}

/// The printed `--ulimit`, pasted, gives the service what it declares.
#[test]
fn a_limit_above_the_containers_is_had_by_the_printed_flag() {
    if !possible() {
        return;
    }
    let web =
        "type = \"oneshot\"\ncommand = [\"/bin/sh\", \"-c\", \"echo has $(ulimit -n)\"]\nlimits = { nofile = 800 }\n";
    let container = |soft: &str, hard: &str| {
        let limit = format!("ulimit -Sn {soft}; ulimit -Hn {hard}");
        BareContainer::new().app().etc("services.d/web.toml", web).inside(&limit)
    };
    let trouble = "`web`: nofile: 800 is above the hard limit 500 of this container; `web` runs with 500";
    let ended = container("500", "500").run();
    let fix = "docker run: `--ulimit nofile=800:800`; or compose: `cap_add: [SYS_RESOURCE]`; docker run: `--cap-add SYS_RESOURCE`";
    says("before", &ended, 0, &[trouble, fix]);
    let ended = container("800", "800").run();
    assert!(!text(&ended).contains(trouble), "{}", text(&ended));
    says("--ulimit", &ended, 0, &["has 800"]);
}

/// The limit counts all processes of a user on this machine: nobody else has this number.
const LONELY: &str = "54321";

#[test]
fn a_fork_bomb_at_its_limit_is_ended_without_a_fork() {
    if !possible() {
        return;
    }
    let bomb = "command = [\"/bin/sh\", \"-c\", \"bomb() { bomb | bomb & }; echo armed; bomb; exec sleep 600\"]\n\
        [stop]\ntimeout = \"500ms\"\ngroup = true\n";
    let container = BareContainer::new().env("PUID", LONELY).env("PGID", LONELY).etc("services.d/bomb.toml", bomb);
    let running = container.inside("prlimit --nproc=60 --pid $$").start();
    running.wait_for_line(|line| line.contains("Cannot fork"), LIMIT);
    let first = running.pid_one();
    assert_eq!(status(first, "Uid:"), format!("{LONELY}\t{LONELY}\t{LONELY}\t{LONELY}"));
    let ended = stop(running);
    let all = text(&ended);
    assert!(ended.code == Some(0) && all.matches(": stopped, killed by SIGTERM").count() == 1, "{all}");
}

/// Of root's open files, none reaches a service, and the working directory is none of the kernel's.
#[test]
fn descriptors_that_the_runtime_leaked_reach_nobody() {
    if !possible() {
        return;
    }
    let shows = "type = \"oneshot\"\ncommand = [\"/bin/ls\", \"-l\", \"/proc/self/fd\", \"/proc/self/cwd\"]\n";
    let leak = "exec 3< /etc/passwd 4> /out/leaked 5< / 6<> /dev/null 7< /proc/self 8< /usr/bin 9< /etc/group";
    let leaking = || BareContainer::new().app().inside(leak);
    let main = leaking().command(&["/bin/ls", "-l", "/proc/self/fd", "/proc/self/cwd"]).run();
    for ended in [main, leaking().etc("services.d/shows.toml", shows).run()] {
        says("leaks", &ended, 0, &["/proc/self/cwd -> /"]);
        let open: Vec<_> = ended.lines.iter().filter_map(|line| line.text.split_once(" -> ")).collect();
        let numbers: Vec<_> =
            open.iter().filter_map(|(left, _)| left.rsplit(' ').next()?.parse::<i32>().ok()).collect();
        // The last one is the list itself.
        assert_eq!(numbers, [0, 1, 2, 3], "{}", text(&ended));
        assert!(open.iter().any(|(left, to)| left.ends_with(" 3") && to.ends_with("/fd")), "{}", text(&ended));
    }
}

/// Before Linux 6.14 this is the whole machine's, and would be its end.
fn pid_max_is_the_namespaces() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(['.', '-']).map_while(|word| word.trim().parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(14))
}

/// Ten numbers for all: the number of whoever ends is somebody else's a moment later.
#[test]
fn where_numbers_are_used_again_at_once_no_signal_reaches_the_wrong_one() {
    if !possible() {
        return;
    }
    if !pid_max_is_the_namespaces() {
        crate::support::skip::skipped("before Linux 6.14 a PID namespace has no pid_max of its own");
        return;
    }
    let canary = "command = [\"/bin/sh\", \"-c\", \"for s in HUP INT QUIT USR1 USR2; do trap \\\"echo hit by $s\\\" $s; done; \
        trap 'echo ended; exit 0' TERM; echo sings; while :; do sleep 0.01; done\"]\n";
    // Ends by itself while it is restarted.
    let victim = "command = [\"/bin/sh\", \"-c\", \"exit 0\"]\nrestart = { delay = \"100ms\", max_delay = \"100ms\", limit = \"infinity\" }\n\
        stop = { signal = \"USR1\" }\n";
    let driver = "type = \"oneshot\"\nessential = false\nafter = [\"canary\"]\ncommand = [\"/bin/sh\", \"-c\", \
        \"at=0; while [ $at -lt 150 ]; do /stepdown restart victim >/out/told 2>&1; at=$((at + 1)); done; echo drove\"]\n";
    let container = BareContainer::new().app().inside("echo 320 > /proc/sys/kernel/pid_max");
    let container = container.etc("services.d/canary.toml", canary).etc("services.d/victim.toml", victim);
    let running = container.etc("services.d/driver.toml", driver).start();
    running.wait_for_line(|line| line.contains("| sings"), LIMIT);
    running.wait_for_line(|line| line.contains("| drove"), LIMIT);
    let ended = stop(running);
    let all = text(&ended);
    assert!(ended.code == Some(0) && !all.contains("hit by"), "{all}");
    assert_eq!(all.matches("| ended").count(), 1, "{all}");
    let most = all.lines().filter_map(|line| line.split_once("pid ")?.1.split(',').next()?.parse::<u32>().ok()).max();
    assert!(most.is_some_and(|most| most < 320), "{all}");
}

/// A control group whose processes can be frozen as hard as a disk that never answers; thawed and gone when dropped.
struct Freezer(std::path::PathBuf);

impl Freezer {
    /// `None` where there is no freezer of the first version: one of the second lets frozen processes be killed.
    fn new() -> Option<Self> {
        let path = std::path::PathBuf::from(format!("/sys/fs/cgroup/freezer/stepdown-test-{}", std::process::id()));
        fs::create_dir(&path).ok().map(|()| Self(path))
    }

    fn freeze(&self, pid: i32) {
        fs::write(self.0.join("cgroup.procs"), pid.to_string()).unwrap();
        fs::write(self.0.join("freezer.state"), "FROZEN").unwrap();
    }

    fn thaw(&self) {
        fs::write(self.0.join("freezer.state"), "THAWED").unwrap();
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        let _thawed = fs::write(self.0.join("freezer.state"), "THAWED");
        let until = std::time::Instant::now() + LIMIT;
        while fs::remove_dir(&self.0).is_err() && std::time::Instant::now() < until {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

#[test]
fn a_process_that_cannot_be_killed_is_reported_and_blocks_no_other() {
    if !possible() {
        return;
    }
    let Some(freezer) = Freezer::new() else {
        crate::support::skip::skipped("there is no freezer of control groups version 1");
        return;
    };
    let web = "command = [\"sleep\", \"600\"]\nstop = { timeout = \"300ms\" }\n";
    let container = BareContainer::new().app().etc("services.d/web.toml", web).etc("services.d/db.toml", web);
    let running = container.env("STEPDOWN_STOP_TIMEOUT", "2s").start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    running.wait_for_line(|line| line.contains("db: up"), LIMIT);
    let first = running.pid_one();
    freezer.freeze(crate::support::try_container::descendants(first)[0]);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(first), nix::sys::signal::Signal::SIGTERM).unwrap();
    running.wait_for_line(|line| line.contains("cannot be killed"), LIMIT);
    freezer.thaw();
    let ended = running.wait(LIMIT);
    let all = text(&ended);
    assert!(ended.code == Some(0) && all.matches(": stopped, killed by SIGTERM").count() == 1, "{all}");
}
