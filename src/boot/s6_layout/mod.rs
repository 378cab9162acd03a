//! The run-time state of s6-overlay, as scripts written for it expect it (FIELD §2.1). The directory around it may be
//! writable by the app, which was there before this boot: all by handles, leftovers are removed and never followed. Must not
//! decide where it lies.

mod exit_code;
mod new_tree;
mod service_directories;
mod variables;
mod version_two;

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use nix::errno::Errno;
use nix::unistd::{UnlinkatFlags, symlinkat, unlinkat};

pub use crate::boot::s6_layout::exit_code::ExitCodeFile;
use crate::boot::s6_layout::new_tree::{NewTree, name_of};
use crate::boot::s6_layout::service_directories::{LOG, ServiceHandles};
use crate::boot::s6_layout::variables::{of_scripts, variables};
use crate::boot::secrets::Secrets;
use crate::config::s6_overlay::OverlayVersion;
use crate::config::values::ServiceName;
use crate::control::runtime_dir::RuntimeDir;
use crate::error::{Refused, cause_text};
use crate::plan::{S6Base, S6Directory, S6Layout};
use crate::sys::files::beneath::Beneath;
use crate::sys::files::change;
use crate::sys::files::listing::Listing;
use crate::sys::files::resolve::{self, Resolved, ResolvedFile};
use crate::sys::files::stat::FileKind;
use crate::sys::files::syscall_support::SyscallSupport;
use crate::text::shown;

/// Where s6-overlay keeps its state. Its `s6/cmdpid` has only one reader, its own script for S6_CMD_RECEIVE_SIGNALS; PID 1 knows
/// the main command without it.
const RUN: &str = "/run";
/// The helper commands in `s6/basedir/bin`, which are links to this program.
const COMMANDS: [&CStr; 4] = [c"halt", c"poweroff", c"reboot", c"init"];
/// Names that s6-rc adds to, such as `s6-rc:s6-rc-init:AbCdEf`.
const OF_S6_RC: &[u8] = b"s6-rc";
/// The directory of the exit code.
const RESULTS: &str = "s6-linux-init-container-results";
/// The file of the exit code.
const EXIT_CODE_FILE: &str = "exitcode";
/// The contents of the exit code file until a script writes another one.
const EXIT_CODE: &[u8] = b"0\n";

/// The state of s6-overlay in this container.
#[derive(Clone, Debug)]
pub struct S6State {
    /// Where it lies: `/run`, or the runtime directory.
    pub base: PathBuf,
    /// The working directory of each service that has one.
    pub directories: BTreeMap<ServiceName, PathBuf>,
    /// The exit code that its scripts write.
    pub exit_code: Rc<ExitCodeFile>,
    handles: Rc<ServiceHandles>,
    /// The container environment, if there is one.
    variables: Option<Rc<OwnedFd>>,
}

impl S6State {
    /// Returns the path of the exit code, for messages.
    pub fn exit_code_path(&self) -> PathBuf {
        self.base.join(RESULTS).join(EXIT_CODE_FILE)
    }

    /// Writes secrets into the container environment, where LinuxServer's own script writes them.
    pub fn add_secrets(&self, names: &[String], secrets: &Secrets) {
        let Some(directory) = &self.variables else { return };
        for (name, value) in names.iter().filter_map(|name| Some((name, secrets.get(name)?))) {
            if let Err(cause) = variables::replace(self.handles.tree, directory.as_fd(), OsStr::new(name), value) {
                let (name, why) = (shown(name), cause_text(&cause));
                tracing::warn!("cannot write the secret `{name}` into the container environment: {why}");
            }
        }
    }

    /// Creates the directories of services that have none yet. One that cannot be created is reported: its service runs in
    /// the directory of its definition.
    pub fn add(&mut self, services: &[S6Directory]) {
        for service in services {
            if self.directories.contains_key(&service.name) {
                continue;
            }
            let at = self.base.join(service.kind.parent()).join(service.name.as_str());
            match self.handles.create(service, &at) {
                Ok(()) => {
                    self.directories.extend(service.log.clone().map(|log| (log, at.join(LOG))));
                    self.directories.insert(service.name.clone(), at);
                }
                Err(cause) => tracing::warn!("cannot create {}: {}", shown(&at), cause_text(&cause)),
            }
        }
    }

    /// Removes the directory of a service that a reload has removed or changed, with that of its logger. One that cannot be
    /// removed is reported.
    pub fn remove(&mut self, service: &S6Directory) {
        let Some(at) = self.directories.get(&service.name).cloned() else { return };
        self.directories.retain(|_, path| !path.starts_with(&at));
        if let Err(cause) = self.handles.remove(service) {
            tracing::warn!("cannot remove {}: {}", shown(&at), cause_text(&cause));
        }
    }
}

/// Creates the state. `environment`: the container's, for `with-contenv`. In `/run` where the plan says so and the kernel
/// agrees, otherwise in the runtime directory.
///
/// # Errors
/// When it can be created nowhere.
pub fn create(
    layout: &S6Layout,
    environment: &BTreeMap<OsString, OsString>,
    runtime: Option<&RuntimeDir>,
) -> Result<S6State, Refused> {
    let environment = &of_scripts(environment, layout);
    if layout.link_var_run {
        link_var_run().unwrap_or_else(|refused| tracing::warn!("{refused}"));
    }
    let in_runtime = || {
        let missing = || refused("the runtime directory", io::Error::other("there is none"));
        let RuntimeDir { path, handle, .. } = runtime.ok_or_else(missing)?;
        create_in(layout, environment, path, handle.as_fd()).map_err(|cause| refused(&shown(path), cause))
    };
    match layout.base {
        S6Base::RuntimeDirectory => in_runtime(),
        S6Base::Run => match create_in_run(layout, environment) {
            Ok(state) => Ok(state),
            Err(error) if runtime.is_some() => {
                tracing::warn!(
                    "{error}; they are in the runtime directory, where scripts that name /run do not find them"
                );
                in_runtime()
            }
            Err(error) => Err(error),
        },
    }
}

fn create_in_run(layout: &S6Layout, environment: &BTreeMap<OsString, OsString>) -> Result<S6State, Refused> {
    let run = Path::new(RUN);
    let syscalls = SyscallSupport::probe();
    let unreachable = |error: resolve::Unreachable| refused(RUN, error.cause);
    let ResolvedFile { handle, stat, .. } = match resolve::resolve(syscalls, run).map_err(unreachable)? {
        Resolved::Found(found) => found,
        Resolved::Missing(parent, names) => resolve::create_missing(syscalls, parent, &names).map_err(unreachable)?,
    };
    if layout.take_run && stat.kind == FileKind::Directory {
        change::directory(syscalls, handle.as_fd(), &stat, layout.owner, Some(0o755)).map_err(|cause| {
            let owner = layout.owner;
            Refused::new(format!("cannot give {RUN} to {}:{} with mode 0755", owner.uid, owner.gid), cause)
        })?;
    }
    create_in(layout, environment, run, handle.as_fd()).map_err(|cause| refused(RUN, cause))
}

/// Creates the state in an open directory; `path`: what it is called.
fn create_in(
    layout: &S6Layout,
    environment: &BTreeMap<OsString, OsString>,
    path: &Path,
    base: BorrowedFd<'_>,
) -> io::Result<S6State> {
    let tree = NewTree::new(SyscallSupport::probe(), layout.owner);
    for name in leftovers_of_s6_rc(base)? {
        tree.remove(base, &name)?;
    }
    tree.remove(base, c"uncaught-logs")?;
    let s6 = tree.replace(base, c"s6")?;
    let variable_files =
        (!layout.keep_env).then(|| tree.directory(s6.as_fd(), c"container_environment")).transpose()?;
    if let Some(directory) = &variable_files {
        variables(tree, directory.as_fd(), environment)?;
    }
    let basedir = tree.directory(s6.as_fd(), c"basedir")?;
    let bin = tree.directory(basedir.as_fd(), c"bin")?;
    let program = std::env::current_exe()?;
    for command in COMMANDS {
        tree.link(bin.as_fd(), command, &program)?;
    }
    tree.give(bin.as_fd())?;
    let env = tree.directory(basedir.as_fd(), c"env")?;
    let path_alone = || environment.iter().filter(|(name, _)| *name == "PATH");
    match layout.keep_env {
        true => variables(tree, env.as_fd(), environment)?,
        false => variables(tree, env.as_fd(), path_alone())?,
    }
    tree.give(basedir.as_fd())?;
    let workdir = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    tree.file(s6.as_fd(), c"workdir", &[workdir.as_os_str().as_bytes(), b"\n"].concat())?;
    let results = tree.replace(base, &name_of(RESULTS)?)?;
    tree.file(results.as_fd(), &name_of(EXIT_CODE_FILE)?, EXIT_CODE)?;
    tree.give(results.as_fd())?;
    let legacy = tree.directory(s6.as_fd(), c"legacy-services")?;
    if layout.version == OverlayVersion::Two {
        version_two::create(tree, s6.as_fd(), &Path::new(RESULTS).join(EXIT_CODE_FILE))?;
    }
    tree.give(s6.as_fd())?;
    let s6_rc = tree.replace(base, c"s6-rc")?;
    let servicedirs = tree.directory(s6_rc.as_fd(), c"servicedirs")?;
    tree.give(s6_rc.as_fd())?;
    let scandir = tree.replace(base, c"service")?;
    for finished in [&legacy, &servicedirs, &scandir] {
        tree.give(finished.as_fd())?;
    }
    let mut state = S6State {
        base: path.to_owned(),
        directories: BTreeMap::new(),
        exit_code: Rc::new(ExitCodeFile::new(results)),
        handles: Rc::new(ServiceHandles { tree, longruns: servicedirs, legacy, scandir }),
        variables: variable_files.map(Rc::new),
    };
    state.add(&layout.services);
    Ok(state)
}

/// Returns the names that s6-rc, or an earlier boot, left.
fn leftovers_of_s6_rc(base: BorrowedFd<'_>) -> io::Result<Vec<CString>> {
    let listed = Beneath::list_pinned(base)?;
    let mut names = Vec::new();
    let mut listing = Listing::new();
    while listing.read(listed.as_fd())? {
        let of_s6_rc = listing.entries().filter(|entry| entry.name.to_bytes().starts_with(OF_S6_RC));
        names.extend(of_s6_rc.map(|entry| entry.name.to_owned()));
    }
    Ok(names)
}

/// Creates the link `/var/run` to `/run`: it is missing, or an empty directory.
fn link_var_run() -> Result<(), Refused> {
    let refused = |cause: io::Error| Refused::new("cannot create the link /var/run to /run", cause);
    let var = match resolve::resolve(SyscallSupport::probe(), Path::new("/var")) {
        Ok(Resolved::Found(var)) => var.handle,
        Ok(Resolved::Missing(..)) => return Err(refused(Errno::ENOENT.into())),
        Err(error) => return Err(refused(error.cause)),
    };
    match unlinkat(&var, c"run", UnlinkatFlags::RemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => {}
        Err(cause) => return Err(refused(cause.into())),
    }
    symlinkat(RUN, &var, c"run").map_err(|cause| refused(cause.into()))
}

fn refused(place: &str, cause: io::Error) -> Refused {
    Refused::new(format!("cannot create the files of s6-overlay in {place}"), cause)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use nix::fcntl::{OFlag, open};
    use nix::sys::stat::Mode;
    use nix::unistd::{getegid, geteuid};

    use super::*;
    use crate::config::values::{Gid, Uid};
    use crate::plan::{Owner, S6DirectoryKind, S6DirectoryNames};

    fn layout(keep_env: bool, services: Vec<S6Directory>) -> S6Layout {
        let owner = Owner { uid: Uid(geteuid().as_raw()), gid: Gid(getegid().as_raw()) };
        S6Layout {
            base: S6Base::Run,
            owner,
            take_run: false,
            link_var_run: false,
            keep_env,
            path: None,
            secrets: Vec::new(),
            services,
            version: OverlayVersion::Two,
        }
    }

    fn environment() -> BTreeMap<OsString, OsString> {
        let all = [("PATH", "/command:/bin"), ("A", "x y\n"), ("EMPTY", ""), ("a/b", "1"), ("PLAIN", "1")];
        all.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn create(layout: &S6Layout, base: &Path) -> io::Result<S6State> {
        let handle = open(base, OFlag::O_PATH | OFlag::O_DIRECTORY, Mode::empty())?;
        create_in(layout, &environment(), base, handle.as_fd())
    }

    #[test]
    fn scripts_find_the_environment_the_commands_and_their_directories() {
        let dir = tempfile::tempdir().unwrap();
        let (base, definition) = (dir.path().join("run"), dir.path().join("svc-web"));
        fs::create_dir_all(definition.join("data")).unwrap();
        fs::create_dir(&base).unwrap();
        fs::write(definition.join("data/check"), "yes").unwrap();
        fs::write(definition.join("notification-fd"), "3\n").unwrap();
        fs::create_dir(definition.join("log")).unwrap();
        fs::write(definition.join("log/run"), "logs").unwrap();
        let name = |text: &str| ServiceName::new(text).unwrap();
        let log = Some(name("old-log"));
        let service = |text: &str, kind| S6Directory {
            name: name(text),
            kind,
            definition: definition.clone(),
            log: log.clone(),
            names: None,
        };
        let web = S6Directory { log: None, ..service("svc-web", S6DirectoryKind::Longrun) };
        let services = vec![web, service("old", S6DirectoryKind::Legacy)];
        let mut state = create(&layout(false, services.clone()), &base).unwrap();
        let read = |path: &str| fs::read_to_string(base.join(path)).unwrap();
        assert_eq!(read("s6/container_environment/PLAIN"), "1");
        assert_eq!(read("s6/container_environment/A"), "x y\n\n");
        assert_eq!(read("s6/container_environment/EMPTY"), "\n");
        assert_eq!(fs::read_dir(base.join("s6/container_environment")).unwrap().count(), 4);
        assert_eq!(fs::read_dir(base.join("s6/basedir/env")).unwrap().count(), 1);
        assert_eq!(read("s6-linux-init-container-results/exitcode"), "0\n");
        fs::write(base.join("s6/env-stage3/S6_STAGE2_EXITED"), "7").unwrap();
        assert_eq!(read("s6-linux-init-container-results/exitcode"), "7");
        assert_eq!(read("s6/services/svc-web/data/check"), "yes");
        assert_eq!(read("service/svc-web/data/check"), "yes");
        assert_eq!(state.directories[&name("svc-web")], base.join("s6-rc/servicedirs/svc-web"));
        assert_eq!(state.directories[&name("old")], base.join("s6/legacy-services/old"));
        assert_eq!(read("s6/legacy-services/old/notification-fd"), "3\n");
        assert_eq!(state.directories[&name("old-log")], base.join("s6/legacy-services/old/log"));
        assert_eq!(read("service/old/log/run"), "logs");
        assert!(!fs::symlink_metadata(base.join("s6/legacy-services/old/log")).unwrap().is_symlink());
        // A reload: both are removed, and come again with other definitions.
        services.iter().for_each(|service| state.remove(service));
        assert!(state.directories.is_empty());
        for parent in ["service", "s6-rc/servicedirs", "s6/legacy-services"] {
            assert_eq!(fs::read_dir(base.join(parent)).unwrap().count(), 0);
        }
        let names = |own: &[&str]| {
            let own = own.iter().map(Into::into).collect();
            Some(S6DirectoryNames { own, log: vec!["run".into()] })
        };
        let [web, old] = services.try_into().unwrap();
        state.add(&[
            S6Directory { names: names(&["data", "type"]), ..web },
            S6Directory { names: names(&["log"]), ..old },
        ]);
        let list = |name: &str| {
            let listed = fs::read_dir(base.join("service").join(name)).unwrap();
            listed.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>()
        };
        assert_eq!([list("svc-web"), list("old"), list("old/log")], [["data"], ["log"], ["run"]]);
        assert!(definition.join("data/check").exists(), "its links are removed, and nothing behind them");
        let halt = fs::read_link(base.join("s6/basedir/bin/halt")).unwrap();
        assert_eq!(halt, std::env::current_exe().unwrap());
    }

    #[test]
    fn services_that_keep_the_environment_have_no_directory_of_it() {
        let dir = tempfile::tempdir().unwrap();
        create(&layout(true, Vec::new()), dir.path()).unwrap();
        assert!(!dir.path().join("s6/container_environment").exists());
        assert_eq!(fs::read(dir.path().join("s6/basedir/env/PLAIN")).unwrap(), b"1");
    }

    #[test]
    fn what_the_app_left_in_run_is_removed_and_never_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (base, outside) = (dir.path().join("run"), dir.path().join("outside"));
        fs::create_dir_all(base.join("service/deep")).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("kept"), "").unwrap();
        symlink(&outside, base.join("s6")).unwrap();
        symlink(&outside, base.join("service/deep/link")).unwrap();
        symlink(&outside, base.join("s6-rc:s6-rc-init:AbCdEf")).unwrap();
        fs::write(base.join("s6-linux-init-container-results"), "").unwrap();
        for _ in 0..2 {
            create(&layout(false, Vec::new()), &base).unwrap();
            assert!(outside.join("kept").exists());
            let mut names: Vec<_> = fs::read_dir(&base).unwrap().map(|it| it.unwrap().file_name()).collect();
            names.sort();
            assert_eq!(names, ["s6", "s6-linux-init-container-results", "s6-rc", "service"]);
        }
    }
}
