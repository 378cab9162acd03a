//! Links in an image by which the commands are called: `/init`, `/command/NAME`, `/usr/bin/NAME` and
//! `/package/admin/PACKAGE/command/NAME`, as s6-overlay has them.
//! What is there already is replaced if it is s6's, execline's or s6-overlay's, and else kept. Must not know how that is
//! printed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{Mode, SFlag, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, symlinkat, unlinkat};

use crate::error::Refused;
use crate::s6_commands::call::HelperCommand;
use crate::s6_commands::package::Package;
use crate::s6_commands::table::COMMANDS;
use crate::sys::files::in_root;
use crate::text::shown;

/// Where s6-overlay has its packages, each with a directory `command`: scripts and health checks name them by these paths.
const PACKAGES: &str = "/package/admin";
/// The paths by which it is an image's entry point.
const INIT: [&str; 2] = ["/init", "/package/admin/s6-overlay/command/init"];

/// What was found in the place of a link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Existing {
    /// Nothing.
    Nothing,
    /// A link to this program.
    Installed,
    /// Another link: its target.
    Link(PathBuf),
    /// A program or script of s6, execline or s6-overlay.
    Original,
    /// LinuxServer's script of that name, which calls the one in `/command`.
    LinuxServer,
    /// Another file.
    Other,
    /// A directory.
    Directory,
}

/// One link, and what stood there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its path in the image.
    pub path: PathBuf,
    /// What was there.
    pub found: Existing,
    /// Whether it is a link to this program now.
    pub is_made: bool,
}

/// Where the links are created.
#[derive(Clone, Debug)]
pub struct LinkTarget<'a> {
    /// The directory that is the image's root.
    pub prefix: &'a Path,
    /// The program in the image, which the links name.
    pub program: &'a Path,
    /// Whether other files are replaced too; directories never are.
    pub forces: bool,
}

/// How much a name is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// Scripts mean this command by it.
    Needed,
    /// It may be another program's: a word of execline in `/usr/bin`.
    IfFree,
}

/// A link that is to be created, unless what is there is kept.
struct Planned {
    link: Link,
    /// Its directory, without a leading `/`.
    directory: PathBuf,
}

/// Creates all links, once every directory has been found to be in the image, or can be created there.
///
/// # Errors
/// A directory is a file, or a link that leads to no directory of the image: nothing is created. Or the system refused a
/// directory or a link: those before it are created.
pub fn install(image: &LinkTarget<'_>) -> Result<Vec<Link>, Refused> {
    let command = |command: &'static HelperCommand| (Path::new("/command").join(command.name), Claim::Needed);
    let usr = |command: &'static HelperCommand| {
        let is_word = command.origin == Package::Execline && command.name != "execlineb";
        (Path::new("/usr/bin").join(command.name), if is_word { Claim::IfFree } else { Claim::Needed })
    };
    let package = |command: &'static HelperCommand| {
        let commands = Path::new(PACKAGES).join(command.origin.name()).join("command");
        (commands.join(command.name), Claim::Needed)
    };
    let init = INIT.map(|path| (PathBuf::from(path), Claim::Needed));
    let linked = || COMMANDS.iter().filter(|command| command.origin != Package::S6LinuxInit);
    // LinuxServer's are in /usr/bin alone.
    let packaged = linked().filter(|command| command.origin != Package::LinuxServer).map(package);
    let all = init.into_iter().chain(linked().map(command)).chain(linked().map(usr)).chain(packaged);
    let top = fs::File::open(image.prefix)
        .map_err(|cause| Refused::new(format!("cannot open {}", shown(image.prefix)), cause))?;
    let mut directories = BTreeMap::new();
    let planned: Vec<Planned> =
        all.map(|(path, claim)| plan(image, &top, &mut directories, path, claim)).collect::<Result<_, _>>()?;
    planned.into_iter().map(|planned| make(image, &mut directories, planned)).collect()
}

/// Changes nothing.
fn plan(
    image: &LinkTarget<'_>,
    top: &fs::File,
    directories: &mut BTreeMap<PathBuf, Directory>,
    path: PathBuf,
    claim: Claim,
) -> Result<Planned, Refused> {
    let below = path.strip_prefix("/").unwrap_or(&path);
    let directory = below.parent().unwrap_or(below).to_path_buf();
    let found = match directories.entry(directory.clone()) {
        Entry::Occupied(known) => Ok(known.into_mut()),
        Entry::Vacant(place) => Directory::find(top, image.prefix, &directory).map(|found| place.insert(found)),
    }
    .and_then(|directory| directory.what_is(path.file_name().unwrap_or_default(), image.program))
    .map_err(|cause| refused(&path, cause))?;
    let is_made = match (&found, claim) {
        (Existing::Nothing | Existing::Installed | Existing::Original, _) => true,
        (Existing::Link(target), Claim::IfFree) => is_of_s6_overlay(target) || image.forces,
        (Existing::Link(_), Claim::Needed) => true,
        (Existing::Other | Existing::LinuxServer, Claim::Needed) => image.forces,
        (Existing::Other | Existing::LinuxServer, Claim::IfFree) | (Existing::Directory, _) => false,
    };
    Ok(Planned { link: Link { path, found, is_made }, directory })
}

fn make(
    image: &LinkTarget<'_>,
    directories: &mut BTreeMap<PathBuf, Directory>,
    Planned { link, directory }: Planned,
) -> Result<Link, Refused> {
    if link.is_made
        && link.found != Existing::Installed
        && let Some(directory) = directories.get_mut(&directory)
    {
        let name = link.path.file_name().unwrap_or_default();
        directory.put(name, image.program).map_err(|cause| refused(&link.path, cause))?;
    }
    Ok(link)
}

fn refused(path: &Path, cause: io::Error) -> Refused {
    Refused::new(format!("cannot create the link {}", shown(path)), cause)
}

/// A directory of the image.
struct Directory {
    /// It, or the nearest directory above it that exists.
    nearest: OwnedFd,
    /// The names from there to it.
    missing: Vec<OsString>,
}

impl Directory {
    /// Finds it in the image. Links in its path are followed as they lead in the image.
    fn find(top: &fs::File, prefix: &Path, path: &Path) -> io::Result<Self> {
        let says = |what: &str| Err(io::Error::other(format!("{} {what}", shown(&prefix.join(path)))));
        let leads_nowhere = || says(&format!("leads to no directory in {}", shown(prefix)));
        let mut missing = Vec::new();
        for above in path.ancestors() {
            match in_root::open_directory(top.as_fd(), above) {
                Ok(nearest) => {
                    missing.reverse();
                    let directory = Self { nearest, missing };
                    return match directory.missing.first().map(|name| directory.kind(name)).transpose()?.flatten() {
                        None => Ok(directory),
                        // Nothing is created where a link leads to.
                        Some(_) => leads_nowhere(),
                    };
                }
                Err(Errno::ENOENT) => missing.extend(above.file_name().map(OsStr::to_os_string)),
                Err(Errno::ENOTDIR) => return says("is not a directory"),
                Err(Errno::EXDEV) => return leads_nowhere(),
                Err(errno) => return Err(errno.into()),
            }
        }
        Err(Errno::ENOENT.into())
    }

    /// Returns the kind of an entry of the nearest directory; `None` if there is no such entry.
    fn kind(&self, name: &OsStr) -> io::Result<Option<SFlag>> {
        match fstatat(&self.nearest, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    fn what_is(&self, name: &OsStr, program: &Path) -> io::Result<Existing> {
        let kind = if self.missing.is_empty() { self.kind(name)? } else { None };
        Ok(match kind {
            None => Existing::Nothing,
            Some(SFlag::S_IFLNK) => {
                let target = PathBuf::from(readlinkat(&self.nearest, name)?);
                if target == program { Existing::Installed } else { Existing::Link(target) }
            }
            Some(SFlag::S_IFDIR) => Existing::Directory,
            Some(SFlag::S_IFREG) => kind_of_file(name, &self.contents(name)?),
            Some(_) => Existing::Other,
        })
    }

    fn contents(&self, name: &OsStr) -> io::Result<Vec<u8>> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = fs::File::from(openat(&self.nearest, name, flags, Mode::empty())?);
        let mut bytes = Vec::new();
        file.take(MAX_SIZE).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The new link takes the place of what is there in one step.
    fn put(&mut self, name: &OsStr, program: &Path) -> io::Result<()> {
        self.create()?;
        let temporary = OsString::from(format!(".stepdown-link-{}", std::process::id()));
        symlinkat(program, &self.nearest, temporary.as_os_str())?;
        renameat(&self.nearest, temporary.as_os_str(), &self.nearest, name).map_err(|errno| {
            let _left = unlinkat(&self.nearest, temporary.as_os_str(), UnlinkatFlags::NoRemoveDir);
            errno.into()
        })
    }

    /// Creates what is missing, as far as it has not been created for another one.
    fn create(&mut self) -> io::Result<()> {
        for name in std::mem::take(&mut self.missing) {
            match mkdirat(&self.nearest, name.as_os_str(), Mode::from_bits_truncate(0o777)) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(errno) => return Err(errno.into()),
            }
            let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            self.nearest = openat(&self.nearest, name.as_os_str(), flags, Mode::empty())?;
        }
        Ok(())
    }
}

/// Programs of s6 are smaller.
const MAX_SIZE: u64 = 1024 * 1024;

fn kind_of_file(name: &OsStr, bytes: &[u8]) -> Existing {
    let name = name.as_encoded_bytes();
    let has = |text: &[u8]| !text.is_empty() && bytes.windows(text.len()).any(|window| window == text);
    if bytes.starts_with(b"#!") {
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let is_execline = line.windows(9).any(|window| window == b"execlineb");
        return match (is_execline || (name == b"init" && has(b"s6-overlay")), name) {
            (true, _) => Existing::Original,
            (false, b"with-contenv" | b"lsiown") => Existing::LinuxServer,
            (false, _) => Existing::Other,
        };
    }
    // What they print begins with their name, and says "unable to".
    let is_original = bytes.starts_with(b"\x7fELF") && has(name) && has(b"unable to ") && name != b"init";
    if is_original { Existing::Original } else { Existing::Other }
}

/// Whether a link is one of those that s6-overlay puts into `/usr/bin`.
fn is_of_s6_overlay(target: &Path) -> bool {
    let mut names = target.components().map(|part| part.as_os_str().to_owned());
    names.any(|name| name == "command" || name == "package")
}
