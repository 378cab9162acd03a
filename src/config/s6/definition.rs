//! One directory of s6 or s6-rc → [`Service`] (a servicedir, or an s6-rc definition with `type`, `up` and dependencies; FIELD
//! §2.3). Must not know the machine.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;

use super::files::{self, ServiceDir};
use super::format::{DirectoryFormat, START_INTERVAL};
use super::table::{self, ItemScope, Row, Treatment};
use super::{misspelt_files, pipes, shell_words};
use crate::config::draft::{Dependency, Draft, DraftSource, Relation};
use crate::config::quote::quoted;
use crate::config::restart::{Restart, RestartPause, RestartPolicy};
use crate::config::s6_overlay::OverlayVersion;
use crate::config::service::{Command, FINISH_TIMEOUT, Finish, Kind, Ready, Reload, Service};
use crate::config::service_parts::SIGNALS;
use crate::config::values::{ServiceName, Signal};
use crate::config::{Content, shebang};
use crate::error::{Place, Problems};
use crate::execline;
use crate::execline::lexer::LexError;
use crate::text::{shown, shown_bytes};

/// The most deaths that s6-supervise records.
const MAX_TALLY: u32 = 4096;

/// Returns whether a directory without `service.toml` is an s6-style one.
pub fn is_service_directory(entries: &BTreeMap<OsString, Content>) -> bool {
    ["run", "up", "type"].iter().any(|name| entries.contains_key(OsStr::new(name)))
}

/// Returns whether an entry of a services tree is meant as such a directory, whatever is wrong with it.
pub fn is_of_s6(entry: &Content) -> bool {
    match entry {
        Content::Dir(entries) => !entries.contains_key(OsStr::new("service.toml")),
        Content::Unreadable(_) => true,
        Content::File { .. } | Content::TooLarge(_) | Content::Other(_) => false,
    }
}

/// Reads one directory.
pub fn read(name: &ServiceName, dir: ServiceDir<'_>, format: DirectoryFormat) -> (Draft, Problems) {
    let mut reader = Reader { name, dir, format, notices: Vec::new(), rows: Vec::new() };
    let (service, dependencies) = reader.service();
    reader.note_line_endings();
    let Reader { dir, notices, rows, .. } = reader;
    let draft = Draft { service, dependencies, stop_timeout_at: None, notices, rows, source: DraftSource::Tree };
    (draft, dir.finish())
}

/// A directory while it is read.
struct Reader<'r> {
    name: &'r ServiceName,
    dir: ServiceDir<'r>,
    format: DirectoryFormat,
    notices: Vec<String>,
    rows: Vec<&'static Row>,
}

impl Reader<'_> {
    fn service(&mut self) -> (Service, Vec<Dependency>) {
        let (kind, is_certain) = self.kind();
        self.note_rows(kind);
        self.notices.extend(misspelt_files::notices(self.name, self.dir.names()));
        let mut dependencies = self.dependencies();
        let mut service = self.defaults(kind);
        service.essential |= self.format == DirectoryFormat::Servicedir && self.dir.has("flag-essential");
        match kind {
            Kind::Longrun => {
                self.longrun(&mut service);
                self.start_timeout(&mut service);
                dependencies.extend(pipes::dependencies(self.name, &mut self.dir, self.format));
            }
            // With an invalid `type` no file is reported as missing.
            Kind::Oneshot if is_certain => self.oneshot(&mut service),
            Kind::Oneshot => {}
        }
        (service, dependencies)
    }

    /// s6-rc takes a carriage return as a part of the value, and does not start with it.
    fn note_line_endings(&mut self) {
        let names: Vec<_> = self.dir.with_windows_line_endings().map(|name| format!("`{name}`")).collect();
        if self.is_definition() && !names.is_empty() {
            let (name, verb) = (self.name, if names.len() == 1 { "has" } else { "have" });
            self.notices.push(format!(
                "{name}: {} {verb} Windows line endings (CRLF), which are cut; s6-overlay would stop the container here",
                names.join(", ")
            ));
        }
    }

    fn is_definition(&self) -> bool {
        self.format == DirectoryFormat::Definition
    }

    /// Notes the rows of the table that its files are about.
    fn note_rows(&mut self, kind: Kind) {
        let scope = match (self.format, kind) {
            (DirectoryFormat::Servicedir, Kind::Longrun) => ItemScope::TreeLongrun,
            (DirectoryFormat::LegacyServicedir(_), Kind::Longrun) => ItemScope::Legacy,
            (DirectoryFormat::Servicedir | DirectoryFormat::LegacyServicedir(_), Kind::Oneshot) => {
                ItemScope::TreeOneshot
            }
            (DirectoryFormat::Definition, Kind::Longrun) => ItemScope::Longrun,
            (DirectoryFormat::Definition, Kind::Oneshot) => ItemScope::Oneshot,
        };
        for row in table::rows(scope).filter(|row| self.dir.has(row.item)).collect::<Vec<_>>() {
            match row.treatment {
                Treatment::Honoured | Treatment::Differs { .. } | Treatment::Ignored { .. } => self.rows.push(row),
                Treatment::Refused { write } => self.dir.problem(row.item, "is not available", write),
            }
        }
    }

    /// Returns the kind, and whether it is certain: not if `type` is invalid, which is reported.
    fn kind(&mut self) -> (Kind, bool) {
        let dir = &mut self.dir;
        match dir.word("type") {
            Some("longrun") => (Kind::Longrun, true),
            Some("oneshot") => (Kind::Oneshot, true),
            Some("bundle") => {
                let what = "a bundle is only read in an image made for s6-overlay";
                dir.problem("type", what, "require the services themselves");
                (Kind::Oneshot, false)
            }
            Some(other) => {
                let words = match self.format {
                    DirectoryFormat::Definition => "write longrun, oneshot or bundle",
                    DirectoryFormat::Servicedir | DirectoryFormat::LegacyServicedir(_) => "write longrun or oneshot",
                };
                dir.problem("type", files::wrong_value(other), words);
                (Kind::Oneshot, false)
            }
            // Unreadable, which is reported: the kind is unknown.
            None if dir.has("type") => (Kind::Oneshot, false),
            None if self.format == DirectoryFormat::Definition => {
                let what = "has no `type`; s6-overlay would stop the container here";
                dir.problem_of_all(what, "write longrun, oneshot or bundle into a file `type` there");
                (Kind::Oneshot, false)
            }
            None if !dir.has("run") && dir.has("up") => {
                dir.problem_of_all("has `up` and no `type`", "write `oneshot` into a file `type` there");
                (Kind::Oneshot, true)
            }
            None => (Kind::Longrun, true),
        }
    }

    /// A oneshot of s6-rc does not run in the directory of its definition, which a reload may have removed before `down` runs.
    fn defaults(&self, kind: Kind) -> Service {
        let (file, policy) = match kind {
            Kind::Longrun => ("run", RestartPolicy::Always),
            Kind::Oneshot => ("up", RestartPolicy::Never),
        };
        Service {
            at: Place::file(self.dir.path(file)),
            kind,
            directory: (kind == Kind::Longrun || !self.is_definition()).then(|| self.dir.directory()),
            restart: Restart { policy, pause: RestartPause::StartInterval(START_INTERVAL), limit: None },
            essential: kind == Kind::Oneshot,
            ..Service::plain(self.name.clone(), Command::Nothing)
        }
    }

    fn longrun(&mut self, service: &mut Service) {
        if !self.dir.has("run") {
            self.dir.problem_of_all("is a longrun and has no `run`", "write an executable file `run` there");
        }
        service.command = self.program("run");
        if self.dir.has("finish") {
            let timeout = self.dir.millis("timeout-finish").unwrap_or(Some(FINISH_TIMEOUT));
            service.finish = Some(Box::new(Finish { command: self.program("finish"), timeout }));
        }
        let dir = &mut self.dir;
        if let Some(fd) = dir.number("notification-fd", 3..=1023)
            && let Ok(fd) = i32::try_from(fd)
        {
            service.ready = Ready::Fd { fd, timeout: None };
        }
        if let Some(word) = dir.word("down-signal") {
            match Signal::parse(&word.to_ascii_uppercase()) {
                Some(signal) => service.stop.signal = signal,
                None => dir.problem("down-signal", format!("cannot be {}", quoted(word)), SIGNALS),
            }
        }
        if self.format != DirectoryFormat::Servicedir
            && let Some(word) = dir.word("reload-signal")
        {
            match Signal::parse(&word.to_ascii_uppercase()) {
                Some(signal) => service.reload = Some(Box::new(Reload::Signal(signal))),
                None => dir.problem("reload-signal", format!("cannot be {}", quoted(word)), SIGNALS),
            }
        }
        service.stop.timeout = dir.millis("timeout-kill").flatten();
        // s6 only records deaths and the finish script decides to give up; here a tally is a limit.
        service.restart.limit = dir.number("max-death-tally", 0..=MAX_TALLY).filter(|tally| *tally > 0);
        if self.is_definition() {
            return;
        }
        if self.dir.has("down") {
            service.enabled = false;
            let path = self.dir.path("down");
            self.notices.push(format!("{}: not started at boot: {} exists", self.name, shown(&path)));
        }
    }

    /// `timeout-up` of a longrun: as for s6-rc, what is not ready in time has not started.
    fn start_timeout(&mut self, service: &mut Service) {
        // A service of s6-svscan alone has none.
        let has_one = !matches!(self.format, DirectoryFormat::LegacyServicedir(_));
        let limit = if has_one { self.dir.millis("timeout-up").flatten() } else { None };
        match &mut service.ready {
            Ready::Fd { timeout, .. } => *timeout = limit,
            Ready::Executed | Ready::Notify { .. } | Ready::Probe { .. } | Ready::Delay(_)
                if limit.is_some() && !self.is_definition() =>
            {
                let what = "means nothing without `notification-fd`: the service is up at once";
                self.dir.problem("timeout-up", what, "remove it, or write that file too");
            }
            Ready::Executed | Ready::Notify { .. } | Ready::Probe { .. } | Ready::Delay(_) if limit.is_some() => {
                self.rows.retain(|row| row.item != table::UP_AT_ONCE.item);
                self.rows.push(&table::UP_AT_ONCE);
            }
            Ready::Executed | Ready::Notify { .. } | Ready::Probe { .. } | Ready::Delay(_) => {}
        }
    }

    fn oneshot(&mut self, service: &mut Service) {
        let dir = &mut self.dir;
        if dir.has("run") && !dir.has("up") && self.format != DirectoryFormat::Definition {
            let fix = "rename `run` to `up`, or write longrun into `type`";
            dir.problem_of_all("is a oneshot and has no `up`", fix);
        }
        if self.format == DirectoryFormat::Definition && !dir.has("up") {
            let what = "is a oneshot and has no `up`; s6-overlay would stop the container here";
            dir.problem_of_all(what, "write the path of a script into a file `up` there, or an empty one");
        }
        if let Some(command) = self.execline_command("up") {
            service.command = command;
        }
        let stop_command = self.execline_command("down").filter(|command| *command != Command::Nothing);
        service.stop_command = stop_command.map(Box::new);
        service.timeout = self.dir.millis("timeout-up").flatten();
        service.stop.timeout = self.dir.millis("timeout-down").flatten();
    }

    /// Returns a script as a command. s6-rc copies `run` and `finish` with an execute bit, and s6-overlay 2 sets it at each
    /// start, so that theirs does not matter.
    fn program(&mut self, name: &str) -> Command {
        let version_two = DirectoryFormat::LegacyServicedir(OverlayVersion::Two);
        self.dir.set_instead(match (self.format, name) {
            (DirectoryFormat::Servicedir, _) => "",
            (format, _) if format == version_two && self.dir.lacks_only_bit(name) => super::version_two::SETS_BIT,
            (_, "run") => super::instead::AGAIN,
            _ => super::instead::WITHOUT_IT,
        });
        match self.is_definition() || self.format == version_two {
            true => self.dir.check_script(name),
            false => self.dir.check_program(name),
        }
        Command::File(self.dir.path(name))
    }

    /// `up` or `down`: the text of an execline script, for s6-rc; a script of another interpreter is executed as one.
    fn execline_command(&mut self, name: &str) -> Option<Command> {
        let dir = &mut self.dir;
        match dir.entry(name)? {
            Content::File { bytes, .. } if shebang::is_script(bytes) && !files::is_execline(bytes) => {
                if self.is_definition() && !is_read_alike(bytes) {
                    let (service, path) = (self.name, shown(&self.dir.path(name)));
                    self.notices.push(format!(
                        "{service}: {path} is a script of another interpreter, which is run by it; s6-overlay would read it \
                         as execline"
                    ));
                }
                return Some(self.program(name));
            }
            Content::TooLarge(_) => {
                dir.check_program(name);
                return Some(Command::File(dir.path(name)));
            }
            Content::File { .. } | Content::Dir(_) | Content::Unreadable(_) | Content::Other(_) => {}
        }
        let text = dir.text(name)?;
        let mut words = match execline::lex(text.as_bytes()) {
            Ok(words) => words,
            Err(LexError { line, kind }) => {
                let at = Place::line(dir.path(name), line);
                dir.problem_at(at, kind.to_string(), "correct it: s6-rc reads execline here, not a shell script");
                return None;
            }
        };
        if let Some(line) = shell_words::second_command(text) {
            let path = self.dir.path(name);
            let (service, at) = (self.name, Place::line(path, line));
            self.notices.push(format!(
                "{service}: {at} begins another command for a shell: s6-rc reads execline here, where it is an argument of the \
                 first; put the commands into a script that begins with `#!/bin/sh`, and its path here"
            ));
        } else if let Some(word) = shell_words::first(&words) {
            let (service, path, word) = (self.name, shown(&self.dir.path(name)), shown_bytes(word));
            self.notices.push(format!(
                "{service}: {path} has the word `{word}` of a shell: s6-rc reads execline here, which makes it an argument; put \
                 the commands into a script that begins with `#!/bin/sh`, and its path here"
            ));
        }
        // It executes the rest, as we do.
        if words.first().is_some_and(|word| word == b"exec") {
            words.remove(0);
        }
        let words: Vec<OsString> = words.into_iter().map(OsString::from_vec).collect();
        Some(if words.is_empty() { Command::Nothing } else { Command::Argv(words) })
    }

    /// `dependencies.d/NAME`, else the lines of `dependencies`.
    fn dependencies(&mut self) -> Vec<Dependency> {
        let listed = self.dir.list("dependencies").unwrap_or_default();
        let written = if self.dir.has("dependencies.d") { "dependencies.d" } else { "dependencies" };
        let dependency = |(to, at)| Dependency { relation: Relation::Requires, to, at, written: written.to_owned() };
        listed.into_iter().map(dependency).collect()
    }
}

/// Whether execline and a shell do the same with a script: comments, and one plain command (`#!/bin/sh`, `exec /path`).
fn is_read_alike(bytes: &[u8]) -> bool {
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut commands = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    let is_plain = |line: &[u8]| !line.iter().any(|byte| b"$`;&|<>()*?[]~{}='\"\\".contains(byte));
    commands.next().is_none_or(is_plain) && commands.next().is_none()
}
