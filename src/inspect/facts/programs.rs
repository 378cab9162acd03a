//! What becomes of looking up each service's program, in its own PATH. Each file is examined once, however many services
//! run it. Must not run anything.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{AccessFlags, geteuid};

use crate::config::Config;
use crate::config::service::{Command, Service};
use crate::config::values::{CapSet, Gid, ServiceName, Uid};
use crate::plan::SHELL;
use crate::plan::arguments;
use crate::plan::facts::{Candidates, EnvLookup, Executable, ProgramFact};
use crate::plan::inherited::directories;
use crate::plan::obstacle::{FilePermissions, Obstacle};
use crate::plan::trust;
use crate::sys::access;
use crate::sys::files::xattr;
use crate::sys::interpreter;
use crate::sys::obstacle;

/// Where programs are looked for when nobody says where: Docker's own default.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What became of looking programs up.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Of every service and of the main command.
    pub programs: BTreeMap<String, ProgramFact>,
    /// What services run beside it, by key.
    pub helpers: BTreeMap<String, BTreeMap<&'static str, ProgramFact>>,
    /// Directory by directory, for services that may have more rights than the app user.
    pub candidates: Candidates,
    /// What the programs of those need.
    pub interpreters: BTreeMap<PathBuf, Vec<PathBuf>>,
    /// What those of them that are scripts have env(1) look for.
    pub by_env: BTreeMap<String, BTreeMap<PathBuf, EnvLookup>>,
    /// What programs are to who executes them.
    pub executables: BTreeMap<PathBuf, Executable>,
}

/// Looks up the program of every service and of the main command; and what services run beside it.
pub(super) fn read(config: &Config, path: Option<&OsStr>) -> Found {
    let mut lookup = Lookup::default();
    let inherited = path.unwrap_or(OsStr::new(DEFAULT_PATH));
    let mut found = Found::default();
    let main = config.main_service();
    for service in config.services.iter().chain(&main) {
        let name = service.name.as_str();
        found.programs.insert(name.to_owned(), lookup.service(service, &service.command, inherited));
        let helpers = service.helpers();
        if !helpers.is_empty() {
            let looked_up = helpers.iter().map(|(key, command)| (*key, lookup.service(service, command, inherited)));
            found.helpers.insert(name.to_owned(), looked_up.collect());
        }
    }
    if let Some(program) = config.main.first() {
        let fact = lookup.program(program, inherited, &std::env::current_dir().unwrap_or_default());
        // It starts in the image's working directory.
        found.programs.insert(ServiceName::MAIN.to_owned(), fact);
    }
    for service in config.services.iter().chain(&main).filter(|service| trust::may_have_more(service)) {
        lookup.one_by_one(service, inherited, &mut found);
    }
    let helpers = found.helpers.values().flat_map(BTreeMap::values);
    let single = found.candidates.values().flat_map(BTreeMap::values).flatten().map(|(_, fact)| fact);
    let all = found.programs.values().chain(helpers).chain(single);
    let all: BTreeSet<_> = all.filter_map(ProgramFact::path).collect();
    let mut directories = HashMap::new();
    let noted = |path: &PathBuf| Some((path.clone(), executable(path, &mut directories)?));
    found.executables = all.into_iter().filter_map(noted).collect();
    found
}

/// Looks one program up as a service of that PATH and directory would.
pub fn resolve(program: &OsStr, path: &OsStr, directory: &Path) -> ProgramFact {
    Lookup::default().program(program, path, directory)
}

/// What was examined so far.
#[derive(Default)]
struct Lookup {
    files: HashMap<PathBuf, ProgramFact>,
    interpreters: HashMap<PathBuf, Option<Obstacle>>,
    words: HashMap<(OsString, OsString), ProgramFact>,
}

impl Lookup {
    fn service(&mut self, service: &Service, command: &Command, inherited: &OsStr) -> ProgramFact {
        let directory = service.directory.as_deref().unwrap_or(Path::new("/"));
        match command {
            Command::Script(_) => self.file(Path::new(SHELL)),
            Command::File(path) => self.file(path),
            Command::Argv(words) => {
                let path = match service.environment.get("PATH") {
                    Some(path) => OsStr::new(path),
                    None if service.clear_environment => OsStr::new(DEFAULT_PATH),
                    None => inherited,
                };
                words.first().map_or(ProgramFact::NotFound, |program| self.program(program, path, directory))
            }
        }
    }

    fn program(&mut self, program: &OsStr, path: &OsStr, directory: &Path) -> ProgramFact {
        if program.as_bytes().contains(&b'/') {
            return self.file(&directory.join(program));
        }
        let key = (path.to_owned(), program.to_owned());
        if let Some(fact) = self.words.get(&key) {
            return fact.clone();
        }
        let fact = self.search(program, path);
        self.words.insert(key, fact.clone());
        fact
    }

    /// Looks in each directory alone, because it is for the plan to say which of them are searched; and notes what all that
    /// was found needs.
    fn one_by_one(&mut self, service: &Service, inherited: &OsStr, found: &mut Found) {
        let name = service.name.as_str();
        let path = if service.clear_environment { OsStr::new(DEFAULT_PATH) } else { inherited };
        let helpers = service.helpers();
        let all = std::iter::once(("", &service.command)).chain(helpers.iter().map(|(key, command)| (*key, command)));
        for (key, command) in all {
            let word = match command {
                Command::Argv(words) => words.first().filter(|word| !word.as_bytes().contains(&b'/')),
                Command::Script(_) | Command::File(_) => None,
            };
            if let Some(word) = word {
                let facts = directories(path).enumerate().map(|(at, place)| (at, self.file(&place.join(word))));
                let facts = facts.filter(|(_, fact)| *fact != ProgramFact::NotFound).collect();
                found.candidates.entry(name.to_owned()).or_default().insert(key, facts);
            }
        }
        let whole =
            found.programs.get(name).into_iter().chain(found.helpers.get(name).into_iter().flat_map(BTreeMap::values));
        let single = found.candidates.get(name).into_iter().flat_map(BTreeMap::values).flatten().map(|(_, fact)| fact);
        let directory = service.directory.as_deref().unwrap_or(Path::new("/"));
        let commands = std::iter::once(&service.command).chain(helpers.iter().map(|(_, command)| command));
        let told = commands.flat_map(|command| arguments::programs(command, directory));
        let mut programs: Vec<_> = whole.chain(single).filter_map(ProgramFact::path).cloned().chain(told).collect();
        let (mut by_env, mut seen) = (BTreeMap::new(), BTreeSet::new());
        while let Some(program) = programs.pop() {
            if !seen.insert(program.clone()) {
                continue;
            }
            let needed = needed(&program, directory);
            for script in std::iter::once(&program).chain(&needed) {
                let Some(name) = obstacle::head(script).and_then(|head| interpreter::by_env(&head)) else { continue };
                let lookup = self.by_env(service, name, path);
                programs.extend(lookup.found.iter().filter_map(|(_, fact)| fact.path()).cloned());
                by_env.insert(script.clone(), lookup);
            }
            found.interpreters.insert(program, needed);
        }
        if !by_env.is_empty() {
            found.by_env.insert(name.to_owned(), by_env);
        }
    }

    /// What env(1) finds: in the PATH that the service declares, else in this one.
    fn by_env(&mut self, service: &Service, name: OsString, path: &OsStr) -> EnvLookup {
        let path = service.environment.get("PATH").map_or(path, |path| OsStr::new(path.as_str()));
        let facts: Vec<_> = match name.as_bytes().contains(&b'/') {
            true => vec![(0, self.file(&service.directory.as_deref().unwrap_or(Path::new("/")).join(&name)))],
            false => directories(path).enumerate().map(|(at, place)| (at, self.file(&place.join(&name)))).collect(),
        };
        EnvLookup { name, found: facts.into_iter().filter(|(_, fact)| *fact != ProgramFact::NotFound).collect() }
    }

    fn search(&mut self, program: &OsStr, path: &OsStr) -> ProgramFact {
        // An empty element would mean the working directory: nobody wants that of an init.
        ProgramFact::best(directories(path).map(|place| self.file(&place.join(program))))
    }

    fn file(&mut self, path: &Path) -> ProgramFact {
        if let Some(fact) = self.files.get(path) {
            return fact.clone();
        }
        let fact = self.examine(path);
        self.files.insert(path.to_owned(), fact.clone());
        fact
    }

    fn examine(&mut self, path: &Path) -> ProgramFact {
        match access::check(path, AccessFlags::X_OK) {
            Ok(()) => {}
            Err(Errno::EACCES | Errno::EPERM) => {
                return match obstacle::explain(Errno::EACCES, path) {
                    Obstacle::NoExecMount => ProgramFact::NoExec(path.to_owned()),
                    Obstacle::NoExecuteBit(_) => ProgramFact::NotExecutable(path.to_owned()),
                    why @ (Obstacle::Directory | Obstacle::NoFile) => {
                        ProgramFact::Refused { program: path.to_owned(), why }
                    }
                    // Root without DAC_OVERRIDE is not who will execute it; anybody else is.
                    Obstacle::NotForThisUser(_) | Obstacle::ClosedDirectory(_) if geteuid().is_root() => {
                        ProgramFact::Unknown(path.to_owned())
                    }
                    why @ (Obstacle::NotForThisUser(_) | Obstacle::ClosedDirectory(_)) => {
                        ProgramFact::Refused { program: path.to_owned(), why }
                    }
                    _ => ProgramFact::Unknown(path.to_owned()),
                };
            }
            Err(_) => return ProgramFact::NotFound,
        }
        let program = path.to_owned();
        let Some(head) = obstacle::head(path) else {
            // It may be executed and not read: its interpreter stays unknown.
            return match path.is_file() {
                true => ProgramFact::Found(program),
                false if path.is_dir() => ProgramFact::Refused { program, why: Obstacle::Directory },
                false => ProgramFact::Refused { program, why: Obstacle::NoFile },
            };
        };
        match obstacle::in_file(path, &head).or_else(|| self.in_needed(&head)) {
            Some(Obstacle::Needs { path: interpreter, why }) if *why == Obstacle::Missing => {
                ProgramFact::NoInterpreter { program, interpreter }
            }
            Some(why) => ProgramFact::Refused { program, why },
            None => ProgramFact::Found(program),
        }
    }

    /// What an interpreter or a loader shows. Each is looked at once, however many programs need it.
    fn in_needed(&mut self, head: &[u8]) -> Option<Obstacle> {
        let path = interpreter::interpreter_of(head)?;
        let why =
            self.interpreters.entry(path.clone()).or_insert_with(|| obstacle::visible_from_outside(&path)).clone()?;
        Some(Obstacle::Needs { path, why: Box::new(why) })
    }
}

/// What a program is to who executes it; `None`: the same to everybody. Each directory is looked at once.
fn executable(program: &Path, directories: &mut HashMap<PathBuf, Option<FilePermissions>>) -> Option<Executable> {
    let real = program.canonicalize().ok()?;
    let mut closed: Vec<_> = real
        .ancestors()
        .skip(1)
        .filter_map(|place| directories.entry(place.to_owned()).or_insert_with(|| closed(place, place)).clone())
        .collect();
    closed.extend(self::closed(&real, program));
    let is_script = |path: &PathBuf| obstacle::head(path).is_some_and(|head| head.starts_with(b"#!"));
    let file = match is_script(&real) {
        true => needed(program, Path::new("/")).into_iter().find(|path| !is_script(path))?,
        false => program.to_owned(),
    };
    let mut found = Executable { closed, file, ..Executable::default() };
    let keeps = |path: &Path| !statvfs(path).is_ok_and(|vfs| vfs.flags().contains(FsFlags::ST_NOSUID));
    if let Ok(meta) = found.file.metadata() {
        let mode = meta.mode();
        found.setuid = (mode & 0o4000 != 0).then(|| Uid(meta.uid()));
        // Without the group's execute bit it means mandatory locking.
        found.setgid = (mode & 0o2010 == 0o2010).then(|| Gid(meta.gid()));
        found.capabilities = xattr::file_capabilities(&found.file).map(|(wants, _)| wants).unwrap_or_default();
        let gains = found.setuid.is_some() || found.setgid.is_some() || !found.capabilities.is_empty();
        if gains && !keeps(&found.file) {
            found = Executable { setuid: None, setgid: None, capabilities: CapSet::EMPTY, ..found };
        }
    }
    let is_plain = Executable { file: found.file.clone(), ..Executable::default() } == found;
    (!is_plain).then_some(found)
}

/// What not everybody may search or execute, under this name. Whom an access control list lets in besides is not known: such a
/// one is passed over.
fn closed(path: &Path, named: &Path) -> Option<FilePermissions> {
    let meta = path.metadata().ok()?;
    let is_open = meta.mode() & 0o001 != 0 || xattr::has_acl(path);
    let seen = || FilePermissions {
        path: named.to_owned(),
        uid: Uid(meta.uid()),
        gid: Gid(meta.gid()),
        mode: meta.mode() & 0o7777,
    };
    (!is_open).then(seen)
}

/// What is executed when a program is: its interpreter, that one's, and the loader in the end. A relative one is looked for
/// in the directory that the service begins in.
fn needed(program: &Path, directory: &Path) -> Vec<PathBuf> {
    let next = |program: &PathBuf| {
        let named = obstacle::head(program).and_then(|head| interpreter::interpreter_of(&head));
        named.map(|named| directory.join(named))
    };
    std::iter::successors(next(&program.to_owned()), next).take(obstacle::MAX_INTERPRETERS).collect()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // modes of files that the test has made
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn put(path: PathBuf, text: &str, mode: u32) -> PathBuf {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_program_is_found_along_its_path_and_else_said_why_not() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("one/folder")).unwrap();
        fs::create_dir(at("two")).unwrap();
        let closed = put(at("one/tool"), "#!/bin/sh\n", 0o644);
        let open = put(at("two/tool"), "#!/bin/sh\n", 0o755);
        let only_closed = put(at("one/data"), "", 0o644);
        let script = put(at("two/old"), "#!/usr/bin/with-contenv-none bash\n", 0o755);
        let path = OsString::from(format!("{}::{}", at("one").display(), at("two").display()));
        let ask = |name: &str| resolve(OsStr::new(name), &path, dir.path());

        assert_eq!(ask("tool"), ProgramFact::Found(open.clone()));
        assert_eq!(ask("./two/tool"), ProgramFact::Found(at("./two/tool")));
        assert_eq!(ask(closed.to_str().unwrap()), ProgramFact::NotExecutable(closed));
        assert_eq!(ask("data"), ProgramFact::NotExecutable(only_closed));
        let folder = ProgramFact::Refused { program: at("one/folder"), why: Obstacle::Directory };
        assert_eq!(ask("folder"), folder);
        assert_eq!(ask("none"), ProgramFact::NotFound);
        assert_eq!(ask("/none/at/all"), ProgramFact::NotFound);
        let interpreter = "/usr/bin/with-contenv-none".into();
        assert_eq!(ask("old"), ProgramFact::NoInterpreter { program: script, interpreter });
        assert!(matches!(resolve(OsStr::new("sh"), OsStr::new(DEFAULT_PATH), Path::new("/")), ProgramFact::Found(_)));
    }
}
