//! The loop and its logs, end to end: real services, every format at once, a reader that stalls, each line compared.
#![allow(unsafe_code)] // dup2

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::support::child::{self, in_child};
use crate::support::plan_inputs;
use nix::libc;
use nix::unistd::pipe;
use stepdown::config::container::{Level, LogFormat};
use stepdown::config::service::{Command, Log, LogDirectory, Service};
use stepdown::config::values::Uid;
use stepdown::control::responses::{AppIdentity, Snapshot};
use stepdown::control::server::ControlContext;
use stepdown::log::own_messages::{self, with_outputs};
use stepdown::plan::{Login, Mode, ServicePlan, TrustedWriters};
use stepdown::run::{self, Environment, LaunchContext, ServiceEntry, Stage, StageResult};
use stepdown::supervise::{Setup, StopReason};
use stepdown::sys::process::launch::Parent;
use stepdown::sys::signals::Signals;

/// How a service's lines travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LogRoute {
    Inherit,
    Tagged,
    Json,
    Directory,
}

const WIDTH: usize = 8;

fn oneshot(name: &str, script: &str, route: LogRoute, logs: &Path) -> ServiceEntry {
    let argv: Vec<OsString> = ["/bin/sh", "-c", script].map(OsString::from).into();
    let log_directory = LogDirectory {
        path: logs.join(name),
        max_size: 300_000,
        keep: 1000,
        max_age: None,
        compress: name.ends_with('6'),
    };
    let log = match route {
        LogRoute::Inherit => Log { format: Some(LogFormat::Inherit), directory: None },
        LogRoute::Tagged => Log::default(),
        LogRoute::Json => Log { format: Some(LogFormat::Json), directory: None },
        LogRoute::Directory => Log { format: None, directory: Some(Box::new(log_directory)) },
    };
    let service = Service { command: Command::Argv(argv.clone()), log, ..plan_inputs::oneshot(name) };
    let plan = ServicePlan {
        name: service.name.clone(),
        credentials: child::callers_credentials(),
        program: "/bin/sh".into(),
        argv,
        interpreted: std::collections::BTreeMap::new(),
        login: Rc::new(Login { home: "/".into(), user: "app".to_owned() }),
        skipped: None,
        held_back: Vec::new(),
        file_writers: TrustedWriters::Anybody,
        inherited: stepdown::plan::inherited::Inherited::All,
        secrets: Box::default(),
    };
    ServiceEntry { service: Rc::new(service), plan: Rc::new(plan), notify_variables: Vec::new() }
}

/// Runs the entries to their end in a child whose outputs are these pipes, and has it looked at.
fn live(entries: Vec<ServiceEntry>, stdout: &OwnedFd, stderr: &OwnedFd, right: impl FnOnce(&StageResult)) {
    in_child(|| {
        // SAFETY: numbers only; the child's outputs are nobody else's.
        unsafe { (libc::dup2(stdout.as_raw_fd(), 1), libc::dup2(stderr.as_raw_fd(), 2)) };
        let services: Vec<_> = entries.iter().map(|entry| entry.service.clone()).collect();
        let mut signals = Signals::install().unwrap();
        own_messages::install(Level::Info);
        let launch_context = LaunchContext {
            s6: None,
            environment: Environment::new(BTreeMap::new(), None),
            parent: Parent::App,
            groups: None,
            umask: 0o022,
            limits: Vec::new(),
            terminal: None,
            log: LogFormat::Tagged,
            tag_width: WIDTH,
            zone: Default::default(),
            directory: Some(PathBuf::from("/")),
            protected: None,
        };
        let outcome = run::run(Stage {
            stop_timeout: Duration::from_secs(8),
            setup: Setup::new(&services, &BTreeSet::new(), &BTreeSet::new(), None, Duration::from_secs(8)),
            entries,
            launch_context,
            sockets: Default::default(),
            reloader: None,
            leftovers: run::LeftoverPolicy::End,
            open_pipes: Vec::new(),
            host_reporting: Default::default(),
            signal_rules: Vec::new(),
            main_receives_signals: false,
            signals: &mut signals,
            control: None,
            control_context: ControlContext {
                app: Uid(0),
                plan_status: Snapshot {
                    mode: Mode::Root,
                    identity: AppIdentity::default(),
                    kept: Vec::new(),
                    reasons: Vec::new(),
                    uptime_ms: 0,
                    stopping: false,
                    revision: 0,
                    services: Vec::new(),
                },
                steps: Vec::new(),
                earlier_moments: Vec::new(),
                earlier_events: Default::default(),
                later: Default::default(),
            },
            preparing: true,
            started_at: Instant::now(),
            tty: false,
        });
        let outcome = outcome.unwrap();
        right(&outcome);
        with_outputs(|outputs| {
            outputs.sinks().for_each(|sink| sink.drain(Instant::now() + Duration::from_secs(5)));
        });
    });
}

/// Every file of a directory in order, unpacked.
fn all_bytes(path: &Path) -> Vec<u8> {
    let mut names: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let mut all = Vec::new();
    for name in names {
        let mut file = File::open(&name).unwrap();
        match name.extension().is_some_and(|end| end == "gz") {
            true => flate2::read::GzDecoder::new(file).read_to_end(&mut all).unwrap(),
            false => file.read_to_end(&mut all).unwrap(),
        };
    }
    all
}

/// Who said a line of the container's output, and what.
fn parsed(line: String) -> (String, String) {
    if line.starts_with('{') {
        let object: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|cause| panic!("{cause}: {line}"));
        assert_eq!(object["stream"], "stdout");
        return (object["service"].as_str().unwrap().to_owned(), object["line"].as_str().unwrap().to_owned());
    }
    match line.split_once(" | ") {
        Some((tag, text)) => (tag.trim_end().to_owned(), text.to_owned()),
        None => (line.chars().take(3).collect(), line),
    }
}

#[test]
fn a_million_lines_of_twenty_services_arrive_once_whole_and_in_order_by_every_way() {
    const EACH: usize = 50_000;
    let place = tempfile::tempdir().unwrap();
    let ways = [LogRoute::Tagged, LogRoute::Json, LogRoute::Directory, LogRoute::Inherit];
    let services: Vec<_> = (0..20).map(|index| (format!("s{index:02}"), ways[index % 4])).collect();
    let entries = services.iter().map(|(name, route)| {
        let lines = format!("seq -f '{name} line %.0f \"quoted\"' 1 {EACH}");
        // What is inherited is not put together by us: a writer must write whole lines itself.
        let whole_lines = if *route == LogRoute::Inherit { " | grep --line-buffered ''" } else { "" };
        oneshot(name, &format!("{lines}{whole_lines}"), *route, place.path())
    });
    let (from_stdout, stdout) = pipe().unwrap();
    let (from_stderr, stderr) = pipe().unwrap();
    let reader = std::thread::spawn(move || {
        let mut lines = Vec::new();
        for (index, line) in BufReader::new(File::from(from_stdout)).lines().enumerate() {
            // It stalls now and then: longer than the pipe and the buffers last.
            if index % 150_000 == 1000 {
                std::thread::sleep(Duration::from_millis(150));
            }
            lines.push(line.unwrap());
        }
        lines
    });
    let stderr_text = std::thread::spawn(move || std::io::read_to_string(File::from(from_stderr)).unwrap());
    live(entries.collect(), &stdout, &stderr, |outcome| assert_eq!((outcome.code, outcome.done.len()), (0, 20)));
    drop((stdout, stderr));
    let mut got: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in reader.join().unwrap() {
        let (name, text) = parsed(line);
        got.entry(name).or_default().push(text);
    }
    println!("{}", stderr_text.join().unwrap());
    for (name, route) in services {
        if route == LogRoute::Directory {
            let text = String::from_utf8(all_bytes(&place.path().join(&name))).unwrap();
            assert!(text.ends_with('\n'));
            got.insert(name.clone(), text.lines().map(str::to_owned).collect());
        }
        let lines = got.remove(&name).unwrap_or_default();
        let wrong =
            lines.iter().enumerate().find(|(index, line)| **line != format!("{name} line {} \"quoted\"", index + 1));
        assert_eq!((wrong, lines.len()), (None, EACH), "{name} {route:?}");
    }
    assert!(got.is_empty(), "somebody else spoke: {:?}", got.keys());
}

#[test]
fn lines_whose_files_can_never_be_written_go_to_the_output_and_delay_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("flood"), "in the way of a directory").unwrap();
    let entries = vec![
        oneshot("flood", "exec seq -f 'line %.0f' 1 1000000000", LogRoute::Directory, place.path()),
        oneshot("quick", "seq 1 3; sleep 1.2; kill -TERM $PPID; sleep 60", LogRoute::Directory, place.path()),
    ];
    let (from_stdout, stdout) = pipe().unwrap();
    let (from_stderr, stderr) = pipe().unwrap();
    let stderr_text = std::thread::spawn(move || std::io::read_to_string(File::from(from_stderr)).unwrap());
    let came = std::thread::spawn(move || {
        let lines = BufReader::new(File::from(from_stdout)).lines().map(Result::unwrap);
        // The last one may be as much as it had written when it was stopped.
        let expected = (1_u64..).map(|number| format!("flood    | line {number}"));
        lines.zip(expected).map(|(line, whole)| assert!(whole.starts_with(&line), "{line}, not {whole}")).count()
    });
    let began = Instant::now();
    live(entries, &stdout, &stderr, |outcome| {
        assert!(matches!(outcome.stop_reason, StopReason::Signal(_)), "{outcome:?}")
    });
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    drop((stdout, stderr));
    assert!(came.join().unwrap() > 0);
    let stderr_text = stderr_text.join().unwrap();
    let once = stderr_text.lines().filter(|line| line.contains("flood: cannot write")).count();
    assert!(once == 1 && stderr_text.contains("its lines go to the container's output instead"), "{stderr_text}");
    assert_eq!(all_bytes(&place.path().join("quick")), b"1\n2\n3\n");
}

#[test]
fn log_files_that_cannot_be_written_slow_their_service_and_delay_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    // What can never be written goes elsewhere: they are there at its start, and then something stands in their way.
    let flood = place.path().join("flood");
    let flood = format!(
        "until [ -e {0}/current ]; do sleep 0.05; done; rm -r {0}; touch {0}; exec seq -f 'line %.0f' 1 1000000000",
        flood.display()
    );
    // The stop comes once it was said that they cannot be written.
    let output = place.path().join("said");
    let quick = format!("seq 1 3; until [ -e {} ]; do sleep 0.05; done; kill -TERM $PPID; sleep 60", output.display());
    let entries = vec![
        oneshot("flood", &flood, LogRoute::Directory, place.path()),
        oneshot("quick", &quick, LogRoute::Directory, place.path()),
    ];
    let (from_stdout, stdout) = pipe().unwrap();
    let (from_stderr, stderr) = pipe().unwrap();
    let stderr_text = std::thread::spawn(move || {
        let mut all = String::new();
        let mut stop_began = None;
        for line in BufReader::new(File::from(from_stderr)).lines().map(Result::unwrap) {
            if line.contains("flood: cannot write") && stop_began.is_none() {
                stop_began = Some(Instant::now());
                std::fs::write(&output, "").unwrap();
            }
            all += &line;
            all.push('\n');
        }
        (all, stop_began)
    });
    live(entries, &stdout, &stderr, |outcome| {
        assert!(matches!(outcome.stop_reason, StopReason::Signal(_)), "{outcome:?}")
    });
    drop((from_stdout, stdout, stderr));
    let (stderr_text, stop_began) = stderr_text.join().unwrap();
    let took = stop_began.expect("it was said that the files cannot be written").elapsed();
    assert!(took < Duration::from_secs(6), "{took:?}");
    let count = |text: &str| stderr_text.lines().filter(|line| line.contains(text)).count();
    assert_eq!(
        count("flood: cannot write") + count("flood: the last"),
        2,
        "once when it begins, once at the end: {stderr_text}"
    );
    assert!(count("lines (") == 1 && count("are lost: cannot write") == 1, "{stderr_text}");
    assert_eq!(all_bytes(&place.path().join("quick")), b"1\n2\n3\n");
}

#[test]
fn what_would_drive_a_terminal_is_escaped_wherever_reading_cuts() {
    let place = tempfile::tempdir().unwrap();
    let script = "printf 'a\\033'; sleep 0.2; printf 'b\\nplain\\n'; sleep 0.2; printf 'c\\n\\033'; sleep 0.2; \
                  printf 'd'; sleep 0.2; printf 'e\\nplain \\377'";
    let entries = vec![
        oneshot("tagged", script, LogRoute::Tagged, place.path()),
        oneshot("json", script, LogRoute::Json, place.path()),
    ];
    let (from_stdout, stdout) = pipe().unwrap();
    let (_from_stderr, stderr) = pipe().unwrap();
    live(entries, &stdout, &stderr, |outcome| assert_eq!(outcome.code, 0));
    drop(stdout);
    let mut all = Vec::new();
    File::from(from_stdout).read_to_end(&mut all).unwrap();
    assert!(!all.contains(&0x1b));
    let (objects, tagged): (Vec<_>, Vec<_>) =
        all.split_inclusive(|byte| *byte == b'\n').partition(|line| line.starts_with(b"{"));
    let expected = b"tagged   | a\\x1bb\ntagged   | plain\ntagged   | c\ntagged   | \\x1bde\ntagged   | plain \xff\n";
    assert_eq!(tagged.concat().escape_ascii().to_string(), expected.escape_ascii().to_string());
    let lines = objects.iter().map(|object| serde_json::from_slice::<serde_json::Value>(object).unwrap());
    let lines: Vec<_> = lines.map(|object| object["line"].as_str().unwrap().to_owned()).collect();
    assert_eq!(lines, ["a\u{1b}b", "plain", "c", "\u{1b}de", "plain \u{fffd}"]);
}
