//! Account files, runtime directory, declared directories and stdio, for real: SECURITY T13, T15, T38 and DESIGN §3.1,
//! §3.3. As root.
#![allow(unsafe_code)] // fork

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{Mode, fstat};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, mkfifo, pipe};
use stepdown::boot::account_files::{remove_leftovers, replace};
use stepdown::boot::chown_policy::ChownPolicy;
use stepdown::boot::directories;
use stepdown::boot::stdio::{StdioChange, set_access};
use stepdown::config::values::{Gid, Uid};
use stepdown::control::runtime_dir;
use stepdown::plan::facts::AccountFile;
use stepdown::plan::{DeclaredBy, MakeDirectory, Owner, StdioAccess};

use crate::support::child::{HERE, bind, in_child, in_mount_namespace, read_only, tmpfs, without};

fn here(path: &str) -> PathBuf {
    Path::new(HERE).join(path)
}

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: impl AsRef<Path>, bits: u32) {
    fs::set_permissions(path, Permissions::from_mode(bits)).unwrap();
}

fn names(directory: impl AsRef<Path>) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut all: Vec<_> = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    all.sort();
    all
}

const OLD: &[u8] = b"root:x:0:0::/:/bin/sh\nodd line\r\n";

/// An `/etc` of its own, with an account file in it.
fn etc() {
    tmpfs(Path::new("/etc"), "mode=0755");
    fs::write("/etc/passwd", OLD).unwrap();
}

fn replaced(contents: &[u8]) {
    replace(AccountFile::Passwd, contents).unwrap();
    assert_eq!(fs::read("/etc/passwd").unwrap(), contents);
}

#[test]
fn an_account_file_keeps_mode_owner_and_attributes() {
    in_mount_namespace(|_| {
        etc();
        chown("/etc/passwd", Some(12), Some(34)).unwrap();
        set_mode("/etc/passwd", 0o640);
        let set = |name: &std::ffi::CStr, value: &[u8]| {
            // SAFETY: NUL-terminated strings and a value as long as given.
            let done = unsafe {
                libc::setxattr(c"/etc/passwd".as_ptr(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0)
            };
            assert_eq!(done, 0, "{name:?}");
        };
        set(c"trusted.note", b"kept\0whole");
        replaced(b"new\n");
        let found = fs::metadata("/etc/passwd").unwrap();
        assert_eq!((found.uid(), found.gid(), found.mode() & 0o7777), (12, 34, 0o640));
        let mut value = [0_u8; 32];
        // SAFETY: the buffer is as long as given.
        let size = unsafe {
            libc::getxattr(c"/etc/passwd".as_ptr(), c"trusted.note".as_ptr(), value.as_mut_ptr().cast(), value.len())
        };
        assert_eq!(value.get(..usize::try_from(size).unwrap()), Some(b"kept\0whole".as_slice()));
        assert_eq!(names("/etc"), ["passwd"]);
    });
}

#[test]
fn a_missing_account_file_is_made_and_shadow_is_private() {
    in_mount_namespace(|_| {
        tmpfs(Path::new("/etc"), "mode=0755");
        replaced(b"x\n");
        replace(AccountFile::Shadow, b"y\n").unwrap();
        assert_eq!((mode("/etc/passwd"), mode("/etc/shadow")), (0o644, 0o600));
    });
}

#[test]
fn what_is_no_plain_file_of_ours_is_refused_in_words_and_stays() {
    in_mount_namespace(|_| {
        let refused = |expected: &str| {
            let refused = replace(AccountFile::Passwd, b"new").unwrap_err().to_string();
            assert!(refused.contains(expected) && refused.contains("fix: "), "{refused}");
            assert!(!names("/etc").iter().any(|name| name.starts_with(".stepdown")));
        };
        etc();
        fs::write("/etc/target", OLD).unwrap();
        fs::remove_file("/etc/passwd").unwrap();
        symlink("target", "/etc/passwd").unwrap();
        refused("symbolic link");
        assert_eq!(fs::read("/etc/target").unwrap(), OLD);
        fs::remove_file("/etc/passwd").unwrap();
        mkfifo("/etc/passwd", Mode::from_bits_truncate(0o644)).unwrap();
        refused("not a regular file");
        fs::remove_file("/etc/passwd").unwrap();
        fs::create_dir("/etc/passwd").unwrap();
        refused("not a regular file");
        fs::remove_dir("/etc/passwd").unwrap();
        fs::write("/etc/passwd", "").unwrap();
        bind(Path::new("/etc/target"), Path::new("/etc/passwd"));
        refused("bind-mounted");
        assert_eq!(fs::read("/etc/passwd").unwrap(), OLD);
    });
}

#[test]
fn a_link_in_the_place_of_the_temporary_file_is_not_followed() {
    in_mount_namespace(|_| {
        etc();
        set_mode("/etc", 0o775); // as images for OpenShift have it
        fs::write("/etc/target", OLD).unwrap();
        symlink("target", "/etc/.stepdown.passwd").unwrap();
        replaced(b"new\n");
        assert_eq!(fs::read("/etc/target").unwrap(), OLD);
        assert_eq!(names("/etc"), ["passwd", "target"]);
    });
}

#[test]
fn a_read_only_etc_is_refused_with_the_fix() {
    in_mount_namespace(|_| {
        etc();
        bind(Path::new("/etc"), Path::new("/etc"));
        read_only(Path::new("/etc"));
        let refused = replace(AccountFile::Passwd, b"x").unwrap_err();
        assert!(refused.fix.unwrap().contains("read_only"));
    });
}

#[test]
fn a_full_disk_leaves_the_old_file_and_nothing_else() {
    in_mount_namespace(|_| {
        tmpfs(Path::new("/etc"), "mode=0755,size=64k");
        fs::write("/etc/passwd", OLD).unwrap();
        let refused = replace(AccountFile::Passwd, &vec![b'x'; 1 << 20]).unwrap_err();
        assert_eq!(refused.cause.raw_os_error(), Some(libc::ENOSPC));
        assert_eq!((fs::read("/etc/passwd").unwrap(), names("/etc")), (OLD.to_vec(), vec!["passwd".to_owned()]));
        replaced(b"fits\n");
    });
}

#[test]
fn t15_lock_files_are_neither_heeded_nor_made_and_leftovers_of_ours_go() {
    in_mount_namespace(|root| {
        etc();
        for lock in ["/etc/passwd.lock", "/etc/.pwd.lock"] {
            fs::write(lock, "1\n").unwrap();
        }
        let held = File::open("/etc/.pwd.lock").unwrap();
        held.lock().unwrap();
        fs::write("/etc/.stepdown.passwd", "half a fi").unwrap();
        symlink("passwd", "/etc/.stepdown.group").unwrap();
        replaced(b"new\n");
        assert_eq!(names("/etc"), [".pwd.lock", ".stepdown.group", "passwd", "passwd.lock"]);
        remove_leftovers(root);
        assert_eq!(names("/etc"), [".pwd.lock", "passwd", "passwd.lock"]);
        assert_eq!(fs::read("/etc/passwd").unwrap(), b"new\n");
    });
}

#[test]
fn t38_a_kill_at_any_moment_leaves_the_old_file_or_the_new_one() {
    in_mount_namespace(|root| {
        etc();
        let contents = [vec![b'a'; 30_000], vec![b'b'; 50_000]];
        replaced(&contents[1]);
        let mut seed = 7_u64;
        let (mut cut, mut whole) = (0, 0);
        for round in 0..300 {
            let wanted = &contents[round % 2];
            // SAFETY: the child only replaces the file, and is killed or leaves by _exit.
            match unsafe { fork() }.unwrap() {
                ForkResult::Child => {
                    replace(AccountFile::Passwd, wanted).unwrap();
                    // SAFETY: as above.
                    unsafe { libc::_exit(0) }
                }
                ForkResult::Parent { child } => {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let end = Instant::now() + Duration::from_micros(seed >> 54);
                    while Instant::now() < end {}
                    kill(child, Signal::SIGKILL).ok();
                    waitpid(child, None).unwrap();
                }
            }
            let found = fs::read("/etc/passwd").unwrap();
            assert!(contents.contains(&found), "round {round}: {} bytes", found.len());
            if &found == wanted {
                whole += 1
            } else {
                cut += 1
            }
            remove_leftovers(root);
            assert_eq!(names("/etc"), ["passwd"], "round {round}");
            replaced(wanted);
        }
        assert!(cut > 0 && whole + cut == 300, "no kill came in time: {cut} cut, {whole} whole");
    });
}

fn made(candidates: &[&str]) -> Result<runtime_dir::RuntimeDir, String> {
    let candidates: Vec<_> = candidates.iter().map(PathBuf::from).collect();
    runtime_dir::make(&candidates, Uid(nix::unistd::geteuid().as_raw()))
        .map_err(|all| all.iter().map(|error| format!("{}: {}\n", error.path.display(), error.why)).collect())
}

#[test]
fn the_runtime_directory_is_made_with_its_mode_whatever_the_umask() {
    in_mount_namespace(|_| {
        nix::sys::stat::umask(Mode::from_bits_truncate(0o077));
        let directory = made(&["/mnt/stepdown"]).unwrap();
        assert_eq!((directory.path.as_path(), mode("/mnt/stepdown")), (Path::new("/mnt/stepdown"), 0o711));
        assert_eq!(fstat(&directory.handle).unwrap().st_ino, fs::metadata("/mnt/stepdown").unwrap().ino());
        assert_eq!(names("/mnt/stepdown"), ["container"]);
    });
}

#[test]
fn what_an_earlier_boot_left_is_removed_and_links_in_it_are_not_followed() {
    in_mount_namespace(|_| {
        fs::write(here("outside"), "kept").unwrap();
        let first = made(&["/mnt/stepdown"]).unwrap();
        std::os::unix::fs::chown(here("stepdown"), Some(1000), Some(1000)).unwrap();
        drop(first); // its container has ended
        fs::create_dir_all(here("stepdown/env/deep")).unwrap();
        fs::write(here("stepdown/env/deep/f"), "").unwrap();
        symlink("/mnt", here("stepdown/link")).unwrap();
        symlink("/mnt/outside", here("stepdown/env/link")).unwrap();
        drop(UnixListener::bind(here("stepdown/control")).unwrap());
        let inode = fs::metadata(here("stepdown")).unwrap().ino();
        // It belongs to uid 1000 now, as after a restart of the container; only root can have put it there.
        made(&["/mnt/stepdown"]).unwrap();
        let found = fs::metadata(here("stepdown")).unwrap();
        assert!(found.ino() != inode && found.uid() == 0 && names(here("stepdown")) == ["container"]);
        assert_eq!(fs::read(here("outside")).unwrap(), b"kept");
    });
}

#[test]
fn t13_nothing_in_a_directory_that_others_write_is_trusted() {
    in_mount_namespace(|_| {
        fs::create_dir(here("run")).unwrap();
        set_mode(here("run"), 0o1777);
        fs::create_dir(here("victim")).unwrap();
        fs::write(here("victim/f"), "kept").unwrap();
        type Put = fn(&Path);
        let theirs: [(&str, Put); 4] = [
            ("directory", |path| {
                fs::create_dir(path).unwrap();
                fs::write(path.join("control"), "").unwrap();
            }),
            ("file", |path| fs::write(path, "").unwrap()),
            ("link", |path| symlink("/mnt/victim", path).unwrap()),
            ("socket", |path| drop(UnixListener::bind(path).unwrap())),
        ];
        for (name, put) in theirs {
            let path = here("run").join(name);
            put(&path);
            std::os::unix::fs::lchown(&path, Some(1000), Some(1000)).unwrap();
            let text = path.to_str().unwrap();
            // A name beside it is taken instead.
            let beside = made(&[text]).unwrap();
            assert!(beside.rejected[0].why.contains("uid 1000"), "{name}: {:?}", beside.rejected);
            assert_eq!(beside.path, PathBuf::from(format!("{text}-2")));
            beside.remove();
            assert!(fs::symlink_metadata(&path).is_ok(), "what is theirs stays: {name}");
            // The next candidate is taken.
            assert_eq!(made(&[text, "/mnt/second"]).unwrap().path, Path::new("/mnt/second"));
        }
        // A link in the way is not followed either.
        assert!(made(&["/mnt/run/link/stepdown"]).unwrap_err().contains("symbolic link"));
        assert_eq!(names(here("victim")), ["f"]);
        // A name that nobody has taken is ours.
        assert!(made(&["/mnt/run/free"]).is_ok());
    });
}

#[test]
fn t13_read_only_foreign_full_and_noexec_places() {
    in_mount_namespace(|_| {
        for name in ["ro", "foreign", "full", "noexec"] {
            fs::create_dir(here(name)).unwrap();
        }
        tmpfs(&here("ro"), "mode=0755");
        read_only(&here("ro"));
        chown(here("foreign"), Some(1000), Some(1000)).unwrap();
        tmpfs(&here("full"), "mode=0755,size=16k");
        let mut filler = File::create(here("full/filler")).unwrap();
        while filler.write_all(&[0; 1024]).is_ok() {}
        tmpfs(&here("noexec"), "mode=0755");
        let none: Option<&str> = None;
        let flags = nix::mount::MsFlags::MS_REMOUNT | nix::mount::MsFlags::MS_NOEXEC;
        nix::mount::mount(none, &here("noexec"), none, flags, none).unwrap();
        assert!(made(&["/mnt/ro/s"]).unwrap_err().contains("Read-only"));
        assert!(made(&["/mnt/full/s"]).unwrap_err().contains("No space"));
        assert_eq!(names(here("full")), ["filler"]);
        assert!(made(&["/mnt/gone/s"]).unwrap_err().contains("there is no /mnt/gone"));
        assert!(made(&["/mnt/foreign/s"]).is_ok(), "created exclusively and verified");
        let all = ["/mnt/ro/s", "/mnt/full/s", "/mnt/noexec/s"];
        assert_eq!(made(&all).unwrap().path, Path::new("/mnt/noexec/s"));
    });
}

#[test]
fn a_volume_of_its_own_is_emptied_and_used() {
    in_mount_namespace(|_| {
        fs::create_dir(here("stepdown")).unwrap();
        tmpfs(&here("stepdown"), "mode=0755");
        fs::write(here("stepdown/old"), "").unwrap();
        made(&["/mnt/stepdown"]).unwrap();
        assert_eq!((names(here("stepdown")), mode(here("stepdown"))), (vec!["container".into()], 0o711));
    });
}

#[test]
fn without_root_the_runtime_directory_is_the_users() {
    in_mount_namespace(|_| {
        fs::create_dir(here("tmp")).unwrap();
        set_mode(here("tmp"), 0o1777);
        fs::create_dir(here("tmp/of root")).unwrap();
        in_child(|| {
            nix::unistd::setgroups(&[]).unwrap();
            nix::unistd::setresgid(1000.into(), 1000.into(), 1000.into()).unwrap();
            nix::unistd::setresuid(1000.into(), 1000.into(), 1000.into()).unwrap();
            assert!(made(&["/mnt/stepdown"]).unwrap_err().contains("Permission denied"));
            assert_eq!(made(&["/mnt/tmp/of root"]).unwrap().path, Path::new("/mnt/tmp/of root-2"));
            let directory = made(&["/mnt/tmp/s"]).unwrap();
            let old = directory.path.join("old");
            fs::write(&old, "").unwrap();
            drop(directory); // its container has ended
            made(&["/mnt/tmp/s"]).unwrap();
            assert!(!old.exists());
        });
        assert_eq!(fs::metadata(here("tmp/s")).unwrap().uid(), 1000);
    });
}

fn step(path: impl AsRef<Path>, mode: u32, clean: &[&str]) -> MakeDirectory {
    MakeDirectory {
        path: path.as_ref().to_owned(),
        owner: Owner { uid: Uid(1000), gid: Gid(1001) },
        mode,
        clean: clean.iter().map(|pattern| (*pattern).to_owned()).collect(),
        take_over: false,
        declared_by: DeclaredBy::Directory,
    }
}

#[test]
fn a_declared_directory_is_made_with_its_parents() {
    in_mount_namespace(|_| {
        nix::sys::stat::umask(Mode::from_bits_truncate(0o077));
        let step = step(here("run/nginx/deep"), 0o2750, &["*"]);
        let report = directories::create(&step, &ChownPolicy::default()).unwrap();
        assert!(report.created && report.changed);
        let found = fs::metadata(here("run/nginx/deep")).unwrap();
        assert_eq!((found.uid(), found.gid(), found.mode() & 0o7777), (1000, 1001, 0o2750));
        let parent = fs::metadata(here("run/nginx")).unwrap();
        assert_eq!((parent.uid(), parent.mode() & 0o7777), (0, 0o755));
        let again = directories::create(&step, &ChownPolicy::default()).unwrap();
        assert_eq!(again, directories::DirectoryReport::default());
    });
}

#[test]
fn owner_and_mode_of_a_directory_need_no_more_than_chown() {
    in_mount_namespace(|_| {
        fs::create_dir(here("d")).unwrap();
        chown(here("d"), Some(7), Some(7)).unwrap();
        without(&[
            caps::Capability::CAP_FOWNER,
            caps::Capability::CAP_FSETID,
            caps::Capability::CAP_DAC_OVERRIDE,
            caps::Capability::CAP_DAC_READ_SEARCH,
        ]);
        directories::create(&step(here("d"), 0o700, &[]), &ChownPolicy::default()).unwrap();
        let found = fs::metadata(here("d")).unwrap();
        assert_eq!((found.uid(), found.gid(), found.mode() & 0o7777), (1000, 1001, 0o700));
    });
}

#[test]
fn cleaning_removes_what_matches_directly_below_and_nothing_else() {
    in_mount_namespace(|_| {
        fs::create_dir_all(here("d/sub.pid")).unwrap();
        fs::write(here("d/sub.pid/inner.pid"), "").unwrap();
        fs::write(here("kept.pid"), "kept").unwrap();
        for name in ["nginx.pid", "other.txt", "a1"] {
            fs::write(here("d").join(name), "").unwrap();
        }
        symlink("/mnt/kept.pid", here("d/link.pid")).unwrap();
        mkfifo(&here("d/fifo.pid"), Mode::from_bits_truncate(0o600)).unwrap();
        drop(UnixListener::bind(here("d/socket.pid")).unwrap());
        fs::write(here("d").join(std::ffi::OsStr::from_bytes(b"\xff.pid")), "").unwrap();
        let report = directories::create(&step(here("d"), 0o755, &["*.pid", "a?"]), &ChownPolicy::default()).unwrap();
        assert_eq!((report.removed, report.not_removed), (6, vec!["sub.pid".to_owned()]));
        assert_eq!(names(here("d")), ["other.txt", "sub.pid"]);
        assert_eq!((names(here("d/sub.pid")).len(), fs::read(here("kept.pid")).unwrap()), (1, b"kept".to_vec()));
    });
}

#[test]
fn something_else_in_the_place_of_a_directory_is_refused() {
    in_mount_namespace(|_| {
        fs::write(here("file"), "").unwrap();
        fs::create_dir(here("foreign")).unwrap();
        set_mode(here("foreign"), 0o777);
        symlink("/etc", here("foreign/link")).unwrap();
        let refused = |path: &str| {
            directories::create(&step(here(path), 0o700, &["*"]), &ChownPolicy::default()).unwrap_err().to_string()
        };
        assert!(refused("file").contains("Not a directory"));
        assert!(refused("file/below").contains("Not a directory"));
        assert!(refused("foreign/link").contains("symbolic link"));
        assert!(refused("foreign/link/deeper").contains("symbolic link"));
        assert_eq!(mode("/etc") & 0o777, 0o755);
    });
}

#[test]
fn a_pipe_gets_its_mode_and_stays_blocking() {
    in_mount_namespace(|root| {
        let (read, write) = pipe().unwrap();
        let flags = fcntl(&write, FcntlArg::F_GETFL).unwrap();
        assert_eq!(set_access(root, write.as_fd(), StdioAccess::Mode0622).unwrap(), StdioChange::Changed);
        assert_eq!(fstat(&write).unwrap().st_mode & 0o7777, 0o622);
        assert_eq!(set_access(root, write.as_fd(), StdioAccess::Mode0622).unwrap(), StdioChange::Fits);
        assert_eq!(fcntl(&write, FcntlArg::F_GETFL).unwrap(), flags);
        assert!(!OFlag::from_bits_truncate(flags).contains(OFlag::O_NONBLOCK));
        // What it is for: another user opens it again.
        in_child(|| {
            let number = write.as_raw_fd();
            nix::unistd::setresuid(1000.into(), 1000.into(), 1000.into()).unwrap();
            // A changed uid closes /proc/self (SECURITY fact 3); an exec would open it again.
            nix::sys::prctl::set_dumpable(true).unwrap();
            let mut again = File::options().write(true).open(format!("/proc/self/fd/{number}")).unwrap();
            again.write_all(b"told").unwrap();
        });
        drop(write);
        let mut text = String::new();
        File::from(read).read_to_string(&mut text).unwrap();
        assert_eq!(text, "told");
    });
}

#[test]
fn a_terminal_gets_its_owner_and_keeps_its_group() {
    in_mount_namespace(|root| {
        let pair = openpty(None, None).unwrap();
        let before = fstat(&pair.slave).unwrap();
        assert_eq!(set_access(root, pair.slave.as_fd(), StdioAccess::Owner(Uid(1000))).unwrap(), StdioChange::Changed);
        let after = fstat(&pair.slave).unwrap();
        assert_eq!((after.st_uid, after.st_gid, after.st_mode), (1000, before.st_gid, before.st_mode));
        assert_eq!(set_access(root, pair.slave.as_fd(), StdioAccess::Owner(Uid(1000))).unwrap(), StdioChange::Fits);
    });
}

#[test]
fn null_files_and_sockets_are_left_alone() {
    in_mount_namespace(|root| {
        let null = File::options().read(true).write(true).open("/dev/null").unwrap();
        let file = File::create(here("f")).unwrap();
        let (socket, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
        let (pipe, _other) = pipe().unwrap();
        let before = fstat(&null).unwrap();
        for handle in [null.as_fd(), file.as_fd(), socket.as_fd()] {
            for how in [StdioAccess::Mode0622, StdioAccess::Owner(Uid(1000))] {
                assert_eq!(set_access(root, handle, how).unwrap(), StdioChange::LeftAlone);
            }
        }
        assert_eq!(set_access(root, pipe.as_fd(), StdioAccess::Owner(Uid(1000))).unwrap(), StdioChange::LeftAlone);
        let after = fstat(&null).unwrap();
        assert_eq!((after.st_uid, after.st_mode), (before.st_uid, before.st_mode));
        assert_eq!(mode(here("f")), 0o644);
    });
}

#[test]
fn a_declared_directory_that_the_app_may_have_put_there_is_neither_given_nor_cleaned() {
    in_mount_namespace(|_| {
        fs::create_dir_all(here("vol/data")).unwrap();
        fs::write(here("vol/data/secret"), "kept").unwrap();
        set_mode(here("vol/data"), 0o700);
        chown(here("vol"), Some(1000), Some(1000)).unwrap();
        let step = step(here("vol/data"), 0o755, &["*"]);
        let refused = directories::create(&step, &ChownPolicy::default()).unwrap_err().to_string();
        let why = "it belongs to uid 0, and users other than root can replace it";
        assert!(refused.contains(why) && refused.contains("`take_over = true` below this [[directory]]"), "{refused}");
        let found = fs::metadata(here("vol/data")).unwrap();
        assert_eq!((found.uid(), found.mode() & 0o7777), (0, 0o700));
        assert_eq!(fs::read(here("vol/data/secret")).unwrap(), b"kept");
        let insisted = MakeDirectory { take_over: true, ..step };
        assert_eq!(directories::create(&insisted, &ChownPolicy::default()).unwrap().removed, 1);
    });
}

/// `/run` of a volume, with a mode that lets the app rename what is in it.
#[test]
fn a_directory_of_roots_that_was_moved_to_the_name_of_ours_keeps_its_mode_and_contents() {
    in_mount_namespace(|_| {
        fs::create_dir_all(here("run/stepdown")).unwrap();
        set_mode(here("run"), 0o777);
        for (mode_before, name) in [(0o700, "secret"), (0o711, "secret"), (0o711, "control")] {
            let path = here("run/stepdown").join(name);
            fs::write(&path, "kept").unwrap();
            set_mode(here("run/stepdown"), mode_before);
            let beside = made(&["/mnt/run/stepdown"]).unwrap();
            let why = &beside.rejected[0].why;
            assert!(why.contains("users other than root can write to its parent directory"), "{why}");
            assert_eq!(beside.path, Path::new("/mnt/run/stepdown-2"));
            beside.remove();
            assert_eq!((fs::read(&path).unwrap(), mode(here("run/stepdown"))), (b"kept".to_vec(), mode_before));
            fs::remove_file(path).unwrap();
        }
        // What an earlier container of ours left there is recognised by what it is.
        drop(UnixListener::bind(here("run/stepdown/control")).unwrap());
        drop(UnixListener::bind(here("run/stepdown/notify-web")).unwrap());
        made(&["/mnt/run/stepdown"]).unwrap();
        assert_eq!(names(here("run/stepdown")), ["container"]);
    });
}

/// The app has put a directory of its own there by the time the sockets are bound, with links of their names.
#[test]
fn sockets_are_bound_in_the_directory_that_was_made_and_no_mode_is_changed_by_path() {
    in_mount_namespace(|_| {
        fs::create_dir(here("run")).unwrap();
        set_mode(here("run"), 0o777);
        fs::write(here("shadow"), "kept").unwrap();
        set_mode(here("shadow"), 0o600);
        let directory = made(&["/mnt/run/stepdown"]).unwrap();
        fs::rename(here("run/stepdown"), here("run/moved")).unwrap();
        fs::create_dir(here("run/stepdown")).unwrap();
        for name in ["control", "notify-web"] {
            symlink("/mnt/shadow", here("run/stepdown").join(name)).unwrap();
        }
        let _control = stepdown::control::server::bind(&directory).unwrap();
        let web = stepdown::config::values::ServiceName::new("web").unwrap();
        let notify = stepdown::run::notify::open(Some(&directory), &web, Uid(1000)).unwrap();
        assert_eq!(names(here("run/moved")), ["container", "control", "notify-web"]);
        assert_eq!((mode(here("run/moved/control")), mode(here("run/moved/notify-web"))), (0o666, 0o666));
        drop(notify);
        assert_eq!(names(here("run/moved")), ["container", "control"]);
        assert_eq!(names(here("run/stepdown")), ["control", "notify-web"]);
        assert_eq!((fs::read(here("shadow")).unwrap(), mode(here("shadow"))), (b"kept".to_vec(), 0o600));
        directory.remove();
        assert_eq!(names(here("run/stepdown")), ["control", "notify-web"]);
        assert!(names(here("run/moved")).is_empty());
    });
}
