//! The real binary as the real PID 1 while inputs never pause: signals, exits, deadlines and callers have their share of
//! each turn of the event loop nevertheless.
//!
//! Nothing here is measured in time. One service, `clock`, floods its log and counts what PID 1 reads of it, which is
//! bounded in each turn: what it counts between a cause and its effect is a number of turns. While PID 1 does not run, its
//! pipe is full and it counts nothing, so a loaded machine changes no count.

use crate::support::try_container::{LIMIT, Stdout, TryContainer, possible};

/// Turns of the loop that may pass between a cause and its effect: a request passes through several tasks.
const MAX_TURNS: u64 = 6;
/// What the loop may read of one pipe in one turn, in units of 4 KiB (`log::logs`).
const SHARE: u64 = 64;
/// What a pipe holds, in the same unit.
const PIPE: u64 = 16;

/// Says `count WHAT UNITS`: of a zombie until it is reaped, of a request until its answer, of SIGTERM to PID 1 until
/// SIGTERM to itself; and `count deadline UNITS` for each unit after the stop timeout, until SIGKILL.
const CLOCK: &str = r#"
use strict; use warnings; use Socket; use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);
my $block = ("y" x 63 . "\n") x 64;
my $units = 0;
sub unit { until (defined syswrite STDOUT, $block) {} $units++ }
sub forked { my $pid; until (defined($pid = fork())) {} $pid }
sub said { syswrite STDERR, "count $_[0] $units\n"; }
sub state_of { open(my $f, "<", "/proc/$_[0]/stat") or return "gone"; (<$f> // "") =~ /.*\) (.)/ ? $1 : "gone" }
unit() for 1 .. 256;
for (1 .. 20) {
    pipe(my $pid_of, my $tell); pipe(my $wait, my $go);
    my $parent = forked();
    if (!$parent) {
        if (my $orphan = forked()) { syswrite $tell, "$orphan\n"; exec "true"; }
        close $go; sysread $wait, my $nothing, 1; exec "true";
    }
    waitpid $parent, 0;
    chomp(my $orphan = <$pid_of>);
    close $wait; close $go;
    unit() until state_of($orphan) =~ /Z|gone/;
    $units = 0;
    unit() until state_of($orphan) eq "gone";
    said("exit");
}
for (1 .. 10) {
    socket(my $to, PF_UNIX, SOCK_STREAM, 0); connect($to, sockaddr_un("/run/stepdown/control")) or die "connect: $!";
    syswrite $to, "{\"request\":\"status\"}\n";
    $units = 0;
    my $set = ""; vec($set, fileno $to, 1) = 1;
    unit() until select(my $ready = $set, undef, undef, 0);
    said("answer");
    1 while sysread $to, my $rest, 65536;
}
my $told;
$SIG{TERM} = sub { $told //= clock_gettime(CLOCK_MONOTONIC) };
$units = 0;
kill TERM => 1 or die "kill: $!";
unit() until $told;
said("stop");
unit() until clock_gettime(CLOCK_MONOTONIC) >= $told + 2;
$units = 0;
while (1) { unit(); said("deadline") }
"#;

const READINESS: &str = "open(my $to, '>&=', 3) or die; 1 while syswrite $to, 'x' x 4096";
const NOTIFY: &str = "use Socket; socket(my $s, PF_UNIX, SOCK_DGRAM, 0); my $to = $ENV{NOTIFY_SOCKET}; $to =~ s/^@/\\0/; \
    connect($s, sockaddr_un($to)) or die $!; 1 while send($s, \"STATUS=busy\\nWATCHDOG=1\", 0)";
const CALLER: &str = "use Socket; while (1) { socket(my $s, PF_UNIX, SOCK_STREAM, 0); \
    connect($s, sockaddr_un('/run/stepdown/control')) or next; syswrite $s, qq({\"request\":\"status\"}\\n); \
    1 while sysread $s, my $all, 65536 }";

/// Orphans without end; not so many at a time that nobody else can fork.
const EXITS: &str = "my @orphans; while (1) { pipe(my $from, my $to); my $parent = fork() // next; \
    if (!$parent) { my $orphan = fork(); syswrite $to, \"$orphan\\n\" if $orphan; exec 'true' } \
    close $to; push @orphans, readline($from) // next; waitpid $parent, 0; \
    while (@orphans >= 32) { @orphans = grep { kill 0, $_ } @orphans } }";

/// Real-time signals queue, and so would their handler's calls.
const SIGNALS: &str = "fork(); while (1) { kill $_, 1 for 42, 43, 'USR2' }";

/// Who floods, so many of each.
fn floods(kind: &str) -> Vec<(String, String)> {
    let many = |count: usize, text: &str| -> Vec<(String, String)> {
        (0..count).map(|index| (format!("{kind}-{index}.toml"), text.to_owned())).collect()
    };
    // Lines of some length: a debug build spends its time on each line.
    let line = "y".repeat(63);
    let perl = |script: &str| format!("command = [\"perl\", \"-e\", '''{script}''']\n");
    match kind {
        "tagged" => many(8, &format!("command = [\"yes\", \"{line}\"]\n")),
        "json" => many(4, &format!("command = [\"yes\", \"{line}\"]\nlog = {{ format = \"json\" }}\n")),
        "files" => (0..2)
            .map(|index| {
                let log = format!("{{ directory = \"/tmp/log-{index}\", max_size = \"1M\", keep = 2 }}");
                (format!("files-{index}.toml"), format!("command = [\"yes\", \"{line}\"]\nlog = {log}\n"))
            })
            .collect(),
        "readiness" => many(4, &(perl(READINESS) + "ready = { fd = 3 }\n")),
        "notify" => many(4, &(perl(NOTIFY) + "ready = { notify = true }\n")),
        "probes" => many(4, "command = [\"sleep\", \"600\"]\nhealth = { command = [\"yes\"], timeout = \"60s\" }\n"),
        "callers" => many(2, &perl(CALLER)),
        "exits" => many(2, &perl(EXITS)),
        "signals" => many(1, &perl(SIGNALS)),
        other => panic!("{other}"),
    }
}

const ALL: [&str; 9] = ["tagged", "json", "files", "readiness", "notify", "probes", "callers", "exits", "signals"];

fn within_its_turns(kinds: &[&str], stdout: Stdout) {
    if !possible() {
        return;
    }
    let clock = format!("command = [\"perl\", \"-e\", '''{CLOCK}''']\nstop = {{ timeout = \"2s\" }}\n");
    let container =
        TryContainer::new().env("PUID", "1234").env("PGID", "2345").env("STEPDOWN_LOG_FORMAT", "tagged").stdout(stdout);
    let container = container.service("clock.toml", &clock);
    let all = kinds.iter().flat_map(|kind| floods(kind));
    let ended = all.fold(container, |container, (name, text)| container.service(&name, &text)).start().wait(4 * LIMIT);
    for (what, times) in [("exit", 20), ("answer", 10), ("stop", 1), ("deadline", 0)] {
        let counts = ended.lines.iter().filter_map(|line| line.text.split_once(&format!("| count {what} ")));
        let counts: Vec<u64> = counts.map(|(_, count)| count.parse().unwrap()).collect();
        println!("{what}: {counts:?}");
        assert!(counts.len() >= times, "{what}: {counts:?}; {:#?}", ended.lines);
        let most = counts.iter().max().copied().unwrap_or_default();
        assert!(most <= PIPE + MAX_TURNS * SHARE, "{what}: {most} units, {counts:?}");
    }
}

#[test]
fn tagged_logs_without_end_keep_nobody_waiting() {
    within_its_turns(&["tagged"], Stdout::Discarded);
}

#[test]
fn an_output_that_is_always_writable_again_keeps_nobody_waiting() {
    within_its_turns(&["tagged"], Stdout::ReadAndDiscarded);
}

#[test]
fn json_logs_without_end_keep_nobody_waiting() {
    within_its_turns(&["json"], Stdout::Discarded);
}

#[test]
fn log_files_without_end_keep_nobody_waiting() {
    within_its_turns(&["files"], Stdout::Discarded);
}

#[test]
fn a_readiness_descriptor_without_end_keeps_nobody_waiting() {
    within_its_turns(&["readiness"], Stdout::Discarded);
}

#[test]
fn notifications_without_end_keep_nobody_waiting() {
    within_its_turns(&["notify"], Stdout::Discarded);
}

#[test]
fn probe_output_without_end_keeps_nobody_waiting() {
    within_its_turns(&["probes"], Stdout::Discarded);
}

#[test]
fn callers_without_end_keep_nobody_waiting() {
    within_its_turns(&["callers"], Stdout::Discarded);
}

#[test]
fn exits_without_end_keep_nobody_waiting() {
    within_its_turns(&["exits"], Stdout::Discarded);
}

#[test]
fn signals_without_end_keep_nobody_waiting() {
    within_its_turns(&["signals"], Stdout::Discarded);
}

#[test]
fn all_inputs_at_once_keep_nobody_waiting() {
    within_its_turns(&ALL, Stdout::Discarded);
}
