//! Keys of systemd, compose, supervisord, s6 and others, and our keys for them. Tables; must not know where they were found.

use super::keys::{ConfigFile, KeyDoc, TableDoc};
use super::{container_keys, service_keys};

/// A word that has no meaning in our files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignWord {
    /// The system; empty if several have it, or none.
    pub system: &'static str,
    /// In lower case, without `_` and `-`.
    word: &'static str,
    /// Our key, with its table: `stop.timeout`; empty if there is none.
    pub ours: &'static str,
    /// A further note.
    note: &'static str,
}

/// Returns a foreign word.
const fn word(system: &'static str, word: &'static str, ours: &'static str, note: &'static str) -> ForeignWord {
    ForeignWord { system, word, ours, note }
}

const SYSTEMD: &str = "systemd";
const COMPOSE: &str = "compose";
const SUPERVISORD: &str = "supervisord";
const S6: &str = "s6";
/// Of several systems, or of none.
const ANY: &str = "";

const OTHERS_FILE: &str = "in the file of the other service";
const NOT_NEEDED: &str = "remove it: it is not needed here";
const OF_COMPOSE: &str = "it belongs in the compose file: remove it here";
const ALWAYS_STARTED: &str = "remove it: what lies in the tree is started at boot";
const OWN_FILE: &str = "write a oneshot with a file of its own, and require it";
const MADE_AT_BOOT: &str = "write `[[directory]]` into the container file /etc/stepdown.toml";
const FOREGROUND: &str = "run the program in the foreground: no pid file is needed";

#[rustfmt::skip] // a table: one word in one line
const WORDS: &[ForeignWord] = &[
    // systemd.service(5)
    word(SYSTEMD, "execstart", "command", ""),
    word(SYSTEMD, "execstartpre", "requires", OWN_FILE),
    word(SYSTEMD, "execcondition", "requires", OWN_FILE),
    word(SYSTEMD, "execstartpost", "", "write a oneshot with a file of its own that requires this service"),
    word(SYSTEMD, "execstop", "stop.signal", "a program is told to stop by a signal"),
    word(SYSTEMD, "execstoppost", "finish", ""),
    word(SYSTEMD, "execreload", "reload.command", ""),
    word(SYSTEMD, "restartsec", "restart.delay", ""),
    word(SYSTEMD, "restartsteps", "restart.max_delay", ""),
    word(SYSTEMD, "restartmaxdelaysec", "restart.max_delay", ""),
    word(SYSTEMD, "restartpreventexitstatus", "success_codes", ""),
    word(SYSTEMD, "successexitstatus", "success_codes", ""),
    word(SYSTEMD, "timeoutstartsec", "ready.timeout", "beside what makes it ready"),
    word(SYSTEMD, "timeoutstopsec", "stop.timeout", ""),
    word(SYSTEMD, "timeoutsec", "stop.timeout", ""),
    word(SYSTEMD, "watchdogsec", "ready.watchdog", ""),
    word(SYSTEMD, "notifyaccess", "ready.notify", ""),
    word(SYSTEMD, "busname", "ready.command", ""),
    word(SYSTEMD, "pidfile", "", FOREGROUND),
    word(SYSTEMD, "guessmainpid", "", FOREGROUND),
    word(SYSTEMD, "remainafterexit", "", "remove it: a oneshot that is done stays so"),
    // systemd.unit(5)
    word(SYSTEMD, "bindsto", "requires", ""),
    word(SYSTEMD, "partof", "requires", ""),
    word(SYSTEMD, "requisite", "requires", ""),
    word(SYSTEMD, "upholds", "requires", OTHERS_FILE),
    word(SYSTEMD, "conflicts", "", NOT_NEEDED),
    word(SYSTEMD, "onfailure", "finish", ""),
    word(SYSTEMD, "startlimitburst", "restart.limit", ""),
    word(SYSTEMD, "startlimitintervalsec", "restart.limit", "failures in a row count"),
    word(SYSTEMD, "startlimitinterval", "restart.limit", "failures in a row count"),
    word(SYSTEMD, "wantedby", "", ALWAYS_STARTED),
    word(SYSTEMD, "requiredby", "requires", OTHERS_FILE),
    word(SYSTEMD, "description", "", "write it as a comment: `# …`"),
    word(SYSTEMD, "documentation", "", "write it as a comment: `# …`"),
    word(SYSTEMD, "defaultdependencies", "", NOT_NEEDED),
    word(SYSTEMD, "alias", "", NOT_NEEDED),
    word(SYSTEMD, "conditionpathexists", "wait_for", ""),
    // systemd.exec(5), systemd.kill(5)
    word(SYSTEMD, "workingdirectory", "directory", ""),
    word(SYSTEMD, "environmentfile", "environment_file", ""),
    word(SYSTEMD, "passenvironment", "", "remove it: a service has the container's environment"),
    word(SYSTEMD, "supplementarygroups", "groups", ""),
    word(SYSTEMD, "dynamicuser", "user", ""),
    word(SYSTEMD, "ambientcapabilities", "capabilities", ""),
    word(SYSTEMD, "capabilityboundingset", "capabilities", ""),
    word(SYSTEMD, "oomscoreadjust", "oom_score_adj", ""),
    word(SYSTEMD, "limitas", "limits.as", ""),
    word(SYSTEMD, "limitcore", "limits.core", ""),
    word(SYSTEMD, "limitcpu", "limits.cpu", ""),
    word(SYSTEMD, "limitdata", "limits.data", ""),
    word(SYSTEMD, "limitfsize", "limits.fsize", ""),
    word(SYSTEMD, "limitmemlock", "limits.memlock", ""),
    word(SYSTEMD, "limitnofile", "limits.nofile", ""),
    word(SYSTEMD, "limitnproc", "limits.nproc", ""),
    word(SYSTEMD, "limitrtprio", "limits.rtprio", ""),
    word(SYSTEMD, "limitstack", "limits.stack", ""),
    word(SYSTEMD, "standardoutput", "log", ""),
    word(SYSTEMD, "standarderror", "log", ""),
    word(SYSTEMD, "standardinput", "pipe_to", OTHERS_FILE),
    word(SYSTEMD, "syslogidentifier", "", "remove it: lines are tagged with the service's name"),
    word(SYSTEMD, "runtimedirectory", "", MADE_AT_BOOT),
    word(SYSTEMD, "statedirectory", "", MADE_AT_BOOT),
    word(SYSTEMD, "cachedirectory", "", MADE_AT_BOOT),
    word(SYSTEMD, "logsdirectory", "log.directory", ""),
    word(SYSTEMD, "privatetmp", "", NOT_NEEDED),
    word(SYSTEMD, "protectsystem", "", NOT_NEEDED),
    word(SYSTEMD, "protecthome", "", NOT_NEEDED),
    word(SYSTEMD, "killsignal", "stop.signal", ""),
    word(SYSTEMD, "killmode", "stop.group", "what is left of its processes is ended in any case"),
    // systemd.timer(5)
    word(SYSTEMD, "oncalendar", "at", ""),
    word(SYSTEMD, "onunitactivesec", "every", ""),
    word(SYSTEMD, "onunitinactivesec", "every", ""),
    word(SYSTEMD, "onbootsec", "every", ""),
    word(SYSTEMD, "persistent", "", "remove it: what was missed is not caught up"),
    // The Compose file reference
    word(COMPOSE, "dependson", "requires", ""),
    word(COMPOSE, "stopgraceperiod", "stop.timeout", ""),
    word(COMPOSE, "healthcheck", "health", ""),
    word(COMPOSE, "init", "", "remove it: stepdown is the init"),
    word(COMPOSE, "entrypoint", "command", ""),
    word(COMPOSE, "envfile", "environment_file", ""),
    word(COMPOSE, "workingdir", "directory", ""),
    word(COMPOSE, "capadd", "capabilities", ""),
    word(COMPOSE, "capdrop", "", "remove it: a service has no capability but those of `capabilities`"),
    word(COMPOSE, "groupadd", "groups", ""),
    word(COMPOSE, "ulimits", "limits", ""),
    word(COMPOSE, "logging", "log", ""),
    word(COMPOSE, "securityopt", "no_new_privileges", ""),
    word(COMPOSE, "tmpfs", "", MADE_AT_BOOT),
    word(COMPOSE, "image", "", OF_COMPOSE),
    word(COMPOSE, "build", "", OF_COMPOSE),
    word(COMPOSE, "containername", "", OF_COMPOSE),
    word(COMPOSE, "deploy", "", OF_COMPOSE),
    word(COMPOSE, "networks", "", OF_COMPOSE),
    word(COMPOSE, "ports", "", OF_COMPOSE),
    word(COMPOSE, "privileged", "", OF_COMPOSE),
    word(COMPOSE, "volumes", "", OF_COMPOSE),
    word(COMPOSE, "retries", "health.failures", ""),
    word(COMPOSE, "startperiod", "ready", "its health is asked once it is ready"),
    word(COMPOSE, "test", "health.command", ""),
    // supervisord's manual, "[program:x] section"
    word(SUPERVISORD, "autostart", "", ALWAYS_STARTED),
    word(SUPERVISORD, "autorestart", "restart", ""),
    word(SUPERVISORD, "startsecs", "ready.delay", ""),
    word(SUPERVISORD, "startretries", "restart.limit", ""),
    word(SUPERVISORD, "stopwaitsecs", "stop.timeout", ""),
    word(SUPERVISORD, "stopasgroup", "stop.group", ""),
    word(SUPERVISORD, "killasgroup", "stop.group", ""),
    word(SUPERVISORD, "exitcodes", "success_codes", ""),
    word(SUPERVISORD, "priority", "after", ""),
    word(SUPERVISORD, "numprocs", "", "write one file for each process"),
    word(SUPERVISORD, "processname", "", "its name is that of its file: remove it"),
    word(SUPERVISORD, "redirectstderr", "", "remove it: both streams go to the log"),
    word(SUPERVISORD, "stdoutlogfile", "log.directory", ""),
    word(SUPERVISORD, "stderrlogfile", "log.directory", ""),
    word(SUPERVISORD, "stdoutlogfilemaxbytes", "log.max_size", "beside `directory`"),
    word(SUPERVISORD, "stdoutlogfilebackups", "log.keep", "beside `directory`"),
    // servicedir of s6, source directories of s6-rc
    word(S6, "notificationfd", "ready.fd", ""),
    word(S6, "timeoutkill", "stop.timeout", ""),
    word(S6, "timeoutfinish", "", "remove it: `finish` has 5s"),
    word(S6, "timeoutup", "ready.timeout", "beside what makes it ready"),
    word(S6, "downsignal", "stop.signal", ""),
    word(S6, "maxdeathtally", "restart.limit", ""),
    word(S6, "flagessential", "essential", ""),
    word(S6, "producerfor", "pipe_to", ""),
    word(S6, "consumerfor", "pipe_to", OTHERS_FILE),
    word(S6, "dependenciesd", "requires", ""),
    word(S6, "run", "command", ""),
    // compose and supervisord
    word(ANY, "stopsignal", "stop.signal", ""),
    // runit, Horust, OpenRC, pebble, cron
    word(ANY, "before", "after", OTHERS_FILE),
    word(ANY, "boundingset", "capabilities", ""),
    word(ANY, "calendar", "at", ""),
    word(ANY, "caps", "capabilities", ""),
    word(ANY, "chdir", "directory", ""),
    word(ANY, "cmd", "command", ""),
    word(ANY, "cron", "at", ""),
    word(ANY, "cwd", "directory", ""),
    word(ANY, "depends", "requires", ""),
    word(ANY, "dependencies", "requires", ""),
    word(ANY, "env", "environment", ""),
    word(ANY, "exec", "command", ""),
    word(ANY, "grace", "stop.timeout", ""),
    word(ANY, "need", "requires", ""),
    word(ANY, "needs", "requires", ""),
    word(ANY, "owner", "user", ""),
    word(ANY, "respawn", "restart", ""),
    word(ANY, "schedule", "at", ""),
    word(ANY, "shellcommand", "script", ""),
    word(ANY, "startafter", "after", ""),
    word(ANY, "wait", "wait_for", ""),
    word(ANY, "wants", "after", ""),
    word(ANY, "workdir", "directory", ""),
];

/// Foreign words in the container file.
#[rustfmt::skip] // a table: one word in one line
const OF_CONTAINER: &[ForeignWord] = &[
    word(COMPOSE, "stopgraceperiod", "stop_timeout", ""),
    word(COMPOSE, "volumes", "own", ""),
    word(ANY, "chown", "own", ""),
    word(ANY, "puid", "app.uid", ""),
    word(ANY, "pgid", "app.gid", ""),
    word(ANY, "timeout", "stop_timeout", ""),
];

/// Sections of systemd's units (systemd.syntax(7)).
const SECTIONS: [&str; 6] = ["Unit", "Service", "Install", "Timer", "Socket", "Path"];

/// Values of other systems: our key, their value, and what to write.
const VALUES: [(&str, &str, &str); 13] = [
    ("restart", "no", "write `restart = \"never\"`"),
    ("restart", "unless-stopped", "write `restart = \"always\"`: whoever stops it by hand keeps it stopped"),
    ("restart", "on-abnormal", "write `restart = \"on-failure\"`"),
    ("restart", "on-abort", "write `restart = \"on-failure\"`"),
    ("restart", "on-watchdog", "write `restart = \"on-failure\"`"),
    ("restart", "on-success", "write `restart = \"always\"`, or `type = \"oneshot\"` with `every`"),
    ("restart", "unexpected", "write `restart = \"on-failure\"`"),
    ("type", "simple", "write `type = \"longrun\"`"),
    ("type", "exec", "write `type = \"longrun\"`"),
    ("type", "idle", "write `type = \"longrun\"`"),
    ("type", "notify", "write `type = \"longrun\"` and `ready = { notify = true }`"),
    (
        "type",
        "forking",
        "run the program in the foreground, where its first process stays (`nginx -g \"daemon off;\"`), and write `type = \
         \"longrun\"`",
    ),
    ("type", "bundle", "require the services themselves"),
];

fn plain(word: &str) -> String {
    let letters = word.chars().filter(|letter| !matches!(letter, '_' | '-' | '.'));
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Returns the foreign word, if it is used in a table with the keys of `doc`.
pub fn find(word: &str, doc: &TableDoc) -> Option<&'static ForeignWord> {
    let wanted = plain(word);
    let all = match (doc.file, doc.name) {
        (ConfigFile::Container, "") => OF_CONTAINER,
        (_, _) => WORDS,
    };
    let fits = |it: &&ForeignWord| it.word == wanted && (doc.name.is_empty() || it.inner(doc).is_some());
    all.iter().find(fits)
}

/// Returns whether the word means this key of services.
pub fn means(word: &str, key: &str) -> bool {
    let wanted = plain(word);
    WORDS.iter().any(|it| it.word == wanted && it.ours == key)
}

/// Returns the section, if a table of this name is one of a systemd unit.
pub fn section(name: &str) -> Option<&'static str> {
    SECTIONS.into_iter().find(|section| *section == name)
}

/// Returns what to write instead of another system's value of a key.
pub fn value(key: &str, value: &str) -> Option<&'static str> {
    let (wanted, value) = (key.trim_matches('`'), value.to_ascii_lowercase().replace('_', "-"));
    let wanted = wanted.strip_suffix(".policy").unwrap_or(wanted);
    VALUES.iter().find(|(key, theirs, _)| *key == wanted && *theirs == value).map(|(_, _, remedy)| *remedy)
}

impl ForeignWord {
    /// Returns the key of this table for it.
    fn inner(&self, doc: &TableDoc) -> Option<&'static KeyDoc> {
        let table = doc.name.rsplit('.').next().unwrap_or_default();
        let (of, key) = self.ours.split_once('.')?;
        if of == table { doc.key(key) } else { None }
    }

    /// Returns what to write instead of it in a table with the keys of `doc`.
    pub fn remedy(&self, doc: &TableDoc) -> String {
        if let Some(key) = self.inner(doc).filter(|_| !doc.name.is_empty()) {
            return format!("write `{}`", line(key));
        }
        match (self.example(doc.file), self.note) {
            (None, note) => note.to_owned(),
            (Some(example), "") => format!("write `{example}`"),
            (Some(example), note) if note == OTHERS_FILE => format!("write `{example}` {note}"),
            (Some(example), note) if note == OWN_FILE => format!("{note}: `{example}`"),
            (Some(example), note) => format!("write `{example}`: {note}"),
        }
    }

    /// Returns an equivalent line.
    fn example(&self, file: ConfigFile) -> Option<String> {
        let top = match file {
            ConfigFile::Service => &service_keys::SERVICE,
            ConfigFile::Container => &container_keys::CONTAINER,
        };
        match self.ours.split_once('.') {
            None => top.key(self.ours).map(line),
            Some((table, key)) => {
                let tables = super::keys::reference();
                let table = tables.iter().find(|it| it.file == file && it.name == table)?;
                Some(format!("{} = {{ {} }}", table.name, line(table.key(key)?)))
            }
        }
    }
}

/// The example to paste, in one line.
fn line(key: &KeyDoc) -> String {
    key.example.replace('\n', ", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_something_to_write_and_none_is_a_key_of_ours() {
        for (words, file, top) in [
            (WORDS, ConfigFile::Service, &service_keys::SERVICE),
            (OF_CONTAINER, ConfigFile::Container, &container_keys::CONTAINER),
        ] {
            for (at, it) in words.iter().enumerate() {
                assert_eq!(it.ours.is_empty(), it.example(file).is_none(), "{it:?}");
                assert!(!it.ours.is_empty() || !it.note.is_empty(), "{it:?}");
                assert_eq!(plain(it.word), it.word);
                assert!(top.key(it.word).is_none(), "{it:?}");
                assert!(words[..at].iter().all(|other| other.word != it.word), "{it:?} is there twice");
            }
        }
    }

    #[test]
    fn every_value_is_of_a_key_and_not_one_of_its_own() {
        for (key, theirs, remedy) in VALUES {
            assert!(service_keys::SERVICE.key(key).is_some() && value(key, theirs) == Some(remedy));
        }
        assert_eq!(value("`restart.policy`", "ON_ABORT"), value("restart", "on-abort"));
        assert_eq!(value("restart", "always"), None);
    }
}
