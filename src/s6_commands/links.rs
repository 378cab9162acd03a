//! Links in an image by which the commands are called: `/init`, `/command/NAME`, `/usr/bin/NAME` and
//! `/package/admin/PACKAGE/command/NAME`, as s6-overlay has them.
//! What is there already is replaced if it is s6's, execline's or s6-overlay's, and else kept. Must not know how that is
//! printed.

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::error::Refused;
use crate::s6_commands::call::HelperCommand;
use crate::s6_commands::package::Package;
use crate::s6_commands::table::COMMANDS;
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

/// Creates all links.
///
/// # Errors
/// The system refused one; those before it are created.
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
    all.map(|(path, claim)| make(image, path, claim)).collect()
}

fn make(image: &LinkTarget<'_>, path: PathBuf, claim: Claim) -> Result<Link, Refused> {
    let refused = |cause| Refused::new(format!("cannot create the link {}", shown(&path)), cause);
    let below = path.strip_prefix("/").unwrap_or(&path);
    let place = directory(image.prefix, below.parent().unwrap_or(below)).map_err(refused)?;
    let file = place.join(path.file_name().unwrap_or_default());
    let found = what_is(&file, image.program).map_err(refused)?;
    let is_replaced = match (&found, claim) {
        (Existing::Nothing | Existing::Installed | Existing::Original, _) => true,
        (Existing::Link(target), Claim::IfFree) => is_of_s6_overlay(target) || image.forces,
        (Existing::Link(_), Claim::Needed) => true,
        (Existing::Other | Existing::LinuxServer, Claim::Needed) => image.forces,
        (Existing::Other | Existing::LinuxServer, Claim::IfFree) | (Existing::Directory, _) => false,
    };
    if is_replaced && found != Existing::Installed {
        put(&place, &file, image.program).map_err(refused)?;
    }
    Ok(Link { path, found, is_made: is_replaced })
}

/// Returns a directory of the image, which is created. A link in it must not lead out of the image.
fn directory(prefix: &Path, below: &Path) -> io::Result<PathBuf> {
    let wanted = prefix.join(below);
    fs::create_dir_all(&wanted).map_err(|cause| match cause.kind() {
        ErrorKind::AlreadyExists => io::Error::other(format!("{} is not a directory", shown(&wanted))),
        _ => cause,
    })?;
    let place = wanted.canonicalize()?;
    match place.starts_with(prefix.canonicalize()?) {
        true => Ok(place),
        false => Err(io::Error::other(format!("{} leads out of {}", shown(&wanted), shown(prefix)))),
    }
}

/// The new link takes the place of what is there in one step.
fn put(place: &Path, file: &Path, program: &Path) -> io::Result<()> {
    let temporary = place.join(format!(".stepdown-link-{}", std::process::id()));
    symlink(program, &temporary)?;
    fs::rename(&temporary, file).inspect_err(|_| {
        let _left = fs::remove_file(&temporary);
    })
}

fn what_is(file: &Path, program: &Path) -> io::Result<Existing> {
    let kind = match file.symlink_metadata() {
        Ok(meta) => meta.file_type(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Existing::Nothing),
        Err(error) => return Err(error),
    };
    if kind.is_symlink() {
        let target = file.read_link()?;
        return Ok(if target == program { Existing::Installed } else { Existing::Link(target) });
    }
    match (kind.is_dir(), kind.is_file()) {
        (true, _) => Ok(Existing::Directory),
        (false, true) => Ok(kind_of_file(file, &contents(file)?)),
        (false, false) => Ok(Existing::Other),
    }
}

/// Programs of s6 are smaller.
const MAX_SIZE: u64 = 1024 * 1024;

fn contents(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(file)?.take(MAX_SIZE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn kind_of_file(file: &Path, bytes: &[u8]) -> Existing {
    let name = file.file_name().unwrap_or_default().as_encoded_bytes();
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
