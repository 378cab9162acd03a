//! The variables that a service inherits from the container: all, or, if it has more rights than the app user, all except
//! those that could make it run code that others wrote. Must not know how a service is started.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::facts::{PathEntry, ProgramFact};
use super::notes::Notes;
use super::printable;
use super::runs_as::UserResolver;
use super::switch::RunsAs;
use super::trust_check::{TrustCheck, UntrustedWriter};
use crate::config::s6_overlay::S6Origin;
use crate::config::search_path::PathSource;
use crate::config::service::{Command, Service};
use crate::config::values::ServiceName;

pub use super::boot_plan::Inherited;

/// A PATH without programs: with an empty one a shell searches its working directory (POSIX, 8.3).
const EMPTY_PATH: &str = "/nonexistent";

/// Variables that name code, or configuration that names code, by the program that reads them. A name that ends in `*` is a
/// prefix. It includes glibc's list of unsecure variables (`sysdeps/generic/unsecvars.h`) and sudo's `initial_badenv_table`
/// for Linux, except TMPDIR: a directory for temporary files is not code.
pub const NAME_CODE: [(&str, &[&str]); 20] = [
    // ld.so(8); musl reads two of them
    ("the dynamic loader", &["LD_*"]),
    // iconv(3), locale(7), mallopt(3), the tunables of glibc's manual, resolv.conf(5), hostname(7), catopen(3), nis(5)
    (
        "glibc",
        &[
            "GCONV_PATH",
            "GETCONF_DIR",
            "GLIBC_TUNABLES",
            "HOSTALIASES",
            "LOCALDOMAIN",
            "LOCPATH",
            "MALLOC_TRACE",
            "NIS_PATH",
            "NLSPATH",
            "PATH_LOCALE",
            "RESOLV_HOST_CONF",
            "RES_OPTIONS",
            "TZDIR",
        ],
    ),
    // bash(1), dash(1), zshparam(1), POSIX `sh`; bash expands what it translates (`$"…"`), with catalogs of TEXTDOMAINDIR
    (
        "shells",
        &[
            "BASH_ENV",
            "BASH_FUNC_*",
            "BASH_LOADABLES_PATH",
            "BASHOPTS",
            "CDPATH",
            "ENV",
            "FPATH",
            "GLOBIGNORE",
            "IFS",
            "NULLCMD",
            "PROMPT_COMMAND",
            "PS4",
            "READNULLCMD",
            "SHELLOPTS",
            "TEXTDOMAINDIR",
            "TMPPREFIX",
            "ZDOTDIR",
        ],
    ),
    // python(1), "Command line and environment"
    (
        "python",
        &[
            "PYTHONBREAKPOINT",
            "PYTHONEXECUTABLE",
            "PYTHONHOME",
            "PYTHONINSPECT",
            "PYTHONPATH",
            "PYTHONPLATLIBDIR",
            "PYTHONPYCACHEPREFIX",
            "PYTHONSTARTUP",
            "PYTHONUSERBASE",
            "PYTHONWARNINGS",
        ],
    ),
    // perlrun(1)
    ("perl", &["PERL5DB", "PERL5LIB", "PERL5OPT", "PERL5SHELL", "PERLIO", "PERLIO_DEBUG", "PERLLIB"]),
    // ruby(1), gem(1), bundle-config(1); rubygems.rb requires BUNDLER_SETUP
    (
        "ruby",
        &[
            "BUNDLER_*",
            "BUNDLE_*",
            "GEM_HOME",
            "GEM_PATH",
            "RUBYGEMS_GEMDEPS",
            "RUBYLIB",
            "RUBYOPT",
            "RUBYPATH",
            "RUBYSHELL",
        ],
    ),
    // node(1), "Module compile cache" of its documentation
    ("node", &["NODE_COMPILE_CACHE", "NODE_OPTIONS", "NODE_PATH", "NODE_REPL_EXTERNAL_MODULE"]),
    // java(1), "The JDK_JAVA_OPTIONS environment variable"; the JVM tool interface, "Launching"; OpenJ9's documentation
    (
        "java",
        &[
            "CLASSPATH",
            "IBM_JAVA_OPTIONS",
            "JAVA_TOOL_OPTIONS",
            "JDK_JAVAC_OPTIONS",
            "JDK_JAVA_OPTIONS",
            "OPENJ9_JAVA_OPTIONS",
            "_JAVA_OPTIONS",
        ],
    ),
    // php(1), "The configuration file"
    ("php", &["PHPRC", "PHP_INI_SCAN_DIR"]),
    // lua(1)
    ("lua", &["LUA_CPATH*", "LUA_INIT*", "LUA_PATH*"]),
    // tclsh(1)
    ("tcl", &["TCLLIBPATH", "TCL_LIBRARY"]),
    // erl(1)
    ("erlang", &["ELIXIR_ERL_OPTIONS", "ERL_AFLAGS", "ERL_FLAGS", "ERL_LIBS", "ERL_ZFLAGS"]),
    // "Debugging and profiling" and "Runtime configuration" of .NET's documentation
    (
        "dotnet",
        &[
            "CORECLR_*",
            "COR_*",
            "DOTNET_ADDITIONAL_DEPS",
            "DOTNET_BUNDLE_EXTRACT_BASE_DIR",
            "DOTNET_DiagnosticPorts",
            "DOTNET_GCName",
            "DOTNET_ROOT*",
            "DOTNET_SHARED_STORE",
            "DOTNET_STARTUP_HOOKS",
        ],
    ),
    // openssl-env(7)
    ("openssl", &["OPENSSL_CONF", "OPENSSL_ENGINES", "OPENSSL_MODULES"]),
    // git(1), gitcredentials(7)
    (
        "git",
        &[
            "GIT_ASKPASS",
            "GIT_COMMON_DIR",
            "GIT_CONFIG*",
            "GIT_DIR",
            "GIT_EDITOR",
            "GIT_EXEC_PATH",
            "GIT_EXTERNAL_DIFF",
            "GIT_PAGER",
            "GIT_PROXY_COMMAND",
            "GIT_SEQUENCE_EDITOR",
            "GIT_SSH*",
            "GIT_TEMPLATE_DIR",
            "SSH_ASKPASS",
        ],
    ),
    // The XDG Base Directory Specification: like HOME they belong to the app user, and git and others read configuration
    // with commands there
    ("user directories", &["XDG_CONFIG_DIRS", "XDG_CONFIG_HOME", "XDG_DATA_DIRS", "XDG_DATA_HOME"]),
    // terminfo(5), termcap(5)
    ("ncurses", &["TERMCAP", "TERMINFO", "TERMINFO_DIRS", "TERMPATH"]),
    // kerberos(7): its configuration names modules
    ("kerberos", &["KRB5_CONFIG", "KRB5_KTNAME"]),
    // "Environment Variables" of MySQL's manual and of libmysqlclient's plugins; psql(1)
    ("database clients", &["LIBMYSQL_PLUGIN*", "MYSQL_HOME", "PSQLRC"]),
    // tar(1), gawk(1), apt.conf(5), wget(1), curl(1), make(1), less(1), rsync(1)
    (
        "command-line tools",
        &[
            "APT_CONFIG",
            "AWKLIBPATH",
            "AWKPATH",
            "CURL_HOME",
            "LESSCLOSE",
            "LESSOPEN",
            "MAKEFILES",
            "MAKEFLAGS",
            "RSYNC_RSH",
            "SYSTEM_WGETRC",
            "TAR_OPTIONS",
            "WGETRC",
        ],
    ),
];

/// Returns whether a variable names code, or contains code (bash's exported functions).
pub fn names_code(name: &OsStr, value: &OsStr) -> bool {
    let name = name.as_bytes();
    let is = |known: &&str| match known.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning.as_bytes()),
        None => name == known.as_bytes(),
    };
    value.as_bytes().starts_with(b"()") || NAME_CODE.iter().flat_map(|(_, names)| *names).any(is)
}

/// Directories of PATH and variables that were removed for services, or passed on although they name code.
#[derive(Debug, Default)]
pub(super) struct RemovedVariables {
    /// Names of services, by the description of a directory and the fix.
    directories: BTreeMap<(String, String), Vec<String>>,
    /// Names of services, by the variables.
    variables: BTreeMap<Vec<String>, Vec<String>>,
    /// The same for services of s6-overlay, which get them.
    passed_on: BTreeMap<Vec<String>, Vec<String>>,
}

impl<'a> TrustCheck<'a> {
    /// Returns the variables that a service inherits from the container.
    pub(super) fn inherited(&self, service: &Service, runs: &RunsAs, taken: &mut RemovedVariables) -> Inherited {
        if self.extra_rights(service, runs).is_none() {
            return Inherited::All;
        }
        let name = format!("`{}`", service.name);
        let mut path = Vec::new();
        for entry in self.entries(service) {
            match self.unsafe_reason(entry, service, runs) {
                None => path.push(entry.path.as_os_str()),
                Some(_) if service.environment.contains_key("PATH") => {}
                Some(closed) => taken.directories.entry(closed.cause_and_fix(entry)).or_default().push(name.clone()),
            }
        }
        let path = if path.is_empty() { EMPTY_PATH.into() } else { path.join(OsStr::new(":")) };
        if service.inherits_variables(self.config.s6.as_ref()) {
            let declared = |variable: &&String| !service.environment.contains_key(*variable);
            let variables: Vec<_> = self.facts.variables.iter().filter(declared).cloned().collect();
            if !variables.is_empty() {
                // Scripts of s6-overlay read the same with `with-contenv`: an image whose programs need it must find it.
                let all = if service.s6.is_some() { &mut taken.passed_on } else { &mut taken.variables };
                all.entry(variables).or_default().push(name);
            }
        }
        Inherited::Safe { path }
    }

    /// Returns the PATH of scripts of an image made for s6-overlay; `None`: the container's.
    pub(super) fn path_of_scripts(&self, resolver: &UserResolver<'_>) -> Option<OsString> {
        let script = Service {
            user: self.config.container.drop.s6_user(),
            no_new_privileges: false,
            s6: Some(S6Origin::Script),
            ..Service::plain(ServiceName::new("script")?, Command::Nothing)
        };
        // What is noteworthy is noted for the services themselves.
        let runs = resolver.service(&script, &mut Notes::default());
        match self.inherited(&script, &runs, &mut RemovedVariables::default()) {
            Inherited::Safe { path } => Some(path),
            Inherited::All => None,
        }
    }

    /// Returns the result of looking up a program in the remaining directories. `None`: it is not looked up in PATH, or in a
    /// PATH that the service's file declares.
    pub(super) fn found(&self, service: &Service, runs: &RunsAs, key: &str, command: &Command) -> Option<ProgramFact> {
        let searched = matches!(command, Command::Argv(argv) if argv.first().is_some_and(|word| is_bare(word)));
        if !searched || service.environment.contains_key("PATH") || self.extra_rights(service, runs).is_none() {
            return None;
        }
        let all = self.facts.named.candidates.get(service.name.as_str())?.get(key)?;
        let open = all.iter().filter(|(at, _)| self.is_open(*at, service, runs));
        Some(ProgramFact::best(open.map(|(_, fact)| fact.clone())))
    }

    /// Returns whether the directory with that index in PATH is not removed for a service.
    pub(super) fn is_open(&self, at: usize, service: &Service, runs: &RunsAs) -> bool {
        self.entries(service).get(at).is_some_and(|entry| self.unsafe_reason(entry, service, runs).is_none())
    }

    /// Returns the directories in which programs of a service without its own PATH are searched.
    fn entries(&self, service: &Service) -> &'a [PathEntry] {
        let search = &self.facts.named.search;
        match service.path_source() {
            PathSource::Default => &search.default,
            PathSource::Declared(_) | PathSource::Container => &search.container,
        }
    }

    /// Returns why users other than root control a directory of PATH.
    pub(super) fn unsafe_reason(
        &self,
        entry: &'a PathEntry,
        service: &Service,
        runs: &RunsAs,
    ) -> Option<UnsafeDirectory<'a>> {
        // `/proc/self/cwd` is relative although it looks absolute.
        if !entry.path.is_absolute() || self.resolved(&entry.path).any(|place| place.starts_with("/proc")) {
            return Some(UnsafeDirectory::Relative);
        }
        let trust = self.of_variables(service, runs);
        let found = entry.file_owners.iter().find(|found| {
            // A user who may add a name to the last one controls what is found there, sticky or not.
            let last = found.path == entry.end;
            let allowed = if last { trust.allows_names(found) } else { trust.allows(found) };
            !allowed && !self.is_trusted_by_author(&found.path)
        });
        found
            .map(UntrustedWriter::Found)
            .or_else(|| self.given_away_to(&entry.path, service, runs))
            .map(UnsafeDirectory::Others)
    }
}

/// Why a directory of PATH is not searched.
pub(super) enum UnsafeDirectory<'a> {
    /// It depends on the working directory.
    Relative,
    /// Others than root control it.
    Others(UntrustedWriter<'a>),
}

impl UnsafeDirectory<'_> {
    /// Returns which directory it is, why, and the fix.
    pub(super) fn cause_and_fix(&self, entry: &PathEntry) -> (String, String) {
        let directory = printable::path(&entry.path);
        match self {
            Self::Relative => (
                format!("{directory} (relative to wherever a program stands)"),
                "write absolute paths into PATH".into(),
            ),
            Self::Others(writer) => {
                let place = printable::path(writer.path());
                let fix = format!(
                    "if everyone who can write there may have the same, write `trust = [\"{place}\"]` into \
                     /etc/stepdown.toml"
                );
                (format!("{directory} (users other than root decide what is found there: {writer})"), fix)
            }
        }
    }
}

fn is_bare(word: &OsStr) -> bool {
    !word.as_bytes().contains(&b'/')
}

impl RemovedVariables {
    /// Adds notices about what services with more rights than the app user do not get, one for all services with the same.
    pub(super) fn add_notices(self, notes: &mut Notes) {
        for ((directory, fix), services) in self.directories {
            let (names, have) = (listed(&services), if services.len() == 1 { "has" } else { "have" });
            notes.notice(format!("{names} {have} more rights than the app user: PATH is without {directory}; {fix}"));
        }
        for (variables, services) in self.variables {
            let (names, have) = (listed(&services), if services.len() == 1 { "has" } else { "have" });
            let first = variables.first().map(String::as_str).unwrap_or_default();
            notes.notice(format!(
                "{names} {have} more rights than the app user: what can name code to run is not passed on from the \
                 container's environment ({}); what is needed goes into the service's file: `environment = {{ {first} = \
                 \"…\" }}`",
                variables.join(", ")
            ));
        }
        for (variables, services) in self.passed_on {
            let (names, have) = (listed(&services), if services.len() == 1 { "has" } else { "have" });
            notes.notice(format!(
                "{names} {have} more rights than the app user, and {} of the container's environment, as under s6-overlay: \
                 the app user must not be able to write what is named there",
                variables.join(", ")
            ));
        }
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_code_is_known_by_its_name_its_beginning_or_its_value() {
        let is = |name: &str, value: &str| names_code(OsStr::new(name), OsStr::new(value));
        for name in ["LD_PRELOAD", "LD_AUDIT", "BASH_ENV", "ENV", "GCONV_PATH", "PYTHONPATH", "PERL5OPT", "RUBYOPT"] {
            assert!(is(name, "/data/x"), "{name}");
        }
        for name in
            ["TAR_OPTIONS", "XDG_CONFIG_HOME", "BUNDLER_SETUP", "NODE_COMPILE_CACHE", "TEXTDOMAINDIR", "KRB5_CONFIG"]
        {
            assert!(is(name, "/data/x"), "{name}");
        }
        for name in ["NODE_OPTIONS", "JAVA_TOOL_OPTIONS", "LUA_INIT_5_4", "BASH_FUNC_ls%%", "GIT_CONFIG_COUNT"] {
            assert!(is(name, "/data/x"), "{name}");
        }
        assert!(is("anything", "() { :; }; /data/x"), "a function, as old shells export them");
        for name in ["PATH", "HOME", "LANG", "TZ", "TMPDIR", "PYTHONUNBUFFERED", "ENVIRONMENT", "OLD_ENV", "PUID"] {
            assert!(!is(name, "/data/x"), "{name}");
        }
    }
}
