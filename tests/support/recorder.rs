//! The recorder: started as a service, it writes down everything that it sees of itself, of PID 1 and of who started it, as
//! one line `RECORD {json}` on its standard output. With `--stay` it then waits for a signal; with `--exit N` it ends with
//! that code; with `--until-term N` it says `TERM` when it is told to stop, and ends with that code. Before all that it
//! writes a file (`--touch PATH`, as often as wanted), reads one (`--read PATH`) and answers HTTP (`--http PORT`), and its
//! record says what became of that; with `--places` it also tries to write in many places.
#![allow(unsafe_code)] // asks the kernel directly: what is tested must not stand between
#![allow(clippy::print_stdout, clippy::disallowed_methods, missing_docs)]

#[path = "recorder_places.rs"]
mod places;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigSet, Signal};
use serde_json::{Value, json};

fn main() -> ExitCode {
    // First, before this program opens anything itself.
    let descriptors = descriptors();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let valued = |wanted: &'static str| {
        arguments
            .windows(2)
            .filter(move |pair| pair.first().is_some_and(|name| name == wanted))
            .filter_map(|pair| pair.get(1))
    };
    let port = valued("--http").next().map(|port| listen(port));
    let mut record = json!({
        "self": process("self"),
        "descriptors": descriptors,
        "umask": umask(),
        "securebits": prctl(libc::PR_GET_SECUREBITS),
        "dumpable": prctl(libc::PR_GET_DUMPABLE),
        "signals": signals(),
        "environment": environment(),
        "directory": std::env::current_dir().map(|path| path.display().to_string()).unwrap_or_default(),
        "session": session(),
        "limits": limits(),
        "nice": nice(),
        "oom_score_adj": fs::read_to_string("/proc/self/oom_score_adj").unwrap_or_default().trim(),
        "pid_one": pid_one(),
        // How many filters: the runtime's and PID 1's own are told apart by nothing else.
        "seccomp": status_line("Seccomp_filters"),
        "cgroup": cgroup(),
        "starter": process(&std::os::unix::process::parent_id().to_string()),
        "files": valued("--touch")
            .map(|path| (path.clone(), touch(path)))
            .chain(valued("--read").map(|path| (path.clone(), read(path))))
            .collect::<BTreeMap<_, _>>(),
    });
    if let Some(port) = &port {
        record["port"] = json!(port.as_ref().map_or_else(errno, |_| "bound".to_owned()));
    }
    let mut message = SigSet::empty();
    message.add(Signal::SIGTERM);
    let last = valued("--until-term").chain(valued("--exit")).next().and_then(|code| code.parse().ok());
    if arguments.iter().any(|argument| argument == "--until-term") {
        // Before there is a second thread, and before anybody knows that we are here.
        message.thread_block().expect("a process may block its signals");
    }
    if let Some(Ok(listener)) = port {
        std::thread::spawn(move || answer_http(&listener));
    }
    if arguments.iter().any(|argument| argument == "--places") {
        record["places"] = places::all();
    }
    println!("RECORD {record}");
    if arguments.iter().any(|argument| argument == "--until-term") {
        message.wait().expect("the set is a valid one");
        println!("TERM");
    }
    if arguments.iter().any(|argument| argument == "--stay") {
        loop {
            // SAFETY: waits for a signal.
            unsafe { libc::pause() };
        }
    }
    last.unwrap_or(0).into()
}

/// Everybody's port, not only this container's own.
fn listen(port: &str) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port.parse().map_err(io::Error::other)?))
}

/// Says `hello` to everybody.
fn answer_http(listener: &TcpListener) {
    for stream in listener.incoming().flatten() {
        let mut stream = stream;
        // A client that closes early has read enough.
        let _asked = stream.read(&mut [0; 4096]);
        let _said = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n");
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|cause| errno(&cause))
}

/// Writes a file as a service does, and says what became of that.
fn touch(path: &str) -> String {
    fs::write(path, "written by the recorder\n").map_or_else(|cause| errno(&cause), |()| "written".to_owned())
}

/// Ids and capability sets, from the status file: what the kernel says of `self` or `1`.
fn process(who: &str) -> Value {
    let Ok(status) = fs::read_to_string(format!("/proc/{who}/status")) else { return json!("unreadable") };
    let line = |name: &str| {
        let found = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        found.unwrap_or_default().trim().to_owned()
    };
    let numbers =
        |name: &str| -> Vec<u32> { line(name).split_whitespace().filter_map(|word| word.parse().ok()).collect() };
    json!({
        "uids": numbers("Uid"),
        "gids": numbers("Gid"),
        "groups": numbers("Groups"),
        "inheritable": line("CapInh"),
        "permitted": line("CapPrm"),
        "effective": line("CapEff"),
        "bounding": line("CapBnd"),
        "ambient": line("CapAmb"),
        "no_new_privs": line("NoNewPrivs"),
        "threads": line("Threads"),
    })
}

/// Which signals are blocked and ignored; caught ones are this program's own.
fn signals() -> Value {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
    // Rust ignores SIGPIPE (bit 12) before `main`: what was inherited cannot be determined any more, and is not reported.
    let ignored = u64::from_str_radix(&line("SigIgn:"), 16).unwrap_or(u64::MAX) & !(1 << 12);
    json!({ "blocked": line("SigBlk:"), "ignored": format!("{ignored:016x}") })
}

/// Every open descriptor, whatever its flags, with what it is.
fn descriptors() -> Value {
    let mut all = BTreeMap::new();
    for fd in 0..4096 {
        // SAFETY: only asks.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0 {
            let target = fs::read_link(format!("/proc/self/fd/{fd}"));
            let text = target.map(|path| path.display().to_string()).unwrap_or_else(|cause| cause.to_string());
            // `pipe:[4711]`: the number says nothing.
            let kind = text.split(":[").next().unwrap_or_default().to_owned();
            all.insert(fd.to_string(), kind);
        }
    }
    json!(all)
}

fn status_line(name: &str) -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    found.unwrap_or_default().trim().to_owned()
}

/// Whether it is at the top of the cgroups that it can see, which it is in a namespace of its own.
fn cgroup() -> &'static str {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    if text.lines().all(|line| line.ends_with(":/")) { "top" } else { "below" }
}

fn environment() -> Value {
    let text = |word: std::ffi::OsString| word.to_string_lossy().into_owned();
    json!(std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect::<BTreeMap<_, _>>())
}

fn umask() -> String {
    // SAFETY: sets and restores a number.
    let mask = unsafe { libc::umask(0) };
    // SAFETY: as above.
    unsafe { libc::umask(mask) };
    format!("{mask:03o}")
}

fn prctl(option: i32) -> i32 {
    // SAFETY: both options only return a number.
    unsafe { libc::prctl(option, 0, 0, 0, 0) }
}

/// Session, process group and parent; `self` where the number is our own, which differs from run to run.
fn session() -> Value {
    // SAFETY: these only return numbers.
    let (pid, ppid, pgid, sid) = unsafe { (libc::getpid(), libc::getppid(), libc::getpgid(0), libc::getsid(0)) };
    let named = |id: i32| if id == pid { json!("self") } else { json!(id) };
    let tty = match fs::File::open("/dev/tty") {
        Ok(_) => "open".to_owned(),
        Err(cause) => errno(&cause),
    };
    json!({ "parent": ppid, "group": named(pgid), "session": named(sid), "tty": tty })
}

fn limits() -> Value {
    let text = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let lines = text.lines().skip(1).filter_map(|line| {
        let (name, rest) = line.split_at_checked(26)?;
        let mut words = rest.split_whitespace();
        Some((name.trim().to_owned(), format!("{} {}", words.next()?, words.next()?)))
    });
    json!(lines.collect::<BTreeMap<_, _>>())
}

fn nice() -> i32 {
    // SAFETY: returns a number.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
}

/// PID 1: what it is, and what may be done to it.
fn pid_one() -> Value {
    let open = |name: &str| match fs::OpenOptions::new().read(true).open(format!("/proc/1/{name}")) {
        Ok(_) => "open".to_owned(),
        Err(cause) => errno(&cause),
    };
    let list = match fs::read_dir("/proc/1/fd") {
        Ok(_) => "open".to_owned(),
        Err(cause) => errno(&cause),
    };
    // SAFETY: a null pointer for the new limit asks for nothing to change; the old one is written to `limit`.
    let prlimit = unsafe {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        libc::prlimit(1, libc::RLIMIT_NOFILE, std::ptr::null(), &raw mut limit)
    };
    let prlimit = answer(i64::from(prlimit));
    // SAFETY: SEIZE stops nothing; our end lets go.
    let ptrace = answer(unsafe { libc::ptrace(libc::PTRACE_SEIZE, 1, 0, 0) });
    // SAFETY: signal 0 only asks.
    let kill = answer(i64::from(unsafe { libc::kill(1, 0) }));
    json!({
        "is": process("1"),
        "environ": open("environ"),
        "mem": open("mem"),
        "maps": open("maps"),
        "fd": list,
        "prlimit": prlimit,
        "ptrace": ptrace,
        "kill": kill,
    })
}

fn answer(result: i64) -> String {
    if result >= 0 { "allowed".to_owned() } else { errno(&io::Error::last_os_error()) }
}

fn errno(cause: &io::Error) -> String {
    format!("{:?}", Errno::from_raw(cause.raw_os_error().unwrap_or(0)))
}
