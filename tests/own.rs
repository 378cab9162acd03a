//! Ownership of hostile and odd trees, for real: SECURITY T01, T03, T04, T06, T08, T38, T39 and DESIGN §3.2. As root.
#![allow(unsafe_code)] // raw renameat2 and kill of our own children

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{Mode, SFlag, lstat, makedev, mknod};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, mkfifo, pipe};
use stepdown::boot::chown_policy::ChownPolicy;
use stepdown::boot::own::{OwnReport, UnchangedCause, Usability, WalkProgress, apply};
use stepdown::config::container::{HardLinks, OwnOptions, OwnWhen};
use stepdown::config::values::Gid;
use stepdown::plan::OwnTree;
use stepdown::sys::privilege::Root;

use crate::support::child::{
    Forbidden, HERE, app, bind, forbid, in_child, in_mount_namespace, own, read_only, tmpfs, tree, try_own, without,
};

fn here(path: &str) -> PathBuf {
    Path::new(HERE).join(path)
}

fn directory(path: &str) -> PathBuf {
    fs::create_dir_all(here(path)).unwrap();
    here(path)
}

fn file(path: &str) -> PathBuf {
    fs::write(here(path), "").unwrap();
    here(path)
}

/// Not by std, which believes an EPERM of statx.
fn ids(path: impl AsRef<Path>) -> (u32, u32) {
    let found = lstat(path.as_ref()).unwrap();
    (found.st_uid, found.st_gid)
}

fn mode(path: impl AsRef<Path>) -> u32 {
    lstat(path.as_ref()).unwrap().st_mode & 0o7777
}

fn set_mode(path: impl AsRef<Path>, bits: u32) {
    fs::set_permissions(path, Permissions::from_mode(bits)).unwrap();
}

fn causes(report: &OwnReport) -> BTreeMap<UnchangedCause, u64> {
    report.failed.iter().chain(&report.skipped).map(|summary| (summary.cause, summary.paths.count)).collect()
}

const APP: (u32, u32) = (1000, 1000);
const ROOT: (u32, u32) = (0, 0);

#[test]
fn a_wrong_tree_is_made_right_and_a_second_run_changes_nothing() {
    in_mount_namespace(|root| {
        directory("data/a/b");
        file("data/a/b/f");
        mkfifo(&here("data/fifo"), Mode::from_bits_truncate(0o600)).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(here("data/socket")).unwrap();
        let report = own(root, &tree(here("data"), 1000));
        assert_eq!((report.entries, report.changed), (6, 6), "{report:?}");
        assert!(report.is_clean(), "{report:?}");
        for path in ["data", "data/a", "data/a/b", "data/a/b/f", "data/fifo", "data/socket"] {
            assert_eq!(ids(here(path)), APP, "{path}");
        }
        let again = own(root, &tree(here("data"), 1000));
        assert_eq!((again.entries, again.changed), (6, 0));
        drop(socket);
    });
}

#[test]
fn only_what_is_wrong_is_changed() {
    in_mount_namespace(|root| {
        directory("data/a");
        file("data/a/right");
        file("data/a/wrong");
        chown(here("data/a/right"), Some(1000), Some(1000)).unwrap();
        chown(here("data/a/wrong"), Some(1000), Some(7)).unwrap();
        let changed_at = |path| fs::metadata(here(path)).map(|found| (found.ctime(), found.ctime_nsec())).unwrap();
        let before = changed_at("data/a/right");
        assert_eq!(own(root, &tree(here("data"), 1000)).changed, 3);
        assert_eq!(changed_at("data/a/right"), before);
        assert_eq!(ids(here("data/a/wrong")), APP);
    });
}

#[test]
fn a_link_gets_the_owner_and_what_it_points_to_does_not() {
    in_mount_namespace(|root| {
        directory("data");
        directory("outside");
        file("outside/f");
        for (name, target) in [
            ("file", "../outside/f"),
            ("directory", "../outside"),
            ("gone", "nowhere"),
            ("loop", "loop"),
            ("root", "/proc/1/root"),
            ("shadow", "/etc/shadow"),
        ] {
            symlink(target, here("data").join(name)).unwrap();
        }
        let shadow = ids("/etc/shadow");
        let report = own(root, &tree(here("data"), 1000));
        assert_eq!((report.entries, report.changed), (7, 7), "{report:?}");
        assert!(report.is_clean());
        for name in ["file", "directory", "gone", "loop", "root", "shadow"] {
            assert_eq!(ids(here("data").join(name)), APP, "{name}");
        }
        assert_eq!((ids(here("outside")), ids(here("outside/f")), ids("/etc/shadow")), (ROOT, ROOT, shadow));
    });
}

#[test]
fn t01_a_hard_link_to_a_file_of_root_is_left_and_named() {
    in_mount_namespace(|root| {
        directory("data");
        let outside = file("outside");
        set_mode(&outside, 0o666);
        fs::hard_link(&outside, here("data/h\nl")).unwrap();
        chown(here("data"), Some(999), None).unwrap();
        let report = own(root, &tree(here("data"), 1000));
        assert_eq!(ids(&outside), ROOT);
        assert_eq!(causes(&report), BTreeMap::from([(UnchangedCause::MultiLinked, 1)]));
        assert_eq!(report.skipped[0].paths.examples, ["/mnt/data/h\\nl"]);
        assert!(report.skipped[0].fix.contains("hard_links = \"allow\""));
        assert_eq!(report.usable, Usability::Usable);
    });
}

#[test]
fn hard_links_follow_the_declared_rule() {
    for (rule, top, owner, expected) in [
        (HardLinks::SameOwner, 999, 999, 1000),
        (HardLinks::SameOwner, 999, 998, 998),
        (HardLinks::SameOwner, 1000, 998, 998),
        (HardLinks::Refuse, 999, 999, 999),
        (HardLinks::Allow, 999, 0, 1000),
    ] {
        in_mount_namespace(move |root| {
            directory("data");
            file("data/one");
            fs::hard_link(here("data/one"), here("data/two")).unwrap();
            chown(here("data/one"), Some(owner), Some(owner)).unwrap();
            chown(here("data"), Some(top), Some(top)).unwrap();
            let mut tree = tree(here("data"), 1000);
            tree.options.hard_links = rule;
            own(root, &tree);
            assert_eq!(ids(here("data/one")).0, expected, "{rule:?}, top {top}, file {owner}");
        });
    }
}

#[test]
fn t04_mounts_below_are_not_entered_and_named_once() {
    in_mount_namespace(|root| {
        directory("other/deep");
        file("other/deep/f");
        file("single");
        directory("data/sub");
        directory("data/t");
        file("data/over");
        bind(&here("other"), &here("data/sub"));
        bind(&here("single"), &here("data/over"));
        tmpfs(&here("data/t"), "mode=0755");
        file("data/t/f");
        let report = own(root, &tree(here("data"), 1000));
        for path in ["other", "other/deep", "other/deep/f", "data/t", "data/t/f", "single"] {
            assert_eq!(ids(here(path)), ROOT, "{path}");
        }
        let mut named = report.mounts.examples.clone();
        named.sort();
        assert_eq!(
            (report.mounts.count, named),
            (3, vec!["/mnt/data/over".into(), "/mnt/data/sub".into(), "/mnt/data/t".into()])
        );
    });
}

#[test]
fn mounts_are_entered_where_that_is_asked_but_never_the_kernels() {
    in_mount_namespace(|root| {
        directory("other");
        file("other/f");
        directory("data/sub");
        directory("data/proc");
        bind(&here("other"), &here("data/sub"));
        bind(Path::new("/proc"), &here("data/proc"));
        let mut tree = tree(here("data"), 1000);
        tree.options.cross_mounts = true;
        let report = own(root, &tree);
        assert_eq!((ids(here("other")), ids(here("other/f"))), (APP, APP));
        assert_eq!(causes(&report), BTreeMap::from([(UnchangedCause::KernelMount, 1)]));
    });
}

/// 200 levels with something to do at each, names as long and as odd as they can be, and many entries at the bottom,
/// where no handle could be kept.
fn needs_few_descriptors(root: &Root, files: u64) {
    directory("data");
    let mut path = here("data");
    for level in 0..200 {
        path.push("d".repeat(1 + level % 10));
        fs::create_dir(&path).unwrap();
        fs::write(path.join(OsStr::from_bytes(b"n\n\x1b[31m\xff\xfe")), "").unwrap();
    }
    fs::write(path.join("x".repeat(255)), "").unwrap();
    for number in 0..3000 {
        fs::create_dir(here("data").join(format!("wide {number}"))).unwrap();
    }
    for number in 0..files {
        File::create(path.join(format!("file {number}"))).unwrap();
    }
    for number in 0..20 {
        fs::create_dir(path.join(format!("last {number}"))).unwrap();
    }
    let entries = 1 + 200 * 2 + 1 + 3000 + files + 20;
    setrlimit(Resource::RLIMIT_NOFILE, 32, 32).unwrap();
    let report = own(root, &tree(here("data"), 1000));
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.entries, report.changed), (entries, entries));
    assert_eq!((ids(path.join("last 7")), ids(here("data"))), (APP, APP));
    assert_eq!(own(root, &tree(here("data"), 1000)).changed, 0);
}

#[test]
fn t06_deep_wide_and_oddly_named_trees_need_few_descriptors() {
    in_mount_namespace(|root| needs_few_descriptors(root, 20_000));
}

#[test]
fn t06_deep_trees_need_few_descriptors_without_openat2_too() {
    in_mount_namespace(|root| {
        forbid(&[Forbidden::all(libc::SYS_openat2, libc::EPERM)]);
        needs_few_descriptors(root, 200);
    });
}

#[test]
fn memory_does_not_grow_with_the_tree() {
    in_mount_namespace(|root| {
        for number in 0..200 {
            let directory = directory(&format!("data/{number}"));
            for file in 0..1000 {
                File::create(directory.join(format!("a file with a name of usual length {file}"))).unwrap();
            }
        }
        let field = |name: &str| {
            let status = fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
            line.trim_matches([':', ' ', '\t', 'k', 'B']).parse::<u64>().unwrap()
        };
        // What the program itself brings into memory is there before it is measured.
        let one = tree(here("data/0"), 1001);
        apply(root, &one, &app(1001), &ChownPolicy::default(), &AtomicBool::new(false), &mut |_| ()).unwrap();
        fs::write("/proc/self/clear_refs", "5").unwrap(); // forgets the peak so far
        let before = field("VmRSS");
        let mut message = Vec::new();
        let mut tell = |progress: &WalkProgress| message.push(progress.entries);
        let report = apply(
            root,
            &tree(here("data"), 1000),
            &app(1000),
            &ChownPolicy::default(),
            &AtomicBool::new(false),
            &mut tell,
        )
        .unwrap();
        let grown = field("VmHWM").saturating_sub(before);
        assert_eq!(report.changed, 200_201);
        assert!(grown <= 8 * 1024, "{grown} KiB");
        assert!(message.is_sorted() && message.last().is_none_or(|last| *last <= report.entries), "{message:?}");
        assert_eq!(fs::read_dir("/proc/self/task").unwrap().count(), 1, "every thread is joined");
    });
}

#[test]
fn trees_deeper_than_any_path_are_cut_and_named() {
    in_mount_namespace(|root| {
        directory("data");
        // In a child of its own: the working directory moves.
        in_child(|| {
            std::env::set_current_dir(here("data")).unwrap();
            for _ in 0..2100 {
                fs::create_dir("d").unwrap();
                std::env::set_current_dir("d").unwrap();
            }
        });
        let report = own(root, &tree(here("data"), 1000));
        assert_eq!(causes(&report), BTreeMap::from([(UnchangedCause::TooDeep, 1)]));
        assert_eq!(report.changed, 2049);
    });
}

#[test]
fn t08_a_link_that_others_could_place_is_not_followed() {
    in_mount_namespace(|root| {
        let etc = ids("/etc");
        for parent in [0o777, 0o1777, 0o775, 0o755] {
            let volume = directory(&format!("volume {parent:o}"));
            set_mode(&volume, parent);
            if parent == 0o755 {
                chown(&volume, Some(1000), None).unwrap();
            }
            symlink("/etc", volume.join("etc")).unwrap();
            symlink("/", volume.join("up")).unwrap();
            for declared in ["etc", "etc/ssl", "up/etc"] {
                let mut tree = tree(volume.join(declared), 1000);
                let report = own(root, &tree);
                assert_eq!(
                    causes(&report),
                    BTreeMap::from([(UnchangedCause::ForeignLink, 1)]),
                    "{parent:o} {declared}"
                );
                assert_eq!(report.usable, Usability::Unknown);
                tree.options.required = true;
                assert!(try_own(root, &tree).is_err());
            }
        }
        assert_eq!(ids("/etc"), etc);
    });
}

#[test]
fn t08_links_that_root_placed_are_followed() {
    in_mount_namespace(|root| {
        directory("run/app/deep");
        directory("var");
        symlink("../run", here("var/run")).unwrap();
        symlink(here("run/app"), here("var/app")).unwrap();
        assert!(own(root, &tree(here("var/run/app"), 1000)).is_clean());
        assert_eq!(ids(here("run/app/deep")), APP);
        assert!(own(root, &tree(here("var/app"), 1001)).is_clean());
        assert_eq!((ids(here("run/app")), ids(here("var/app")), ids(here("run"))), ((1001, 1001), ROOT, ROOT));
        symlink("round", here("var/round")).unwrap();
        assert_eq!(causes(&own(root, &tree(here("var/round"), 1000))).len(), 1);
    });
}

#[test]
fn t08_the_systems_own_directories_are_refused_by_whatever_name() {
    in_mount_namespace(|root| {
        let names = [
            "/", "/etc", "/etc/", "//etc/.", "/usr", "/bin", "/var", "/home", "/dev", "/proc", "/sys", "/proc/1",
            "/run",
        ];
        let before: Vec<_> = names.map(ids).to_vec();
        symlink("/etc", here("alias")).unwrap();
        directory("bound");
        bind(Path::new("/etc"), &here("bound"));
        for name in names.into_iter().chain(["/mnt/alias", "/mnt/bound"]) {
            let refused = try_own(root, &tree(name, 1000)).expect_err(name);
            assert!(refused.to_string().contains("it belongs to the system"), "{refused}");
        }
        for name in ["", "etc", "../etc", "/mnt/../etc"] {
            let refused = try_own(root, &tree(name, 1000)).expect_err(name);
            assert!(refused.to_string().contains("write an absolute path"), "{refused}");
        }
        assert_eq!(names.map(ids).to_vec(), before);
    });
}

#[test]
fn setuid_bits_of_what_is_right_stay() {
    in_mount_namespace(|root| {
        directory("data");
        for (name, bits) in [("u", 0o4755), ("g", 0o2755), ("ug", 0o6755)] {
            let path = file(&format!("data/{name}"));
            chown(&path, Some(1000), Some(1000)).unwrap();
            set_mode(&path, bits);
        }
        let mut tree = tree(here("data"), 1000);
        for when in [OwnWhen::Mismatch, OwnWhen::Always] {
            tree.options.when = when;
            own(root, &tree);
            assert_eq!((mode(here("data/u")), mode(here("data/g")), mode(here("data/ug"))), (0o4755, 0o2755, 0o6755));
        }
    });
}

#[test]
fn modes_are_set_on_files_and_directories_and_never_through_links() {
    in_mount_namespace(|root| {
        directory("data/d");
        file("data/f");
        let outside = file("outside");
        set_mode(&outside, 0o604);
        symlink(&outside, here("data/l")).unwrap();
        mkfifo(&here("data/fifo"), Mode::from_bits_truncate(0o611)).unwrap();
        let mut tree = tree(here("data"), 1000);
        (tree.options.mode, tree.options.dir_mode) = (Some(0o4640), Some(0o2750));
        let report = own(root, &tree);
        assert!(report.is_clean(), "{report:?}");
        assert_eq!((mode(here("data")), mode(here("data/d")), mode(here("data/f"))), (0o2750, 0o2750, 0o4640));
        assert_eq!((mode(&outside), mode(here("data/fifo"))), (0o604, 0o611));
        assert_eq!(own(root, &tree).changed, 0);
    });
}

#[test]
fn what_is_excluded_is_left_with_all_below_it() {
    in_mount_namespace(|root| {
        directory("data/keep/deep");
        directory("data/a/keep");
        directory("data/a/b/c");
        file("data/a/b/f");
        let mut tree = tree(here("data"), 1000);
        tree.options.exclude = vec!["keep".into(), "a/b/c".into(), "a/b/f/".into()];
        own(root, &tree);
        for (path, expected) in [
            ("data/keep", ROOT),
            ("data/keep/deep", ROOT),
            ("data/a/b/c", ROOT),
            ("data/a/b/f", ROOT),
            ("data/a/keep", APP),
            ("data/a/b", APP),
        ] {
            assert_eq!(ids(here(path)), expected, "{path}");
        }
    });
}

#[test]
fn when_decides_how_far_the_walk_goes() {
    in_mount_namespace(|root| {
        directory("data");
        file("data/f");
        let mut tree = tree(here("data"), 1000);
        tree.options.when = OwnWhen::Never;
        assert_eq!(own(root, &tree).usable, Usability::ReadOnly(libc::EACCES));
        assert_eq!(ids(here("data")), ROOT);
        chown(here("data"), Some(1000), Some(1000)).unwrap();
        tree.options.when = OwnWhen::RootMismatch;
        assert_eq!(own(root, &tree).entries, 1);
        assert_eq!(ids(here("data/f")), ROOT);
        chown(here("data"), Some(1000), Some(0)).unwrap();
        assert_eq!(own(root, &tree).changed, 2);
        lchown(here("data/f"), Some(0), Some(0)).unwrap();
        lchown(here("data"), Some(0), Some(0)).unwrap();
        tree.options.when = OwnWhen::Mismatch;
        tree.options.recursive = false;
        assert_eq!(own(root, &tree).changed, 1);
        assert_eq!(ids(here("data/f")), ROOT);
    });
}

#[test]
fn a_missing_path_is_made_or_passed_over_or_named() {
    in_mount_namespace(|root| {
        let mut tree = tree(here("a/b"), 1000);
        let report = own(root, &tree);
        assert_eq!(report.usable, Usability::Missing);
        assert!(report.failed[0].fix.contains("create = true"), "{report:?}");
        tree.options.optional = true;
        assert!(own(root, &tree).failed.is_empty());
        tree.options.create = true;
        let report = own(root, &tree);
        assert!(report.is_clean() && report.created, "{report:?}");
        assert!(!own(root, &tree).created);
        assert_eq!((ids(here("a")), mode(here("a")), ids(here("a/b"))), (ROOT, 0o755, APP));
    });
}

#[test]
fn a_declared_file_is_changed_alone() {
    in_mount_namespace(|root| {
        let path = file("app.ini");
        assert!(own(root, &tree(&path, 1000)).is_clean());
        assert_eq!((ids(&path), ids(HERE)), (APP, ROOT));
    });
}

#[test]
fn a_device_in_a_data_directory_is_left() {
    in_mount_namespace(|root| {
        directory("data");
        mknod(&here("data/null"), SFlag::S_IFCHR, Mode::from_bits_truncate(0o600), makedev(1, 3)).unwrap();
        assert_eq!(causes(&own(root, &tree(here("data"), 1000))), BTreeMap::from([(UnchangedCause::Device, 1)]));
        assert_eq!(ids(here("data/null")), ROOT);
    });
}

#[test]
fn usability_is_asked_as_the_app_user_with_its_groups() {
    in_mount_namespace(|root| {
        let data = directory("data");
        chown(&data, None, Some(5555)).unwrap();
        set_mode(&data, 0o770);
        let mut tree = tree(&data, 1000);
        tree.options.when = OwnWhen::Never;
        let ask = |groups: &[u32]| {
            let mut app = app(1000);
            app.groups = groups.iter().copied().map(Gid).collect();
            apply(root, &tree, &app, &ChownPolicy::default(), &AtomicBool::new(false), &mut |_| {}).unwrap().usable
        };
        assert_eq!(ask(&[1000]), Usability::Unusable(libc::EACCES));
        assert_eq!(ask(&[1000, 5555]), Usability::Usable);
        // A parent that may not be searched counts too.
        set_mode(HERE, 0o700);
        assert_eq!(ask(&[1000, 5555]), Usability::Unusable(libc::EACCES));
    });
}

#[test]
fn a_read_only_volume_is_counted_and_stops_only_what_is_required() {
    in_mount_namespace(|root| {
        directory("volume/a");
        directory("data");
        for number in 0..3000 {
            file(&format!("volume/a/{number}"));
        }
        bind(&here("volume"), &here("data"));
        read_only(&here("data"));
        let mut tree = tree(here("data"), 1000);
        let report = own(root, &tree);
        assert!(matches!(report.usable, Usability::ReadOnly(_)), "{report:?}");
        assert!(report.failed[0].fix.contains("read-write"), "{report:?}");
        assert!(report.failed[0].paths.count < 3000, "one mount is asked once, not for each file");
        tree.options.required = true;
        assert!(try_own(root, &tree).unwrap_err().fix.unwrap().contains("read-write"));
    });
}

const DAC: [caps::Capability; 2] = [caps::Capability::CAP_DAC_OVERRIDE, caps::Capability::CAP_DAC_READ_SEARCH];

#[test]
fn closed_directories_are_opened_without_dac_override() {
    in_mount_namespace(|root| {
        directory("data/a/b");
        file("data/a/b/f");
        for path in ["data/a/b/f", "data/a/b", "data/a", "data"] {
            chown(here(path), Some(999), Some(999)).unwrap();
            set_mode(here(path), 0o700);
        }
        without(&DAC);
        let report = own(root, &tree(here("data"), 1000));
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(report.changed, 4);
        // All is right now, and closed to us: it is left so, and said.
        let again = own(root, &tree(here("data"), 1000));
        assert_eq!((again.changed, again.usable, ids(here("data"))), (0, Usability::Usable, APP));
        assert!(again.failed[0].fix.contains("DAC_OVERRIDE"), "{again:?}");
    });
}

#[test]
fn a_walk_that_is_cut_short_gives_closed_directories_back() {
    in_mount_namespace(|root| {
        directory("data/a");
        for path in ["data/a", "data"] {
            chown(here(path), Some(999), Some(999)).unwrap();
            set_mode(here(path), 0o700);
        }
        without(&DAC);
        let stop = AtomicBool::new(true);
        let report =
            apply(root, &tree(here("data"), 1000), &app(1000), &ChownPolicy::default(), &stop, &mut |_| {}).unwrap();
        assert!(report.interrupted);
        assert_eq!(ids(here("data")), (999, 999));
    });
}

#[test]
fn without_chown_it_is_counted_with_the_fix_and_only_required_stops() {
    in_mount_namespace(|root| {
        directory("data");
        file("data/f");
        without(&[caps::Capability::CAP_CHOWN]);
        let mut tree = tree(here("data"), 1000);
        let report = own(root, &tree);
        assert_eq!((report.changed, report.failed[0].paths.count), (0, 2));
        assert!(report.failed[0].fix.contains("cap_add: [CHOWN"), "{report:?}");
        assert_eq!(report.usable, Usability::ReadOnly(libc::EACCES));
        tree.options.required = true;
        assert!(try_own(root, &tree).is_err());
    });
}

#[test]
fn chown_alone_suffices_for_owner_and_directory_mode_of_what_is_roots() {
    in_mount_namespace(|root| {
        directory("data/a");
        without(&[caps::Capability::CAP_FOWNER, caps::Capability::CAP_FSETID]);
        without(&DAC);
        let mut tree = tree(here("data"), 1000);
        tree.options.dir_mode = Some(0o751);
        let report = own(root, &tree);
        assert!(report.is_clean(), "{report:?}");
        assert_eq!((mode(here("data/a")), ids(here("data/a"))), (0o751, APP));
    });
}

#[test]
fn a_stop_before_the_end_leaves_the_top_for_the_next_boot() {
    in_mount_namespace(|root| {
        for number in 0..100 {
            let directory = directory(&format!("data/{number}"));
            for file in 0..50 {
                File::create(directory.join(file.to_string())).unwrap();
            }
        }
        let stop = AtomicBool::new(false);
        let report = std::thread::scope(|scope| {
            scope.spawn(|| {
                let limit = Instant::now() + Duration::from_secs(10);
                let begun = || {
                    fs::read_dir(here("data")).unwrap().flatten().any(|entry| {
                        fs::read_dir(entry.path()).unwrap().flatten().any(|file| file.metadata().unwrap().uid() == 1000)
                    })
                };
                while !begun() && Instant::now() < limit {}
                stop.store(true, Ordering::Relaxed);
            });
            apply(root, &tree(here("data"), 1000), &app(1000), &ChownPolicy::default(), &stop, &mut |_| {}).unwrap()
        });
        if report.interrupted {
            assert_eq!(ids(here("data")), ROOT);
        }
        let healed = own(root, &tree(here("data"), 1000));
        assert_eq!((healed.entries, healed.changed + report.changed), (5101, 5101));
    });
}

#[test]
fn t38_a_kill_at_any_moment_is_healed_by_the_next_run() {
    in_mount_namespace(|root| {
        for number in 0..20 {
            directory(&format!("data/{number}/a"));
            for file in 0..50 {
                File::create(here(&format!("data/{number}/a/{file}"))).unwrap();
            }
        }
        let mut seed = 1_u64;
        for round in 0..60 {
            let id = 1000 + round % 2;
            // SAFETY: the child only walks, and is killed or leaves by _exit.
            match unsafe { fork() }.unwrap() {
                ForkResult::Child => {
                    own(root, &tree(here("data"), id));
                    // SAFETY: as above.
                    unsafe { libc::_exit(0) }
                }
                ForkResult::Parent { child } => {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    spin(Duration::from_micros(seed >> 51));
                    kill(child, Signal::SIGKILL).ok();
                    waitpid(child, None).unwrap();
                }
            }
            assert!(own(root, &tree(here("data"), id)).is_clean());
            assert_eq!(own(root, &tree(here("data"), id)).changed, 0);
        }
    });
}

/// Passes a moment without sleeping: the kill should come at any instruction.
fn spin(time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {}
}

/// Exchanges names in `data` without end, as an app that is still running would.
fn attacker() -> Pid {
    let (read, write) = pipe().unwrap();
    // SAFETY: the child makes system calls only, until it is killed.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            nix::unistd::setresgid(1000.into(), 1000.into(), 1000.into()).unwrap();
            nix::unistd::setresuid(1000.into(), 1000.into(), 1000.into()).unwrap();
            let mut message = false;
            loop {
                for (one, other) in [
                    (c"/mnt/data/d", c"/mnt/data/l"),
                    (c"/mnt/data/e/f", c"/mnt/data/e/g"),
                    (c"/mnt/data/e/d", c"/mnt/data/e/f"),
                    (c"/mnt/data/e/mine", c"/mnt/data/e/root's"),
                ] {
                    // SAFETY: two NUL-terminated paths.
                    let done = unsafe {
                        libc::syscall(
                            libc::SYS_renameat2,
                            libc::AT_FDCWD,
                            one.as_ptr(),
                            libc::AT_FDCWD,
                            other.as_ptr(),
                            libc::RENAME_EXCHANGE,
                        )
                    };
                    if done != 0 {
                        // SAFETY: leaves the child; the parent sees the pipe closed without a byte.
                        unsafe { libc::_exit(1) }
                    }
                }
                if !message {
                    nix::unistd::write(&write, b"!").unwrap();
                    message = true;
                }
            }
        }
        ForkResult::Parent { child } => {
            drop(write);
            assert_eq!(nix::unistd::read(&read, &mut [0]), Ok(1), "the attacker can exchange");
            child
        }
    }
}

fn survives_an_attacker(root: &Root) {
    directory("victim/d");
    for number in 0..20 {
        file(&format!("victim/{number}"));
        file(&format!("victim/d/{number}"));
    }
    directory("data/d");
    directory("data/e/d");
    for number in 0..20 {
        file(&format!("data/d/{number}"));
        file(&format!("data/e/d/{number}"));
    }
    // Relative: an absolute one would be stopped by the mount of `/` alone.
    symlink("../victim", here("data/l")).unwrap();
    file("data/e/f");
    symlink("../../victim/0", here("data/e/g")).unwrap();
    // A file of its own against another name of one of root's (with no sysctl in the way).
    file("data/e/mine");
    fs::hard_link(file("victim/linked"), here("data/e/root's")).unwrap();
    for path in ["data", "data/d", "data/e", "data/e/d"] {
        set_mode(here(path), 0o777);
    }
    let attacker = attacker();
    for round in 0..150 {
        // Another owner each time: everything is wrong every time.
        own(root, &tree(here("data"), 1000 + round % 2));
    }
    kill(attacker, Signal::SIGKILL).unwrap();
    waitpid(attacker, None).unwrap();
    for path in ["victim", "victim/d"] {
        assert_eq!(ids(here(path)), ROOT);
        assert_eq!(ids(here("victim/linked")), ROOT);
        for number in 0..20 {
            assert_eq!(ids(here(path).join(number.to_string())), ROOT);
        }
    }
    let report = own(root, &tree(here("data"), 1005));
    assert_eq!((report.failed.len(), causes(&report)), (0, BTreeMap::from([(UnchangedCause::MultiLinked, 1)])));
}

#[test]
fn a_live_attacker_gains_nothing() {
    in_mount_namespace(survives_an_attacker);
}

#[test]
fn a_live_attacker_gains_nothing_without_openat2() {
    in_mount_namespace(|root| {
        forbid(&[Forbidden::all(libc::SYS_openat2, libc::ENOSYS)]);
        survives_an_attacker(root);
    });
}

/// The essence of T01, T03, T04 and of modes, in one tree.
fn all_in_one() {
    directory("other");
    file("other/f");
    let outside = file("outside");
    directory("data/sub");
    directory("data/deep/er/est");
    file("data/deep/er/est/f");
    symlink("/mnt/outside", here("data/l")).unwrap();
    fs::hard_link(&outside, here("data/h")).unwrap();
    bind(&here("other"), &here("data/sub"));
}

fn is_right(report: &OwnReport, links_too: bool) {
    assert_eq!(
        (ids(here("other")), ids(here("other/f")), ids(here("outside")), mode(here("outside"))),
        (ROOT, ROOT, ROOT, 0o644)
    );
    for path in ["data", "data/deep", "data/deep/er", "data/deep/er/est", "data/deep/er/est/f"] {
        assert_eq!(ids(here(path)), APP, "{path}");
    }
    assert_eq!((mode(here("data")), mode(here("data/deep/er/est/f"))), (0o750, 0o640));
    assert_eq!(ids(here("data/l")), if links_too { APP } else { ROOT });
    assert_eq!((report.mounts.count, report.mounts.examples.as_slice()), (1, ["/mnt/data/sub".to_owned()].as_slice()));
    assert_eq!(causes(report).get(&UnchangedCause::MultiLinked), Some(&1));
    assert_eq!(report.usable, Usability::Usable);
}

#[test]
fn t39_every_newer_call_can_be_missing() {
    let by_handle = Forbidden { call: libc::SYS_fchownat, errno: 0, flag: Some((4, libc::AT_EMPTY_PATH as u32)) };
    let calls = [
        Forbidden::all(libc::SYS_openat2, 0),
        Forbidden::all(libc::SYS_statx, 0),
        Forbidden::all(libc::SYS_fchmodat2, 0),
        by_handle,
    ];
    let mut sets: Vec<Vec<Forbidden>> = calls.iter().map(|call| vec![*call]).collect();
    sets.push(calls.to_vec());
    for errno in [libc::ENOSYS, libc::EPERM] {
        for (number, set) in sets.iter().enumerate() {
            in_mount_namespace(|root| {
                all_in_one();
                let set: Vec<_> = set.iter().map(|call| Forbidden { errno, ..*call }).collect();
                forbid(&set);
                let mut tree = tree(here("data"), 1000);
                (tree.options.mode, tree.options.dir_mode) = (Some(0o640), Some(0o750));
                let report = own(root, &tree);
                // Without a chown by handle a link cannot be changed safely: it is left and counted.
                is_right(&report, number < 3);
            });
        }
    }
}

#[test]
fn without_any_way_to_see_mounts_nothing_below_the_top_is_entered() {
    in_mount_namespace(|root| {
        all_in_one();
        tmpfs(Path::new("/proc"), "mode=0755");
        forbid(&[Forbidden::all(libc::SYS_openat2, libc::ENOSYS), Forbidden::all(libc::SYS_statx, libc::ENOSYS)]);
        let report = own(root, &tree(here("data"), 1000));
        assert_eq!((ids(here("other")), ids(here("other/f")), ids(here("outside"))), (ROOT, ROOT, ROOT));
        assert!(!report.failed.is_empty(), "{report:?}");
    });
}

/// A tree that somebody with this uid may have moved around: `vol`, and in it `data` of another.
fn moved(vol: u32, data: u32, mode: u32) -> PathBuf {
    let (vol_path, path) = (directory("vol"), directory("vol/data"));
    file("vol/data/secret");
    for inside in [path.clone(), path.join("secret")] {
        chown(inside, Some(data), Some(data)).unwrap();
    }
    set_mode(&path, 0o700);
    chown(&vol_path, Some(vol), Some(vol)).unwrap();
    set_mode(&vol_path, mode);
    path
}

#[test]
fn a_directory_that_the_app_may_have_moved_into_a_declared_place_is_left_alone() {
    for (vol, data, mode, left) in [
        // `mv secret data` in the app's directory: root's, or another service's.
        (1000, 0, 0o755, Some(0)),
        (1000, 2000, 0o755, Some(2000)),
        (0, 0, 0o777, Some(0)),
        (0, 0, 0o775, Some(0)),
        // The app's own; that of the one who owns the place, as after a changed PUID.
        (1000, 1000, 0o755, None),
        (999, 999, 0o755, None),
        // Only root could have put it there.
        (0, 0, 0o755, None),
        (0, 2000, 0o755, None),
        (0, 0, 0o1777, None),
    ] {
        in_mount_namespace(|root| {
            let path = moved(vol, data, mode);
            let report = own(root, &tree(&path, 1000));
            let expected = left.map(|uid| (UnchangedCause::NotPlacedByRoot(stepdown::config::values::Uid(uid)), 1));
            assert_eq!(causes(&report), expected.into_iter().collect(), "{vol} {data} {mode:o}");
            let owner = if left.is_some() { data } else { 1000 };
            for inside in [path.clone(), path.join("secret")] {
                assert_eq!(ids(inside), (owner, owner), "{vol} {data} {mode:o}");
            }
            let options = OwnOptions { take_over: true, ..OwnOptions::default() };
            let insisted = own(root, &OwnTree { options, ..tree(&path, 1000) });
            assert!(insisted.failed.is_empty() && ids(path.join("secret")) == (1000, 1000));
        });
    }
}

#[test]
fn what_is_empty_or_mounted_or_far_below_is_judged_as_well() {
    in_mount_namespace(|root| {
        chown(directory("vol"), Some(1000), Some(1000)).unwrap();
        // Empty, as an image has it: nobody loses anything.
        directory("vol/empty");
        assert!(own(root, &tree(here("vol/empty"), 1000)).failed.is_empty());
        file("vol/empty file");
        assert!(own(root, &tree(here("vol/empty file"), 1000)).failed.is_empty());
        fs::write(here("vol/key"), "secret").unwrap();
        assert_eq!(own(root, &tree(here("vol/key"), 1000)).failed.len(), 1);
        assert_eq!(ids(here("vol/key")), (0, 0));
        // A directory above it can be moved just as well.
        directory("vol/sub/data");
        file("vol/sub/data/secret");
        assert_eq!(own(root, &tree(here("vol/sub/data"), 1000)).failed.len(), 1);
        // Nobody moves a mount.
        tmpfs(&directory("vol/mounted"), "mode=0755");
        file("vol/mounted/file");
        assert!(own(root, &tree(here("vol/mounted"), 1000)).failed.is_empty());
    });
}

/// A file system without a server: a process that asks it anything waits, and can only be killed.
fn hangs(place: &Path) -> File {
    let device = File::options().read(true).write(true).open("/dev/fuse").expect("the kernel has FUSE");
    let number = std::os::fd::AsRawFd::as_raw_fd(&device);
    let options = format!("fd={number},rootmode=40000,user_id=0,group_id=0,allow_other");
    let none = nix::mount::MsFlags::empty();
    nix::mount::mount(Some("hangs"), place, Some("fuse"), none, Some(options.as_str())).expect("it can be mounted");
    device
}

#[test]
fn a_stop_ends_the_question_whether_the_app_user_can_use_a_path_that_hangs() {
    in_mount_namespace(|root| {
        let data = directory("data");
        let _no_server = hangs(&data);
        let mut tree = tree(data, 1000);
        tree.options.when = OwnWhen::Never;
        // Somebody asked for the end already.
        let stop = AtomicBool::new(true);
        let _report = apply(root, &tree, &app(1000), &ChownPolicy::default(), &stop, &mut |_| {});
    });
}
