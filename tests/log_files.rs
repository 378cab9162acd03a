//! Log files where only root can set the scene: disks that are full, directories that belong to others (SECURITY T30, T32).

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use stepdown::config::service::LogDirectory;
use stepdown::config::values::{Gid, Uid};
use stepdown::log::clock::{Now, Timestamp};
use stepdown::log::store::{BUFFER_SPACE, Store};
use stepdown::sys::file_user::FileUser;

use crate::support::child::{HERE, in_mount_namespace, tmpfs};

const NOON: u64 = 1_771_063_872_000_000;

fn store(path: &Path, max_size: u64, user: (u32, u32)) -> Store {
    let requested = LogDirectory { path: path.into(), max_size, keep: 1_000_000, max_age: None, compress: false };
    Store::new("web", requested, FileUser::new(Uid(user.0), Gid(user.1), None))
}

fn after(seconds: u64) -> Now {
    let now = Now::read();
    Now { at: now.at + Duration::from_secs(seconds), wall: Timestamp(NOON + seconds * 1_000_000) }
}

fn line(number: usize) -> String {
    format!("line {number} {}", "x".repeat(number * 7 % 90))
}

fn text(range: std::ops::Range<usize>) -> Vec<u8> {
    range.map(|number| line(number) + "\n").collect::<String>().into_bytes()
}

fn say(store: &mut Store, numbers: std::ops::Range<usize>, now: Now) {
    for number in numbers {
        store.append((line(number) + "\n").as_bytes());
        store.flush(now);
    }
}

/// The files, the oldest first and `current` last.
fn files(path: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

fn all_bytes(path: &Path) -> Vec<u8> {
    files(path).into_iter().flat_map(|file| fs::read(file).unwrap()).collect()
}

/// A place for files in which little fits.
fn small_disk() -> PathBuf {
    let place = Path::new(HERE).join("small");
    fs::create_dir(&place).unwrap();
    tmpfs(&place, "size=64k");
    place.join("web")
}

#[test]
fn a_full_disk_makes_the_lines_wait_and_loses_and_doubles_none() {
    in_mount_namespace(|_| {
        let path = small_disk();
        let mut store = store(&path, 20_000, (0, 0));
        let mut taken = Vec::new();
        let (mut output, mut full) = (0, 0);
        for second in 0..40 {
            while store.has_room() && output < 5000 {
                say(&mut store, output..output + 1, after(second));
                output += 1;
            }
            assert!(store.pending() < BUFFER_SPACE + 200);
            full += usize::from(store.pending() > 0);
            // Now and then somebody takes files away.
            for file in files(&path).into_iter().filter(|file| !file.ends_with("current")) {
                taken.extend(fs::read(&file).unwrap());
                fs::remove_file(file).unwrap();
            }
            store.on_deadline(after(second + 2));
        }
        assert!(output == 5000 && full > 0 && store.pending() == 0 && store.deadline().is_none());
        taken.extend(all_bytes(&path));
        assert!(taken == text(0..5000), "{} {}", taken.len(), text(0..5000).len());
    });
}

#[test]
fn a_half_written_line_whose_file_vanishes_is_written_again() {
    in_mount_namespace(|_| {
        let path = small_disk();
        let mut store = store(&path, 1_000_000, (0, 0));
        say(&mut store, 0..2500, after(0));
        let there = all_bytes(&path);
        assert!(store.pending() > 0 && !there.ends_with(b"\n"), "the disk was full in the middle of a line");
        let lines = there.iter().filter(|byte| **byte == b'\n').count();
        fs::remove_file(path.join("current")).unwrap();
        store.on_deadline(after(2));
        let again = all_bytes(&path);
        assert!(again.starts_with(&text(lines..lines + 2)), "{}", String::from_utf8_lossy(&again[..80]));
    });
}

#[test]
fn a_file_system_that_becomes_read_only_is_waited_for() {
    in_mount_namespace(|_| {
        let path = small_disk();
        let mut store = store(&path, 100, (0, 0));
        let remount = |flags| {
            let none: Option<&str> = None;
            nix::mount::mount(none, path.parent().unwrap(), none, nix::mount::MsFlags::MS_REMOUNT | flags, none)
        };
        say(&mut store, 0..5, after(0));
        drop(store);
        let mut store = self::store(&path, 100, (0, 0));
        remount(nix::mount::MsFlags::MS_RDONLY).unwrap();
        say(&mut store, 5..10, after(1));
        assert!(store.pending() > 0 && store.deadline().is_some());
        remount(nix::mount::MsFlags::empty()).unwrap();
        store.on_deadline(after(3));
        assert!(all_bytes(&path) == text(0..10) && store.deadline().is_none());
    });
}

#[test]
fn files_belong_to_the_services_user_and_are_opened_with_its_rights() {
    in_mount_namespace(|_| {
        let (path, secret) = (Path::new(HERE).join("web"), Path::new(HERE).join("secret"));
        fs::create_dir(&path).unwrap();
        chown(&path, Some(1234), Some(2345)).unwrap();
        fs::write(&secret, "kept").unwrap();
        fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
        // A second name of somebody else's file, as if hard links were not protected here.
        fs::hard_link(&secret, path.join("current")).unwrap();
        let mut store = store(&path, 1, (1234, 2345));
        say(&mut store, 0..1, after(0));
        assert!(store.pending() > 0 && fs::read(&secret).unwrap() == b"kept");
        fs::remove_file(path.join("current")).unwrap();
        say(&mut store, 1..3, after(2));
        assert_eq!(all_bytes(&path), text(0..3));
        for file in files(&path) {
            let found = fs::metadata(file).unwrap();
            assert_eq!((found.uid(), found.gid()), (1234, 2345));
        }
        assert!(nix::unistd::geteuid().is_root(), "and we are what we were");
    });
}

#[test]
fn what_pid_1_may_write_by_its_groups_is_not_written_for_a_service() {
    in_mount_namespace(|_| {
        let roots = nix::unistd::Gid::from_raw(0);
        nix::unistd::setgroups(&[roots]).unwrap();
        let path = Path::new(HERE).join("web");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o770)).unwrap();
        let mut store = store(&path, 1, (1234, 2345));
        say(&mut store, 0..1, after(0));
        assert!(store.pending() > 0 && files(&path).is_empty(), "the directory is for root and its group");
        assert_eq!(nix::unistd::getgroups().unwrap(), [roots], "and we are what we were");
    });
}
