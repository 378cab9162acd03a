//! Reads a services tree into plain values: its entries and two levels of directories below, within bounds that no real tree
//! reaches. Must not know what the files mean.

use std::collections::BTreeMap;
use std::ffi::{CString, OsString};
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::dir::Type;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fstat, lstat};

use super::entry::{self, OpenedEntry, READ};
use super::readable::Openness;
use crate::config::{Content, Tree, is_list_directory, is_read_directory};
use crate::sys::files::listing::Listing;

/// A tree with more files than this is refused: it does not contain services.
const MAX_ENTRIES: usize = 50_000;
/// Most bytes of all files of a tree together.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// Why a tree was not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TreeError {
    /// It does not exist.
    Missing,
    /// A system call failed.
    Refused(Errno),
    /// It contains more than [`MAX_ENTRIES`] files and directories.
    TooMany,
    /// Its files are larger than [`MAX_BYTES`] together.
    TooLarge,
}

impl fmt::Display for TreeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => out.write_str(Errno::ENOENT.desc()),
            Self::Refused(errno) => out.write_str(errno.desc()),
            Self::TooMany => write!(out, "it holds more than {MAX_ENTRIES} files"),
            Self::TooLarge => write!(out, "its files are larger than {} MiB together", MAX_BYTES / 1024 / 1024),
        }
    }
}

/// Reads a whole tree. The tree itself may be a link.
pub(super) fn read(path: &Path, openness: &Openness) -> Result<BTreeMap<OsString, Content>, TreeError> {
    read_within(path, ReadBudget { entries: MAX_ENTRIES, bytes: MAX_BYTES, openness })
}

/// Reads a services tree, or one like it; one that is missing is empty, unless it was given explicitly.
pub(super) fn read_tree(path: &Path, is_explicit: bool, openness: &Openness) -> Tree {
    let nothing =
        |unreadable| Tree { path: path.to_owned(), entries: BTreeMap::<OsString, Content>::new(), unreadable };
    match read(path, openness) {
        Ok(entries) => Tree { path: path.to_owned(), entries, unreadable: None },
        Err(TreeError::Missing) if !is_explicit => nothing(None),
        Err(why) => {
            openness.note_unread();
            nothing(Some(why.to_string()))
        }
    }
}

fn read_within(path: &Path, mut budget: ReadBudget<'_>) -> Result<BTreeMap<OsString, Content>, TreeError> {
    let root = match open(path, READ | OFlag::O_DIRECTORY, Mode::empty()) {
        Ok(root) => root,
        Err(Errno::ENOENT) => return Err(TreeError::Missing),
        Err(errno) => return Err(TreeError::Refused(errno)),
    };
    budget.openness.note(fstat(&root).map_err(TreeError::Refused)?.st_mode);
    read_directory(root.as_fd(), Path::new(""), root.as_fd(), Depth::Tree, &mut budget)
}

/// Reads a single file; `None` if it does not exist.
pub(super) fn read_file(path: &Path, openness: &Openness) -> Option<Content> {
    // Most containers have none.
    if matches!(lstat(path), Err(Errno::ENOENT | Errno::ENOTDIR)) {
        return None;
    }
    let name = CString::new(path.file_name()?.as_bytes()).ok()?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let dir = match open(parent, READ | OFlag::O_DIRECTORY, Mode::empty()) {
        Ok(dir) => dir,
        Err(Errno::ENOENT | Errno::ENOTDIR) => return None,
        Err(errno) => return Some(Content::Unreadable(errno.desc().into())),
    };
    match entry::open(dir.as_fd(), Path::new(""), dir.as_fd(), &name, None) {
        Ok(OpenedEntry::File(fd, stat)) => {
            openness.note(stat.st_mode);
            Some(entry::read_regular(fd, &stat))
        }
        Ok(OpenedEntry::Dir(..)) => Some(Content::Other("directory")),
        Ok(OpenedEntry::Other(content)) => Some(content),
        Err(Errno::ENOENT) => None,
        Err(errno) => {
            openness.note_unread();
            Some(Content::Unreadable(errno.desc().into()))
        }
    }
}

/// The depth of a directory.
#[derive(Clone, Copy)]
enum Depth {
    /// The tree's top.
    Tree,
    /// A service's directory.
    Service,
    /// A directory in it, such as `dependencies.d`.
    Inner,
}

/// How much may still be read.
struct ReadBudget<'a> {
    entries: usize,
    bytes: usize,
    openness: &'a Openness,
}

fn read_directory(
    root: BorrowedFd<'_>,
    prefix: &Path,
    dir: BorrowedFd<'_>,
    depth: Depth,
    budget: &mut ReadBudget<'_>,
) -> Result<BTreeMap<OsString, Content>, TreeError> {
    let names = list(dir, budget)?;
    let mut entries = Vec::with_capacity(names.len());
    let has_only_names = matches!(depth, Depth::Inner) && is_list_directory(prefix.file_name());
    for (name, kind) in names {
        if has_only_names && kind == Some(Type::File) {
            let nothing = Content::File { bytes: Vec::new(), executable: false };
            entries.push((OsString::from_vec(name.into_bytes()), nothing));
            continue;
        }
        let content = match entry::open(root, prefix, dir, &name, kind) {
            Ok(OpenedEntry::File(fd, stat)) => {
                budget.openness.note(stat.st_mode);
                entry::read_regular(fd, &stat)
            }
            Ok(OpenedEntry::Dir(fd, stat)) => {
                budget.openness.note(stat.st_mode);
                let path = prefix.join(entry::as_path(&name));
                read_below(root, path, fd, depth, budget)?
            }
            Ok(OpenedEntry::Other(content)) => content,
            Err(Errno::ENOENT) => continue, // removed since it was listed
            Err(errno) => {
                budget.openness.note_unread();
                Content::Unreadable(errno.desc().into())
            }
        };
        if let Content::File { bytes, .. } = &content {
            budget.bytes = budget.bytes.checked_sub(bytes.len()).ok_or(TreeError::TooLarge)?;
        }
        entries.push((OsString::from_vec(name.into_bytes()), content));
    }
    Ok(entries.into_iter().collect())
}

fn read_below(
    root: BorrowedFd<'_>,
    path: PathBuf,
    fd: OwnedFd,
    depth: Depth,
    budget: &mut ReadBudget<'_>,
) -> Result<Content, TreeError> {
    let next = match depth {
        Depth::Tree => Depth::Service,
        Depth::Service if is_read_directory(path.file_name()) => Depth::Inner,
        Depth::Service | Depth::Inner => return Ok(Content::Other("directory")),
    };
    match read_directory(root, &path, fd.as_fd(), next, budget) {
        Ok(entries) => Ok(Content::Dir(entries)),
        Err(TreeError::Refused(errno)) => Ok(Content::Unreadable(errno.desc().into())),
        Err(why @ (TreeError::Missing | TreeError::TooMany | TreeError::TooLarge)) => Err(why),
    }
}

/// Lists a directory, without names that start with a dot (s6-svscan(8) skips them, and a ConfigMap keeps its
/// generations there).
fn list(dir: BorrowedFd<'_>, budget: &mut ReadBudget<'_>) -> Result<Vec<(CString, Option<Type>)>, TreeError> {
    let mut names = Vec::new();
    let mut listing = Listing::small();
    while listing.read(dir).map_err(|error| TreeError::Refused(errno_of(&error)))? {
        for entry in listing.entries().filter(|entry| !entry.name.to_bytes().starts_with(b".")) {
            budget.entries = budget.entries.checked_sub(1).ok_or(TreeError::TooMany)?;
            names.push((entry.name.to_owned(), entry.kind));
        }
    }
    Ok(names)
}

fn errno_of(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // modes of files that the test has created
mod tests {
    use std::ffi::OsStr;

    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::config::MAX_FILE;

    fn read(path: &Path) -> Result<BTreeMap<OsString, Content>, TreeError> {
        super::read(path, &Openness::default())
    }

    fn file(path: &Path) -> Option<Content> {
        read_file(path, &Openness::default())
    }

    fn word(entries: &BTreeMap<OsString, Content>, name: &str) -> String {
        match entries.get(OsStr::new(name)) {
            Some(Content::File { bytes, executable }) => {
                format!("file {}{}", bytes.escape_ascii(), if *executable { " x" } else { "" })
            }
            Some(Content::Dir(below)) => format!("dir of {}", below.len()),
            Some(Content::TooLarge(size)) => format!("too large {size}"),
            Some(Content::Unreadable(why)) => format!("unreadable {why}"),
            Some(Content::Other(what)) => (*what).to_owned(),
            None => "nothing".to_owned(),
        }
    }

    #[test]
    fn files_directories_and_links_inside_the_tree_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        fs::create_dir_all(at("web/dependencies.d/deeper")).unwrap();
        fs::create_dir_all(at("web/data")).unwrap();
        fs::write(at("web/data/large"), "x").unwrap();
        fs::write(at("web/dependencies.d/db"), "").unwrap();
        fs::write(at("web/run"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(at("web/run"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(at("..generation")).unwrap();
        fs::write(at("..generation/map.toml"), "command = []").unwrap();
        symlink("..generation", at("..data")).unwrap();
        symlink("..data/map.toml", at("map.toml")).unwrap();
        symlink("web", at("same")).unwrap();
        symlink("../map.toml", at("web/up")).unwrap();

        let entries = read(dir.path()).unwrap();
        assert_eq!(entries.keys().collect::<Vec<_>>(), ["map.toml", "same", "web"]);
        assert_eq!(word(&entries, "map.toml"), "file command = []");
        for name in ["web", "same"] {
            let Some(Content::Dir(web)) = entries.get(OsStr::new(name)) else { panic!("{name} is a directory") };
            assert_eq!(word(web, "run"), "file #!/bin/sh\\n x");
            assert_eq!(word(web, "up"), "file command = []");
            assert_eq!(word(web, "dependencies.d"), "dir of 2");
            assert_eq!(word(web, "data"), "directory");
            let Some(Content::Dir(inner)) = web.get(OsStr::new("dependencies.d")) else { panic!("a directory") };
            assert_eq!(word(inner, "deeper"), "directory");
        }
    }

    #[test]
    fn of_a_directory_of_names_no_file_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        for inner in ["dependencies.d", "contents.d", "env"] {
            fs::create_dir_all(at("web").join(inner)).unwrap();
            fs::write(at("web").join(inner).join("db"), vec![b'x'; MAX_FILE + 1]).unwrap();
        }
        symlink("../nowhere", at("web/contents.d/link")).unwrap();
        let entries = read(dir.path()).unwrap();
        let Some(Content::Dir(web)) = entries.get(OsStr::new("web")) else { panic!("a directory") };
        let found = |directory: &str, name: &str| match web.get(OsStr::new(directory)) {
            Some(Content::Dir(inner)) => word(inner, name),
            other => panic!("{other:?}"),
        };
        assert_eq!([found("dependencies.d", "db"), found("contents.d", "db")], ["file ", "file "]);
        assert_eq!(found("contents.d", "link"), "dangling link");
        assert_eq!(found("env", "db"), format!("too large {}", MAX_FILE + 1));
    }

    #[test]
    fn nothing_that_could_block_or_lead_out_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "root:x").unwrap();
        let at = |path: &str| dir.path().join(path);
        nix::unistd::mkfifo(&at("fifo.toml"), Mode::S_IRWXU).unwrap();
        let _socket = UnixListener::bind(at("socket.toml")).unwrap();
        symlink(outside.path().join("secret"), at("absolute.toml")).unwrap();
        symlink("../../../../../../../../etc/passwd", at("relative.toml")).unwrap();
        symlink(outside.path(), at("away")).unwrap();
        symlink("nowhere", at("dangling.toml")).unwrap();
        symlink("loop.toml", at("loop.toml")).unwrap();
        symlink("fifo.toml", at("to-fifo.toml")).unwrap();
        symlink("/dev/zero", at("zero.toml")).unwrap();
        fs::write(at("large.toml"), vec![b'#'; MAX_FILE + 1]).unwrap();
        fs::write(at("fits.toml"), vec![b'#'; MAX_FILE]).unwrap();

        let entries = read(dir.path()).unwrap();
        assert_eq!(word(&entries, "fifo.toml"), "FIFO");
        assert_eq!(word(&entries, "to-fifo.toml"), "FIFO");
        assert_eq!(word(&entries, "socket.toml"), "socket");
        for name in ["absolute.toml", "relative.toml", "away", "zero.toml"] {
            assert_eq!(word(&entries, name), "link that leads out of its tree", "{name}");
        }
        assert_eq!(word(&entries, "dangling.toml"), "dangling link");
        assert_eq!(word(&entries, "loop.toml"), "link loop");
        assert_eq!(word(&entries, "large.toml"), format!("too large {}", MAX_FILE + 1));
        assert!(word(&entries, "fits.toml").starts_with("file ##"));
    }

    #[test]
    fn the_tree_itself_may_be_a_link_and_a_file_is_no_tree() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        fs::create_dir(at("real")).unwrap();
        fs::write(at("real/a.toml"), "").unwrap();
        symlink("real", at("link")).unwrap();
        assert_eq!(read(&at("link")).unwrap().len(), 1);
        assert_eq!(read(&at("real/a.toml")).unwrap_err(), TreeError::Refused(Errno::ENOTDIR));
        assert_eq!(read(&at("none")).unwrap_err(), TreeError::Missing);
    }

    #[test]
    fn what_not_everybody_may_read_is_noted_however_deep() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        let closed_to_some = || {
            let openness = Openness::default();
            super::read(dir.path(), &openness).unwrap();
            !openness.is_open_to_all()
        };
        let set = |path: &str, mode| fs::set_permissions(at(path), fs::Permissions::from_mode(mode)).unwrap();
        fs::create_dir_all(at("web/dependencies.d")).unwrap();
        fs::write(at("web/run"), "").unwrap();
        for path in ["", "web", "web/dependencies.d"] {
            set(path, 0o755);
        }
        set("web/run", 0o644);
        assert!(!closed_to_some());
        for (path, closed, open) in
            [("web/run", 0o640, 0o644), ("web/dependencies.d", 0o750, 0o755), ("", 0o711, 0o755)]
        {
            set(path, closed);
            assert!(closed_to_some(), "{path}");
            set(path, open);
        }
        assert!(!closed_to_some());
    }

    #[test]
    fn a_flood_of_files_is_refused_as_a_whole() {
        let dir = tempfile::tempdir().unwrap();
        let some = 40;
        for at in 0..some {
            fs::write(dir.path().join(format!("{at}.toml")), "12345").unwrap();
        }
        let read =
            |entries, bytes| read_within(dir.path(), ReadBudget { entries, bytes, openness: &Openness::default() });
        assert_eq!(read(some, 5 * some).unwrap().len(), some);
        assert_eq!(read(some - 1, 5 * some).unwrap_err(), TreeError::TooMany);
        assert_eq!(read(some, 5 * some - 1).unwrap_err(), TreeError::TooLarge);
    }

    #[test]
    fn the_container_file_may_be_missing_and_its_directory_too() {
        let dir = tempfile::tempdir().unwrap();
        assert!(file(&dir.path().join("stepdown.toml")).is_none());
        assert!(file(&dir.path().join("none/stepdown.toml")).is_none());
        fs::write(dir.path().join("stepdown.toml"), "a").unwrap();
        assert!(matches!(file(&dir.path().join("stepdown.toml")), Some(Content::File { .. })));
        fs::create_dir(dir.path().join("folder")).unwrap();
        assert!(matches!(file(&dir.path().join("folder")), Some(Content::Other("directory"))));
    }
}
