//! What a service was started with stays with that run; and the loop of PID 1 itself touches nothing that may hang: what
//! lies on a disk is looked up, read and written by children.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::try_container;
use crate::support::try_container::{LIMIT, Running, TryContainer, descendants, possible};
use crate::support::wait::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

const BINARY: &str = try_container::INSIDE;
const APP: u32 = 1234;

fn app() -> TryContainer {
    TryContainer::new().env("PUID", "1234").env("PGID", "1234").env("STEPDOWN_LOG_FORMAT", "tagged")
}

/// A volume of the app user's.
fn volume() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    chown(place.path(), Some(APP), Some(APP)).unwrap();
    place
}

fn put(volume: &TempDir, name: &str, text: &str, mode: u32) {
    let path = volume.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    chown(&path, Some(APP), Some(APP)).unwrap();
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// A path as the container sees it: what it writes on a volume stays in its own view.
fn seen_inside(running: &Running, path: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{}/root{path}", running.pid_one()))
}

/// A command inside, as root, as `docker exec` runs it.
fn inside(running: &Running, words: &[&str]) -> std::process::Output {
    let mut command = Command::new("nsenter");
    command.args(["--target", &running.pid_one().to_string(), "--mount", "--pid", "--"]).args(words);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn stepdown(running: &Running, words: &[&str]) -> String {
    let output = inside(running, &[&[BINARY], words].concat());
    let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {printed}");
    printed
}

#[test]
fn a_run_keeps_the_variables_that_its_file_had_at_its_start() {
    if !possible() {
        return;
    }
    let data = volume();
    put(&data, "web.env", "SECRET=first\n", 0o644);
    let says = |who: &str| format!("[\"/bin/sh\", \"-c\", 'echo \"{who} $SECRET\" >> /data/seen']");
    let toml = format!(
        "command = [\"/bin/sh\", \"-c\", 'echo \"run $SECRET\" >> /data/seen; exec sleep 600']\n\
         environment_file = \"/data/web.env\"\n\
         health = {{ command = {}, interval = \"50ms\", failures = 1 }}\n\
         reload = {{ command = {} }}\nfinish = {}\nrestart = {{ limit = 1 }}\n",
        says("health"),
        says("reload"),
        says("finish"),
    );
    // What undoes a oneshot is part of the same run.
    let once = format!(
        "type = \"oneshot\"\ncommand = [\"/bin/true\"]\nenvironment_file = \"/data/web.env\"\nstop_command = {}\n",
        says("undo")
    );
    let running = app().volume(data.path(), "/data").service("web.toml", &toml).service("once.toml", &once).start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    let seen = seen_inside(&running, "/data/seen");
    let count = |word: &str| text(&seen).lines().filter(|line| *line == word).count();
    wait_until("it is never asked", || count("health first") > 0);
    fs::remove_file(seen_inside(&running, "/data/web.env")).unwrap();
    let before = count("health first");
    wait_until("it is not asked any more, or not with what it was started with", || count("health first") > before + 2);
    stepdown(&running, &["reload", "web"]);
    assert!(stepdown(&running, &["env", "web", "--show-secrets"]).contains("SECRET=first"));
    stepdown(&running, &["stop", "web"]);
    stepdown(&running, &["stop", "once"]);
    let all = text(&seen);
    assert!(all.lines().all(|line| line.ends_with(" first")), "{all}");
    for word in ["run first", "reload first", "finish first", "undo first"] {
        assert_eq!(count(word), 1, "{word}: {all}");
    }
    // The next run reads it again: it is gone.
    let refused = !inside(&running, &[BINARY, "start", "web"]).status.success();
    let why = "cannot read environment_file /data/web.env: No such file or directory";
    running.wait_for_line(|line| line.contains(why), LIMIT);
    assert!(refused);
}

/// Writes down every system call of PID 1, and of nobody else, until it is ended.
struct Trace {
    strace: Child,
    place: TempDir,
}

impl Trace {
    fn start(running: &Running) -> Self {
        let place = tempfile::tempdir().unwrap();
        let mut strace = Command::new("strace");
        let output = place.path().join("calls");
        strace.args(["-y", "-s", "256", "-p", &running.pid_one().to_string(), "-o"]).arg(&output);
        let strace = strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let trace = Self { strace: strace.expect("strace is installed by .ci/packages"), place };
        wait_until("strace does not trace PID 1", || try_container::status(running.pid_one(), "TracerPid:") != "0");
        trace
    }

    /// Returns the calls that name one of these paths, by a word or by a descriptor, and those that wait for anything but
    /// the loop's own events.
    fn calls(mut self, paths: &[&str]) -> (Vec<String>, Vec<String>) {
        // Requested to, it lets go between two calls, not within one.
        kill(Pid::from_raw(i32::try_from(self.strace.id()).unwrap()), Signal::SIGTERM).unwrap();
        self.strace.wait().unwrap();
        let all = text(&self.place.path().join("calls"));
        assert!(all.contains("epoll_wait"), "nothing was traced: {all}");
        // What it reads from children and writes to its output may speak of any path.
        let moves = ["read(", "write(", "recv", "send"];
        let names = |line: &&str| {
            let named = if moves.iter().any(|call| line.starts_with(call)) {
                line.split(", ").next().unwrap_or_default()
            } else {
                line
            };
            paths.iter().any(|path| named.contains(path))
        };
        let waits = ["poll(", "ppoll(", "nanosleep(", "clock_nanosleep(", "fsync(", "fdatasync(", "wait4("];
        let waits = |line: &&str| waits.iter().any(|call| line.starts_with(call));
        let lines = |wanted: &dyn Fn(&&str) -> bool| all.lines().filter(wanted).map(str::to_owned).collect();
        (lines(&names), lines(&waits))
    }

    /// Returns both in one.
    fn calls_about(self, paths: &[&str]) -> Vec<String> {
        let (names, waits) = self.calls(paths);
        [names, waits].concat()
    }
}

#[test]
fn the_loop_touches_no_path_that_a_service_declares() {
    if !possible() {
        return;
    }
    let slow = volume();
    put(&slow, "web.env", "SECRET=first\n", 0o644);
    put(&slow, "bin/cleanup", "#!/bin/sh\necho \"cleanup $SECRET\" >> /slow/seen\n", 0o755);
    put(&slow, "bin/undo", "#!/bin/sh\necho \"undo $SECRET\" >> /slow/seen\n", 0o755);
    put(&slow, "bin/well", "#!/bin/sh\necho \"well $SECRET\" >> /slow/seen\n", 0o755);
    let toml = "command = [\"/bin/sleep\", \"600\"]\nenvironment_file = \"/slow/web.env\"\ndirectory = \"/slow\"\n\
        ready = { path = \"/slow/web.env\" }\nfinish = [\"cleanup\"]\noom_score_adj = 500\n\
        health = { command = [\"well\"], interval = \"50ms\" }\n";
    let once = "type = \"oneshot\"\ncommand = [\"/bin/true\"]\nenvironment_file = \"/slow/web.env\"\n\
        stop_command = [\"undo\"]\n";
    let running = app()
        .env("PATH", "/slow/bin:/usr/bin:/bin")
        .volume(slow.path(), "/slow")
        .service("web.toml", toml)
        .service("once.toml", once)
        .start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    let trace = Trace::start(&running);
    stepdown(&running, &["restart", "web"]);
    let seen = seen_inside(&running, "/slow/seen");
    wait_until("it is never asked again", || text(&seen).contains("cleanup first\nwell first\n"));
    stepdown(&running, &["env", "web"]);
    stepdown(&running, &["stop", "web"]);
    stepdown(&running, &["stop", "once"]);
    assert_eq!(text(&seen).lines().filter(|line| *line == "undo first").count(), 1);
    assert_eq!(trace.calls_about(&["/slow"]), [""; 0]);
}

#[test]
fn a_score_that_cannot_be_set_yet_is_tried_again_without_waiting_for_it() {
    if !possible() {
        return;
    }
    let tools = volume();
    // Nobody may read it, so that its files in /proc stay root's; and it is called like PID 1, as a child is before its exec.
    fs::copy("/bin/sleep", tools.path().join("stepdown")).unwrap();
    fs::set_permissions(tools.path().join("stepdown"), fs::Permissions::from_mode(0o111)).unwrap();
    let toml = "command = [\"/tools/stepdown\", \"600\"]\noom_score_adj = 500\n";
    let running = app().volume(tools.path(), "/tools").service("web.toml", toml).start();
    let refused = |line: &str| line.contains("cannot set oom_score_adj of process ");
    running.wait_for_line(refused, LIMIT);
    let trace = Trace::start(&running);
    stepdown(&running, &["restart", "web"]);
    running.wait_until(|lines| lines.iter().filter(|line| refused(&line.text)).count() == 2, LIMIT);
    let (tries, waits) = trace.calls(&["oom_score_adj"]);
    assert!(tries.len() > 1, "it is tried once: {tries:#?}");
    assert_eq!(waits, [""; 0]);
}

#[test]
fn a_reload_looks_at_no_path_that_the_new_configuration_names() {
    if !possible() {
        return;
    }
    let slow = volume();
    put(&slow, "bin/new", "#!/bin/sh\nexec sleep 600\n", 0o755);
    let running = app()
        .env("PATH", "/slow/bin:/usr/bin:/bin")
        .volume(slow.path(), "/slow")
        .service("web.toml", "command = [\"sleep\", \"600\"]\n")
        .start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    let new = "command = ['new']\ndirectory = '/slow'\nfinish = ['/slow/bin/new']\n\
        health = { command = ['/slow/bin/new'] }\nlog = { directory = '/slow/logs' }\n";
    fs::write(seen_inside(&running, "/etc/services.d/new.toml"), new).unwrap();
    let trace = Trace::start(&running);
    stepdown(&running, &["reload"]);
    running.wait_for_line(|line| line.contains("new: up"), LIMIT);
    assert_eq!(trace.calls_about(&["/slow", "/etc/services.d"]), [""; 0]);
}

#[test]
fn the_loop_writes_no_log_file_and_waits_for_no_log_writer() {
    if !possible() {
        return;
    }
    let slow = volume();
    // As many lines as there is no room for anywhere: files of 4 KiB that rotate and are compressed.
    let floods = "command = [\"/bin/sh\", \"-c\", 'trap \"exit 0\" TERM; n=0; while true; do n=$((n+1)); echo \"line $n\"; done']\n\
        log = { directory = \"/slow/logs\", max_size = \"4K\", keep = 3, compress = true }\n";
    let running = app().stop_timeout(8).volume(slow.path(), "/slow").service("web.toml", floods).start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    let logs = seen_inside(&running, "/slow/logs");
    let files = || fs::read_dir(&logs).map(Iterator::count).unwrap_or_default();
    wait_until("nothing is written", || files() > 3);
    let trace = Trace::start(&running);
    let packed = || fs::read_dir(&logs).unwrap().flatten().map(|entry| entry.file_name()).max();
    let before = packed();
    wait_until("no file becomes full", || packed() != before);
    // A disk that hangs: a process that writes on it does not return.
    let writer = writer_of(&running);
    kill(writer, Signal::SIGSTOP).unwrap();
    // Then the service waits, and PID 1 does not.
    wait_until("the service does not wait", || {
        let place = running.pid_one();
        descendants(place).into_iter().any(|pid| wait_channel(pid).contains("pipe_write"))
    });
    assert!(stepdown(&running, &["status"]).contains("web"));
    assert!(stepdown(&running, &["logs", "web"]).contains("line "));
    // A writer that is killed loses nothing and doubles nothing but what it had not said to be written.
    kill(writer, Signal::SIGKILL).unwrap();
    running.wait_for_line(|line| line.contains("web: its log writer") && line.contains("was killed"), LIMIT);
    let before = packed();
    wait_until("nobody writes any more", || packed() != before);
    stepdown(&running, &["stop", "web"]);
    assert_eq!(trace.calls_about(&["/slow"]), [""; 0]);
}

/// Returns the process that has a service's log file open.
fn writer_of(running: &Running) -> Pid {
    let mut found = None;
    wait_until("nobody writes", || {
        let all = descendants(running.pid_one());
        let writes = |pid: &i32| {
            let fds = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            fds.filter_map(|fd| fs::read_link(fd.path()).ok()).any(|path| path.ends_with("logs/current"))
        };
        found = all.into_iter().find(writes);
        found.is_some()
    });
    Pid::from_raw(found.unwrap())
}

fn wait_channel(pid: i32) -> String {
    text(Path::new(&format!("/proc/{pid}/wchan"))) + &text(Path::new(&format!("/proc/{pid}/stack")))
}
