//! What the app user can write must not become more than the app user: files that PID 1 reads for a service, variables, trees
//! (SECURITY A1, A5, B2).
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a helper that cannot do its work fails its test

#[path = "support/jail.rs"]
mod jail;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use jail::{Ended, Jail, possible};
use tempfile::TempDir;

const APP: u32 = 1234;
const ROOT: u32 = 0;

fn app() -> Jail {
    Jail::new().env("PUID", "1234").env("PGID", "1234")
}

/// A volume of that user's.
fn volume(owner: u32) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
    chown(place.path(), Some(owner), Some(owner)).unwrap();
    place
}

/// A file, with the directories that it needs.
fn put(volume: &TempDir, name: &str, text: &str, owner: u32, mode: u32) {
    let path = volume.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    let below = path.ancestors().take_while(|path| *path != volume.path());
    below.for_each(|path: &Path| chown(path, Some(owner), Some(owner)).unwrap());
}

/// Variables that only root and its group may read.
fn secret() -> TempDir {
    let place = volume(ROOT);
    put(&place, "secret", "SECRET=leaked\n", ROOT, 0o640);
    place
}

#[track_caller]
fn said(ended: &Ended, text: &str) {
    assert!(ended.lines.iter().any(|line| line.text.contains(text)), "nobody says {text:?}: {ended:#?}");
}

#[track_caller]
fn unsaid(ended: &Ended, text: &str) {
    assert!(!ended.lines.iter().any(|line| line.text.contains(text)), "somebody says {text:?}: {ended:#?}");
}

const SHOW: &str = "command = [\"/bin/sh\", \"-c\", \"env; id -u\"]\n";

#[test]
fn a_link_to_a_file_of_roots_group_is_read_with_no_group_of_pid_1() {
    if !possible() {
        return;
    }
    let (config, secret) = (volume(APP), secret());
    symlink("/secret/secret", config.path().join("web.env")).unwrap();
    let file = "environment_file = \"/config/web.env\"\nrestart = { limit = 1 }\n";
    let jail = || app().volume(config.path(), "/config").volume(secret.path(), "/secret");
    // PID 1 that stays root; and before the drop.
    let stays = jail().container_toml("drop = \"root\"\n").service("web.toml", &format!("{SHOW}{file}"));
    let before = format!("{SHOW}type = \"oneshot\"\nenvironment_file = \"/config/web.env\"\nessential = false\n");
    let root =
        "command = [\"/bin/true\"]\ntype = \"oneshot\"\nuser = \"root\"\nafter = [\"web\"]\nrequires = [\"web\"]\n";
    let prepares = jail().service("web.toml", &before).service("first.toml", root);
    for jail in [stays, prepares] {
        let ended = jail.run();
        unsaid(&ended, "leaked");
        said(&ended, "cannot read environment_file /config/web.env");
    }
    // Another user, whose own variables may be its own, has the groups of nobody but itself.
    let other = volume(1);
    symlink("/secret/secret", other.path().join("web.env")).unwrap();
    let toml = format!("{SHOW}{file}user = \"daemon\"\n");
    let app = app().group_add("0").volume(other.path(), "/config").volume(secret.path(), "/secret");
    let ended = app.container_toml("[app]\ngroups = [0]\n").service("web.toml", &toml).run();
    unsaid(&ended, "leaked");
}

#[test]
fn variables_that_the_app_could_have_written_do_not_reach_a_service_of_root() {
    if !possible() {
        return;
    }
    let config = volume(APP);
    put(&config, "web.env", "LD_PRELOAD=/config/evil.so\n", APP, 0o644);
    let toml = format!(
        "{SHOW}user = \"root\"\nenvironment_file = \"/config/web.env\"\nrestart = {{ limit = 3, delay = \"100ms\" }}\n"
    );
    let jail = |toml: &str| app().volume(config.path(), "/config").service("web.toml", toml);
    let ended = jail(&toml).run().expect(100);
    said(
        &ended,
        "`web` runs as root, and others than root could have written its `environment_file` /config/web.env: /config is",
    );
    unsaid(&ended, "LD_PRELOAD");

    // It comes to be while the container runs.
    fs::remove_file(config.path().join("web.env")).unwrap();
    let writes =
        "command = [\"/bin/sh\", \"-c\", \"echo LD_PRELOAD=/config/evil.so > /config/web.env\"]\ntype = \"oneshot\"\n";
    let ended = jail(&format!("{toml}requires = [\"app\"]\n")).service("app.toml", writes).run();
    said(&ended, "others than root could have written it, and this service has more rights");
    unsaid(&ended, "LD_PRELOAD=/config/evil.so");

    let root = volume(ROOT);
    put(&root, "web.env", "GIVEN=all is well\n", ROOT, 0o600);
    let ended = app().volume(root.path(), "/config").service("web.toml", &toml).run();
    said(&ended, "GIVEN=all is well");
}

#[test]
fn a_tree_that_the_app_could_have_written_makes_nothing_run_as_root() {
    if !possible() {
        return;
    }
    let once = "command = [\"/bin/sh\", \"-c\", \"echo ran as $(id -u)\"]\ntype = \"oneshot\"\n";
    let root = format!("{once}user = \"root\"\n");
    let tree = |owner: u32, toml: &str, mode: u32| {
        let place = volume(owner);
        put(&place, "tree/evil.toml", toml, ROOT, mode);
        place
    };
    let jail = |place: &TempDir| app().env("STEPDOWN_SERVICES", "/config/tree").volume(place.path(), "/config");
    let refused = |place: &TempDir, what: &str| {
        let ended = jail(place).run().expect(100);
        said(&ended, what);
        unsaid(&ended, "ran as");
    };
    let file = tree(ROOT, &root, 0o644);
    chown(file.path().join("tree/evil.toml"), Some(APP), Some(APP)).unwrap();
    refused(&file, "/config/tree/evil.toml is 1234:1234 0644; `COPY --chown=0:0`");
    refused(&tree(ROOT, &root, 0o666), "/config/tree/evil.toml is 0:0 0666");
    refused(
        &tree(APP, &root, 0o644),
        "/config is 1234:1234 0755; move it to where only root can write, such as /etc/services.d",
    );

    // What it runs out of its own directory counts as well.
    let script = tree(ROOT, "", 0o644);
    fs::remove_file(script.path().join("tree/evil.toml")).unwrap();
    let toml = "command = [\"/config/tree/evil/job\"]\ntype = \"oneshot\"\nuser = \"root\"\n";
    put(&script, "tree/evil/service.toml", toml, ROOT, 0o644);
    put(&script, "tree/evil/job", "#!/bin/sh\necho ran as $(id -u)\n", ROOT, 0o777);
    refused(&script, "/config/tree/evil/job is 0:0 0777");

    // A bind mount of the host user's, without anything of root's; and a tree of root's, as `COPY` under a umask of 002 has it.
    let mine = tree(APP, once, 0o644);
    chown(mine.path().join("tree/evil.toml"), Some(APP), Some(APP)).unwrap();
    said(&jail(&mine).run().expect(0), "ran as 1234");
    said(&jail(&tree(ROOT, &root, 0o664)).run().expect(0), "ran as 0");
}

#[test]
fn a_service_of_root_in_a_developers_own_tree_is_rehearsed_as_from_an_image() {
    if !possible() {
        return;
    }
    let running =
        app().service("web.toml", "command = [\"/usr/local/bin/probe\", \"--stay\"]\nuser = \"root\"\n").start();
    assert_eq!(running.record()["self"]["uids"][0], 0);
    running.stop().expect(0);
}
