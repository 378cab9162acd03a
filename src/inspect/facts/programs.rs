//! Looks up each service's program, in the service's PATH. Each file is examined once, however many services run it. Must
//! not execute anything.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{AccessFlags, geteuid};

use super::program_heads::ProgramHeads;
use crate::config::search_path::directories;
use crate::config::service::{Command, Service};
use crate::config::values::{CapSet, Gid, ServiceName, Uid};
use crate::config::{Config, shebang};
use crate::plan::exec_failure::{ExecFailure, FilePermissions};
use crate::plan::facts::{EnvLookup, Executable, NamedFiles, ProgramFact, RestrictedScript};
use crate::plan::{SHELL, arguments, trusted_writers};
use crate::sys::files::xattr;
use crate::sys::{access, exec_failure, interpreter};

/// Looks up the program of every service and of the main command, and the other programs of services;
/// owners and links are not read here.
///
/// `uid`: our own. Without root everything runs as this user, whose access the kernel has checked.
pub(super) fn read(config: &Config, path: &OsStr, uid: Uid) -> NamedFiles {
    let mut lookup = LookupCache::default();
    let mut found = NamedFiles::default();
    let main = config.main_service();
    for service in config.services.iter().chain(&main) {
        let name = service.name.as_str();
        if service.command != Command::Nothing {
            found.programs.insert(name.to_owned(), lookup.service(service, &service.command, path));
        }
        let auxiliary = service.auxiliary_commands();
        if !auxiliary.is_empty() {
            let looked_up = auxiliary.iter().map(|(key, command)| (*key, lookup.service(service, command, path)));
            found.auxiliary_programs.insert(name.to_owned(), looked_up.collect());
        }
    }
    if let Some(program) = config.main.first() {
        // Only a path with a slash starts there, and not every one.
        let is_relative = program.as_bytes().contains(&b'/') && !program.as_bytes().starts_with(b"/");
        let directory = if is_relative { std::env::current_dir().unwrap_or_default() } else { PathBuf::new() };
        let fact = lookup.program(program, path, &directory);
        // The main command starts in the image's working directory.
        found.programs.insert(ServiceName::MAIN.to_owned(), fact);
    }
    for service in config.services.iter().chain(&main).filter(|service| trusted_writers::may_have_more(service)) {
        lookup.by_directory(service, path, &mut found);
    }
    let auxiliary = found.auxiliary_programs.values().flat_map(BTreeMap::values);
    let single = found.candidates.values().flat_map(BTreeMap::values).flatten().map(|(_, fact)| fact);
    let all = found.programs.values().chain(auxiliary).chain(single);
    let all: BTreeSet<_> = all.filter_map(ProgramFact::path).collect();
    if config.s6.is_some() {
        found.restricted_scripts =
            all.iter().filter_map(|path| Some(((*path).clone(), lookup.restricted_script(path)?))).collect();
    }
    let interpreters = found.restricted_scripts.values().filter_map(|script| script.interpreter.path());
    let all: BTreeSet<_> = all.into_iter().chain(interpreters).collect();
    let mut directories = (uid == Uid::ROOT || config.s6.is_some()).then(BTreeMap::new);
    let noted = |path: &PathBuf| Some((path.clone(), executable(path, directories.as_mut(), &mut lookup.heads)?));
    found.executables = all.into_iter().filter_map(noted).collect();
    found
}

/// Looks up one program as a service with that PATH and directory would.
pub fn resolve(program: &OsStr, path: &OsStr, directory: &Path) -> ProgramFact {
    LookupCache::default().program(program, path, directory)
}

/// Files that were examined already.
#[derive(Default)]
struct LookupCache {
    files: BTreeMap<PathBuf, ProgramFact>,
    /// And whether a script needs it.
    interpreters: BTreeMap<(PathBuf, bool), Option<ExecFailure>>,
    argv: BTreeMap<(OsString, OsString), ProgramFact>,
    heads: ProgramHeads,
}

impl LookupCache {
    fn service(&mut self, service: &Service, command: &Command, container: &OsStr) -> ProgramFact {
        let directory = service.directory.as_deref().unwrap_or(Path::new("/"));
        match command {
            Command::Script(_) => self.file(Path::new(SHELL)),
            Command::File(path) => self.file(path),
            Command::Nothing => ProgramFact::NotFound,
            Command::Argv(argv) => {
                let path = service.path_source().path(container);
                argv.first().map_or(ProgramFact::NotFound, |program| self.program(program, path, directory))
            }
        }
    }

    fn program(&mut self, program: &OsStr, path: &OsStr, directory: &Path) -> ProgramFact {
        if program.as_bytes().contains(&b'/') {
            return self.file(&directory.join(program));
        }
        let key = (path.to_owned(), program.to_owned());
        if let Some(fact) = self.argv.get(&key) {
            return fact.clone();
        }
        let fact = self.search(program, path);
        self.argv.insert(key, fact.clone());
        fact
    }

    /// Returns how a script is run that not everybody may execute; `None`: it is not one, or cannot be read.
    fn restricted_script(&mut self, path: &Path) -> Option<RestrictedScript> {
        restricted(path, path)?;
        let argv = shebang::argv(self.heads.head(path)?)?;
        let interpreter = self.file(Path::new(argv.first()?));
        Some(RestrictedScript { argv, interpreter })
    }

    /// Looks in each directory separately, because the plan decides which of them are searched; and adds the interpreters of
    /// what was found.
    fn by_directory(&mut self, service: &Service, container: &OsStr, found: &mut NamedFiles) {
        let name = service.name.as_str();
        let path = service.path_source().path(container);
        let auxiliary = service.auxiliary_commands();
        let all = std::iter::once(("", &service.command)).chain(auxiliary.iter().map(|(key, command)| (*key, command)));
        for (key, command) in all {
            let word = match command {
                Command::Argv(argv) => argv.first().filter(|word| !word.as_bytes().contains(&b'/')),
                Command::Script(_) | Command::File(_) | Command::Nothing => None,
            };
            if let Some(word) = word {
                let facts = directories(path).enumerate().map(|(at, place)| (at, self.file(&place.join(word))));
                let facts = facts.filter(|(_, fact)| *fact != ProgramFact::NotFound).collect();
                found.candidates.entry(name.to_owned()).or_default().insert(key, facts);
            }
        }
        let whole = found
            .programs
            .get(name)
            .into_iter()
            .chain(found.auxiliary_programs.get(name).into_iter().flat_map(BTreeMap::values));
        let single = found.candidates.get(name).into_iter().flat_map(BTreeMap::values).flatten().map(|(_, fact)| fact);
        let directory = service.directory.as_deref().unwrap_or(Path::new("/"));
        let commands = std::iter::once(&service.command).chain(auxiliary.iter().map(|(_, command)| command));
        let from_arguments = commands.flat_map(|command| arguments::programs(command, directory));
        let mut programs: Vec<_> =
            whole.chain(single).filter_map(ProgramFact::path).cloned().chain(from_arguments).collect();
        let (mut by_env, mut seen) = (BTreeMap::new(), BTreeSet::new());
        while let Some(program) = programs.pop() {
            if !seen.insert(program.clone()) {
                continue;
            }
            let needed = self.heads.interpreters(&program, directory);
            for script in std::iter::once(&program).chain(&needed) {
                let Some(name) = self.heads.head(script).and_then(interpreter::by_env) else {
                    continue;
                };
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

    /// The program that env(1) finds in the service's PATH.
    fn by_env(&mut self, service: &Service, name: OsString, path: &OsStr) -> EnvLookup {
        let facts: Vec<_> = match name.as_bytes().contains(&b'/') {
            true => vec![(0, self.file(&service.directory.as_deref().unwrap_or(Path::new("/")).join(&name)))],
            false => directories(path).enumerate().map(|(at, place)| (at, self.file(&place.join(&name)))).collect(),
        };
        EnvLookup { name, found: facts.into_iter().filter(|(_, fact)| *fact != ProgramFact::NotFound).collect() }
    }

    fn search(&mut self, program: &OsStr, path: &OsStr) -> ProgramFact {
        // An empty element would mean the working directory: not searched, for safety.
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
                return match exec_failure::explain(Errno::EACCES, path) {
                    ExecFailure::NoExecMount => ProgramFact::NoExec(path.to_owned()),
                    ExecFailure::NoExecuteBit(_) => ProgramFact::NotExecutable(path.to_owned()),
                    why @ (ExecFailure::Directory | ExecFailure::NotAFile) => {
                        ProgramFact::Refused { program: path.to_owned(), why }
                    }
                    // Root without DAC_OVERRIDE is not the user that will execute it; any other user is.
                    ExecFailure::NotForThisUser(_) | ExecFailure::UnsearchableDirectory(_) if geteuid().is_root() => {
                        ProgramFact::Unknown(path.to_owned())
                    }
                    why @ (ExecFailure::NotForThisUser(_) | ExecFailure::UnsearchableDirectory(_)) => {
                        ProgramFact::Refused { program: path.to_owned(), why }
                    }
                    _ => ProgramFact::Unknown(path.to_owned()),
                };
            }
            Err(_) => return ProgramFact::NotFound,
        }
        let program = path.to_owned();
        let Some(head) = self.heads.head(path) else {
            // It may be executable and not readable: its interpreter stays unknown.
            return match path.is_file() {
                true => ProgramFact::Found(program),
                false if path.is_dir() => ProgramFact::Refused { program, why: ExecFailure::Directory },
                false => ProgramFact::Refused { program, why: ExecFailure::NotAFile },
            };
        };
        let head = head.to_owned();
        let in_file = exec_failure::in_file(&head, || self.heads.capabilities(path));
        match in_file.or_else(|| self.interpreter_failure(&head)) {
            Some(ExecFailure::Needs { path: interpreter, why }) if *why == ExecFailure::Missing => {
                ProgramFact::NoInterpreter { program, interpreter }
            }
            Some(why) => ProgramFact::Refused { program, why },
            None => ProgramFact::Found(program),
        }
    }

    /// What is wrong with an interpreter or a loader. Each is checked once, however many programs need it.
    fn interpreter_failure(&mut self, head: &[u8]) -> Option<ExecFailure> {
        let path = interpreter::interpreter_of(head)?;
        let why = self
            .interpreters
            .entry((path.clone(), head.starts_with(b"#!")))
            .or_insert_with(|| exec_failure::visible_in_interpreter(&path, head))
            .clone()?;
        Some(ExecFailure::Needs { path, why: Box::new(why) })
    }
}

/// Who may execute a program and what it gains; `None`: everybody, nothing. Each directory is read once; without a map of
/// them who may execute it is not asked.
fn executable(
    program: &Path,
    directories: Option<&mut BTreeMap<PathBuf, Option<FilePermissions>>>,
    heads: &mut ProgramHeads,
) -> Option<Executable> {
    let restricted = directories.map_or_else(|| Some(Vec::new()), |known| all_restricted(program, known, heads))?;
    let file = match heads.is_script(program) {
        true => heads.interpreters(program, Path::new("/")).into_iter().find(|path| !heads.is_script(path))?,
        false => program.to_owned(),
    };
    let mut found = Executable { restricted, file, ..Executable::default() };
    let keeps = |path: &Path| !statvfs(path).is_ok_and(|vfs| vfs.flags().contains(FsFlags::ST_NOSUID));
    if let Some(meta) = heads.metadata(&found.file) {
        let mode = meta.mode();
        found.setuid = (mode & 0o4000 != 0).then(|| Uid(meta.uid()));
        // Without the group's execute bit setgid means mandatory locking.
        found.setgid = (mode & 0o2010 == 0o2010).then(|| Gid(meta.gid()));
        found.capabilities = heads.capabilities(&found.file).map(|(wants, _)| wants).unwrap_or_default();
        let gains = found.setuid.is_some() || found.setgid.is_some() || !found.capabilities.is_empty();
        if gains && !keeps(&found.file) {
            found = Executable { setuid: None, setgid: None, capabilities: CapSet::EMPTY, ..found };
        }
    }
    let is_plain = Executable { file: found.file.clone(), ..Executable::default() } == found;
    (!is_plain).then_some(found)
}

/// The directories of a program, and itself, that not everybody may search or execute; `None` if it is gone.
fn all_restricted(
    program: &Path,
    directories: &mut BTreeMap<PathBuf, Option<FilePermissions>>,
    heads: &mut ProgramHeads,
) -> Option<Vec<FilePermissions>> {
    let real = program.canonicalize().ok()?;
    let mut found: Vec<_> = real
        .ancestors()
        .skip(1)
        .filter_map(|place| directories.entry(place.to_owned()).or_insert_with(|| restricted(place, place)).clone())
        .collect();
    found.extend(heads.metadata(program).and_then(|meta| restricted_by(&meta, &real, program)));
    Some(found)
}

/// The permissions of a file that not everybody may search or execute, reported under the name `named`.
fn restricted(path: &Path, named: &Path) -> Option<FilePermissions> {
    restricted_by(&path.metadata().ok()?, path, named)
}

/// As [`restricted`], of a file whose state is known. `None` with an access control list, because the other users in it are
/// not known.
fn restricted_by(meta: &Metadata, path: &Path, named: &Path) -> Option<FilePermissions> {
    let is_open = meta.mode() & 0o001 != 0 || xattr::has_acl(path);
    let seen = || FilePermissions {
        path: named.to_owned(),
        uid: Uid(meta.uid()),
        gid: Gid(meta.gid()),
        mode: meta.mode() & 0o7777,
    };
    (!is_open).then(seen)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // modes of files that the test has created
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::search_path::DEFAULT_PATH;

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
        let result = |name: &str| resolve(OsStr::new(name), &path, dir.path());

        assert_eq!(result("tool"), ProgramFact::Found(open.clone()));
        assert_eq!(result("./two/tool"), ProgramFact::Found(at("./two/tool")));
        assert_eq!(result(closed.to_str().unwrap()), ProgramFact::NotExecutable(closed));
        assert_eq!(result("data"), ProgramFact::NotExecutable(only_closed));
        let folder = ProgramFact::Refused { program: at("one/folder"), why: ExecFailure::Directory };
        assert_eq!(result("folder"), folder);
        assert_eq!(result("none"), ProgramFact::NotFound);
        assert_eq!(result("/none/at/all"), ProgramFact::NotFound);
        let interpreter = "/usr/bin/with-contenv-none".into();
        assert_eq!(result("old"), ProgramFact::NoInterpreter { program: script, interpreter });
        assert!(matches!(resolve(OsStr::new("sh"), OsStr::new(DEFAULT_PATH), Path::new("/")), ProgramFact::Found(_)));
    }
}
