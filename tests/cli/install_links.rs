//! `install-links`: which links it creates, and what it leaves alone.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use stepdown::s6_commands::{HelperCommand, Package};

use super::*;

/// An image with the program in it.
fn image() -> tempfile::TempDir {
    let image = tempfile::tempdir().unwrap();
    put(image.path(), "usr/bin/stepdown", "");
    image
}

fn put(image: &Path, path: &str, text: &str) {
    let file = image.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

fn install(image: &Path, more: &[&str]) -> CommandOutput {
    run(&[&["install-links", "--prefix", image.to_str().unwrap()], more].concat())
}

fn target(image: &Path, path: &str) -> Option<String> {
    fs::read_link(image.join(path)).ok().map(|target| target.display().to_string())
}

#[test]
fn every_command_gets_its_links_and_a_second_run_changes_nothing() {
    let image = image();
    let output = install(image.path(), &[]);
    assert_eq!((output.code, output.err.as_str()), (0, ""));
    // The boot creates the links of those of s6-linux-init.
    let is_linked = |command: &&HelperCommand| command.origin != Package::S6LinuxInit;
    let commands: Vec<_> = stepdown::s6_commands::COMMANDS.iter().filter(is_linked).collect();
    let packaged = commands.iter().filter(|command| command.origin != Package::LinuxServer);
    let packaged: Vec<_> =
        packaged.map(|command| format!("package/admin/{}/command/{}", command.origin.name(), command.name)).collect();
    let count = 2 + 2 * commands.len() + packaged.len();
    assert_eq!(output.out, format!("links to /usr/bin/stepdown: {count} created, 0 there already\n"));
    let places =
        commands.iter().flat_map(|command| ["command", "usr/bin"].map(|place| format!("{place}/{}", command.name)));
    let init = ["init", "package/admin/s6-overlay/command/init"].map(str::to_owned);
    for path in places.chain(packaged).chain(init) {
        assert_eq!(target(image.path(), &path).as_deref(), Some("/usr/bin/stepdown"), "{path}");
    }
    let again = install(image.path(), &[]);
    assert_eq!((again.code, again.out), (0, format!("links to /usr/bin/stepdown: 0 created, {count} there already\n")));
    assert_eq!(fs::read_dir(image.path()).unwrap().count(), 4, "nothing else is left");
}

#[test]
fn what_is_s6_overlays_is_replaced_and_everything_else_is_kept() {
    let image = image();
    let root = image.path();
    put(root, "init", "#!/bin/sh -e\nexec /package/admin/s6-overlay/libexec/preinit\n");
    put(root, "usr/bin/with-contenv", "#!/bin/bash\nexec /command/with-contenv \"$@\"\n");
    put(root, "usr/bin/s6-envdir", "\u{7f}ELF s6-envdir: unable to \n");
    put(root, "usr/bin/s6-setuidgid", "#!/bin/sh\nexec su-exec \"$@\"\n");
    put(root, "usr/bin/cd", "#!/bin/sh\ncd \"$@\"\n");
    fs::create_dir_all(root.join("command")).unwrap();
    // As s6-overlay unpacks its packages.
    put(root, "package/admin/s6-2.13.1.0/command/s6-svc", "\u{7f}ELF s6-svc: unable to \n");
    symlink("s6-2.13.1.0", root.join("package/admin/s6")).unwrap();
    put(root, "package/admin/execline/command/execline", "\u{7f}ELF execline");
    symlink("execline", root.join("package/admin/execline/command/if")).unwrap();
    symlink("../package/admin/execline/command/if", root.join("command/if")).unwrap();
    symlink("../../command/if", root.join("usr/bin/if")).unwrap();
    symlink("busybox", root.join("usr/bin/wait")).unwrap();
    let output = install(root, &[]);
    assert_eq!(output.code, 1, "s6-setuidgid is another program");
    for replaced in [
        "init",
        "usr/bin/s6-envdir",
        "command/if",
        "usr/bin/if",
        "command/with-contenv",
        "package/admin/s6-2.13.1.0/command/s6-svc",
    ] {
        assert_eq!(target(root, replaced).as_deref(), Some("/usr/bin/stepdown"), "{replaced}");
    }
    for line in [
        "replaced in /, programs of s6, execline or s6-overlay: init",
        "replaced in /usr/bin, programs of s6, execline or s6-overlay: s6-envdir",
        "replaced in /command, links to ../package/admin/execline/command: if",
        "replaced in /package/admin/s6/command, programs of s6, execline or s6-overlay: s6-svc",
        "replaced in /package/admin/execline/command, links to execline: if",
        "replaced in /usr/bin, links to ../../command: if",
        "kept in /usr/bin, LinuxServer's scripts, which call /command: with-contenv",
        "kept in /usr/bin, other programs: s6-setuidgid cd",
        "kept in /usr/bin, links to busybox: wait",
    ] {
        assert!(output.out.lines().any(|found| found == line), "{line}\n{}", output.out);
    }
    assert_eq!(target(root, "usr/bin/wait").as_deref(), Some("busybox"));
    let forced = install(root, &["--force"]);
    assert_eq!((forced.code, target(root, "usr/bin/s6-setuidgid").as_deref()), (0, Some("/usr/bin/stepdown")));
    assert_eq!(target(root, "usr/bin/cd"), None, "a word of execline in /usr/bin is another program's");
}

#[test]
fn an_image_without_the_program_or_with_a_link_out_of_it_is_refused() {
    let image = tempfile::tempdir().unwrap();
    let output = install(image.path(), &[]);
    assert_eq!((output.code, fs::read_dir(image.path()).unwrap().count()), (100, 0));
    assert!(
        output.err.contains("there is no stepdown in this image; copy it to /usr/bin/stepdown first"),
        "{}",
        output.err
    );
    let none = install(&image.path().join("none"), &[]);
    assert!(none.code == 100 && none.err.contains("there is no such directory; give the root of an image"), "{none:?}");
    let outside = tempfile::tempdir().unwrap();
    put(image.path(), "usr/bin/stepdown", "");
    symlink(outside.path(), image.path().join("command")).unwrap();
    let output = install(image.path(), &[]);
    assert_eq!((output.code, fs::read_dir(outside.path()).unwrap().count()), (111, 0));
    assert!(output.err.contains("leads to no directory in"), "{}", output.err);
}

/// Whatever comes after the one that is refused.
#[test]
fn nothing_is_created_if_a_directory_leads_out_of_the_image() {
    let outside = tempfile::tempdir().unwrap();
    for (place, link) in [("package/admin", "s6"), ("", "command"), ("package/admin/execline", "command")] {
        for target in [outside.path().join("evil"), outside.path().to_path_buf()] {
            let image = image();
            let root = image.path();
            fs::create_dir_all(root.join(place)).unwrap();
            symlink(&target, root.join(place).join(link)).unwrap();
            fs::create_dir(outside.path().join("evil")).unwrap();
            let output = install(root, &[]);
            assert_eq!(output.code, 111, "{place}/{link}: {output:?}");
            assert_eq!(fs::read_dir(outside.path().join("evil")).unwrap().count(), 0, "{place}/{link}");
            fs::remove_dir(outside.path().join("evil")).unwrap();
            assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "{place}/{link}");
            assert!(!root.join("init").is_symlink(), "{place}/{link}: the first link is not created");
            assert_eq!(fs::read_dir(root.join("usr/bin")).unwrap().count(), 1, "{place}/{link}");
            assert!(output.err.contains(" leads to no directory in "), "{}", output.err);
        }
    }
}

#[test]
fn an_absolute_link_leads_into_the_image() {
    let image = image();
    let root = image.path();
    fs::create_dir_all(root.join("opt/words")).unwrap();
    symlink("/opt/words", root.join("command")).unwrap();
    let output = install(root, &[]);
    assert_eq!((output.code, target(root, "opt/words/if").as_deref()), (0, Some("/usr/bin/stepdown")), "{output:?}");
}

#[test]
fn a_file_in_the_place_of_a_directory_is_named() {
    let image = image();
    put(image.path(), "command", "");
    let output = install(image.path(), &[]);
    assert_eq!(output.code, 111);
    let expected = format!(": {}/command is not a directory\n", image.path().display());
    assert!(
        output.err.starts_with("stepdown: cannot create the link /command/") && output.err.ends_with(&expected),
        "{}",
        output.err
    );
}
