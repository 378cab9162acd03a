//! A `[program:x]` of supervisord → its services, one for each process. Must not know the other programs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::expand::{ExpandedArgument, Names};
use super::ini::Section;
use super::reader::SectionReader;
use crate::config::restart::{RESTART_LIMIT, Restart, RestartPolicy};
use crate::config::service::{Command, LOG_MAX_SIZE, LogDirectory, Ready, RunAs, Service, Stop};
use crate::config::values::{Gid, ServiceName, Signal, Uid, UserName};
use crate::config::{paths, units};
use crate::error::Problems;
use crate::import::native::Omission;
use crate::import::{ImportedService, log_directory};

/// Where supervisord's own output is, to which a program may write.
const OWN_OUTPUT: [&str; 8] = [
    "/dev/stdout",
    "/dev/stderr",
    "/dev/fd/1",
    "/dev/fd/2",
    "/proc/1/fd/1",
    "/proc/1/fd/2",
    "/proc/self/fd/1",
    "/proc/self/fd/2",
];
/// supervisord's priority of what has none.
pub const PRIORITY: i64 = 999;
/// Its size of a log file, and how many older ones it keeps.
const LOG_SIZE: u64 = 50 << 20;
const LOG_BACKUPS: u32 = 10;
/// As many processes of one program are a mistake.
const MAX_PROCESSES: u32 = 1000;

/// The values that are translated, or mean what stepdown does anyway.
const KNOWN: [&str; 20] = [
    "command",
    "process_name",
    "numprocs",
    "numprocs_start",
    "priority",
    "autostart",
    "autorestart",
    "startsecs",
    "startretries",
    "exitcodes",
    "stopsignal",
    "stopwaitsecs",
    "stopasgroup",
    "killasgroup",
    "user",
    "redirect_stderr",
    "environment",
    "directory",
    "umask",
    "serverurl",
];

/// What all programs have.
pub struct ProgramDefaults {
    /// supervisord's own user, as which a program runs that names none.
    pub user: RunAs,
    /// supervisord's own variables.
    pub environment: BTreeMap<String, String>,
    /// The directory of the main file.
    pub here: String,
}

/// One process of a program.
pub struct ImportedProcess {
    /// Its service.
    pub imported: ImportedService,
    /// When it is started: by the priority of its group, then its own.
    pub order: (i64, i64),
}

/// Returns the processes of a program; `group`: its group and that one's priority, if it is in one.
pub fn processes(
    section: &Section,
    program: &str,
    group: Option<(&str, i64)>,
    defaults: &ProgramDefaults,
    problems: &mut Problems,
) -> Vec<ImportedProcess> {
    let mut names: Names<'_> = BTreeMap::new();
    names.insert("program_name", program.to_owned());
    names.insert("group_name", group.map_or(program, |(name, _)| name).to_owned());
    names.insert("here", defaults.here.clone());
    let mut first = SectionReader::new(section, names.clone());
    let count = first.count("numprocs").unwrap_or(1);
    let start = first.count("numprocs_start").unwrap_or(0);
    if count > MAX_PROCESSES {
        first.refuse("numprocs", "write at most 1000");
    }
    if count > 1 && !section.get("process_name").is_some_and(|value| value.value.contains("%(process_num)")) {
        first.refuse("process_name", "with `numprocs`, write `process_name=%(program_name)s_%(process_num)02d`");
    }
    // One process is enough to find the other mistakes.
    let count = if first.problems.is_empty() { count } else { 1 };
    problems.extend(first.problems);
    names.insert("numprocs", count.to_string());
    let mut all = Vec::new();
    for number in start..start.saturating_add(count) {
        names.insert("process_num", number.to_string());
        let mut reader = SectionReader::new(section, names.clone());
        let process = process(&mut reader, program, section, group, defaults);
        let is_wrong = !reader.problems.is_empty();
        problems.extend(reader.problems);
        all.extend(process.map(|(service, order)| {
            let mut imported = ImportedService::new(service);
            imported.omissions.extend(reader.omissions);
            ImportedProcess { imported, order }
        }));
        // The next one would have the same mistakes.
        if is_wrong {
            break;
        }
    }
    all
}

fn process(
    reader: &mut SectionReader<'_>,
    program: &str,
    section: &Section,
    group: Option<(&str, i64)>,
    defaults: &ProgramDefaults,
) -> Option<(Service, (i64, i64))> {
    let process = if reader.has("process_name") { reader.text("process_name") } else { Some(program.to_owned()) };
    let name = process.as_deref().and_then(ServiceName::new);
    if name.is_none() {
        reader.refuse(
            "process_name",
            "write letters, digits and `_ - . @ : +`, at most 64, and neither main nor stepdown",
        );
    }
    let arguments = if reader.has("command") {
        reader.arguments("command")
    } else {
        reader.refuse("command", "write `command=PROGRAM`");
        None
    };
    let priority = reader.number("priority").unwrap_or(PRIORITY);
    // The others are read too, for their mistakes.
    let is_whole = name.is_some() && arguments.is_some();
    let name = name.unwrap_or_else(ServiceName::main);
    let command = command(arguments.as_deref().unwrap_or_default());
    let mut service = Service { at: section.at.clone(), ..Service::plain(name, command) };
    service.user = user(reader).unwrap_or_else(|| defaults.user.clone());
    service.environment.clone_from(&defaults.environment);
    service.environment.extend(reader.pairs("environment"));
    service.directory = directory(reader);
    service.umask = umask(reader);
    service.restart = restart(reader);
    service.success_codes = exit_codes(reader).into();
    if let Some(seconds) = reader.count("startsecs").filter(|seconds| *seconds > 0) {
        service.ready = Ready::Delay(Duration::from_secs(seconds.into()));
    }
    service.stop = stop(reader);
    service.enabled = !reader.has("autostart") || reader.flag("autostart");
    service.log.directory = log(reader).map(Box::new);
    // supervisord leaves setuid programs their effect.
    service.no_new_privileges = false;
    for value in section.values.iter().filter(|value| !is_known(&value.key)) {
        let why = "it has no equivalent here";
        reader.omissions.push(Omission::new(value.key.clone(), why));
    }
    is_whole.then_some((service, (group.map_or(priority, |(_, of_group)| of_group), priority)))
}

fn is_known(key: &str) -> bool {
    KNOWN.contains(&key) || ["stdout_", "stderr_"].iter().any(|stream| key.starts_with(stream))
}

/// A command with a variable needs a shell, which splits what is not in quotes, as supervisord does.
fn command(arguments: &[ExpandedArgument]) -> Command {
    let plain: Option<Vec<OsString>> = arguments.iter().map(|word| word.plain().map(OsString::from)).collect();
    match plain {
        Some(arguments) => Command::Argv(arguments),
        None => {
            let line: Vec<_> = arguments.iter().map(ExpandedArgument::shell).collect();
            Command::Script(format!("set -f\nexec {}\n", line.join(" ")))
        }
    }
}

fn user(reader: &mut SectionReader<'_>) -> Option<RunAs> {
    let text = reader.text("user")?;
    if let Ok(uid) = units::id(text.as_bytes()) {
        if uid == 0 {
            return Some(RunAs::Root);
        }
        reader.omit("user", format!("the group of uid {uid} is only known in the image: {uid} is assumed"));
        return Some(RunAs::Ids(Uid(uid), Gid(uid)));
    }
    let name = UserName::new(&text);
    if name.is_none() {
        reader.refuse("user", "write the name of an account");
    }
    name.map(|name| if name.as_str() == "root" { RunAs::Root } else { RunAs::Account(name) })
}

fn directory(reader: &mut SectionReader<'_>) -> Option<PathBuf> {
    let text = reader.text("directory")?;
    let path = paths::normal(&text);
    if path.is_err() {
        reader.omit("directory", format!("{text} is not an absolute path without `..`"));
    }
    path.ok().map(PathBuf::from)
}

fn umask(reader: &mut SectionReader<'_>) -> Option<u32> {
    let text = reader.text("umask")?;
    let mask = units::octal(&text, 0o777);
    if mask.is_none() {
        reader.refuse("umask", "write octal digits such as 022");
    }
    mask
}

fn restart(reader: &mut SectionReader<'_>) -> Restart {
    use RestartPolicy::{Always, Never, OnFailure};
    let choices = [
        ("true", Always),
        ("yes", Always),
        ("on", Always),
        ("1", Always),
        ("unexpected", OnFailure),
        ("false", Never),
        ("no", Never),
        ("off", Never),
        ("0", Never),
    ];
    let policy = reader.choice("autorestart", &choices).unwrap_or(OnFailure);
    // The first start is none of the retries.
    let limit = reader.count("startretries").map_or(RESTART_LIMIT, |retries| retries.saturating_add(1));
    Restart { limit: Some(limit), ..Restart::standard(policy) }
}

fn exit_codes(reader: &mut SectionReader<'_>) -> Vec<u8> {
    let Some(text) = reader.text("exitcodes") else { return vec![0] };
    let codes: Option<Vec<u8>> = text.split(',').map(|code| code.trim().parse().ok()).collect();
    if codes.is_none() {
        reader.refuse("exitcodes", "write exit codes from 0 to 255, separated by commas");
    }
    codes.unwrap_or_else(|| vec![0])
}

fn stop(reader: &mut SectionReader<'_>) -> Stop {
    let signal = reader.text("stopsignal").and_then(|text| {
        let signal = Signal::parse(&text.to_ascii_uppercase());
        if signal.is_none() {
            reader.refuse("stopsignal", "write a name such as TERM");
        }
        signal
    });
    let timeout = reader.count("stopwaitsecs").map(|seconds| Duration::from_secs(seconds.into()));
    Stop { signal: signal.unwrap_or(Signal::TERM), timeout, group: reader.flag("stopasgroup") }
}

/// Log files: here a directory gets the lines of both streams.
fn log(reader: &mut SectionReader<'_>) -> Option<LogDirectory> {
    let merged = reader.flag("redirect_stderr");
    let out = file(reader, "stdout_logfile");
    let error = if merged { None } else { file(reader, "stderr_logfile") };
    for key in ["stdout_syslog", "stderr_syslog", "stdout_events_enabled", "stderr_events_enabled"] {
        if reader.has(key) && reader.flag(key) {
            reader.omit(key, "lines go to the container's output, or to files");
        }
    }
    for key in ["stdout_capture_maxbytes", "stderr_capture_maxbytes"] {
        if reader.size(key).is_some_and(|size| size > 0) {
            reader.omit(key, "there are no event listeners");
        }
    }
    let (key, path, [size_key, keep_key]) = match (&out, &error) {
        (Some(path), _) => ("stdout_logfile", path, ["stdout_logfile_maxbytes", "stdout_logfile_backups"]),
        (None, Some(path)) => ("stderr_logfile", path, ["stderr_logfile_maxbytes", "stderr_logfile_backups"]),
        (None, None) => return None,
    };
    let Some(path) = log_directory(path) else {
        reader.omit(
            key,
            format!("{path} cannot be a directory of log files here: its lines go to the container's output"),
        );
        return None;
    };
    reader.omit(key, format!("the lines of both streams are in {}/current", path.to_string_lossy()));
    let size = reader.size(size_key).unwrap_or(LOG_SIZE);
    if size == 0 {
        reader.omit(size_key, "a file has a largest size here");
    }
    let keep = reader.count(keep_key).unwrap_or(LOG_BACKUPS).min(10_000);
    let max_size = if size == 0 { LOG_MAX_SIZE } else { size.max(4096) };
    Some(LogDirectory { path, max_size, keep, max_age: None, compress: false })
}

/// Returns the path of a log file; `None`: the container's output.
fn file(reader: &mut SectionReader<'_>, key: &str) -> Option<String> {
    let text = reader.text(key)?;
    let is_none = text.eq_ignore_ascii_case("none") || text == "/dev/null";
    if is_none {
        reader.omit(key, "its lines are not thrown away: they go to the container's output");
    }
    let is_own =
        text.eq_ignore_ascii_case("auto") || text.eq_ignore_ascii_case("syslog") || OWN_OUTPUT.contains(&text.as_str());
    (!is_none && !is_own).then_some(text)
}
