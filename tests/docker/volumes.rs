//! PUID and PGID on volumes that outlive containers.

use crate::support::docker::{Docker, Ended, Image, Run, Volume};

/// Runs `script` as `uid` with `/data` declared.
fn on(docker: &Docker, volume: &Volume, own: &str, uid: &str, script: &str) -> Ended {
    let file = super::files(&[("stepdown.toml", &format!("[[own]]\npath = \"/data\"\n{own}"))]);
    let run = Run::new(&Image::plain(docker)).volume(volume, "/data").env("PUID", uid).env("PGID", uid);
    run.file(&file.path().join("stepdown.toml"), "/etc/stepdown.toml").script(script).ended()
}

#[test]
fn a_changed_puid_takes_the_volume_along() {
    let Some(docker) = Docker::available() else { return };
    let volume = Volume::new();
    on(&docker, &volume, "", "1000", "mkdir -p /data/a/b && echo text >/data/a/b/file && ln -s /etc/shadow /data/link")
        .expect_code(0);
    let script =
        "find /data -not -type l -printf '%p %U:%G\\n'; echo more >>/data/a/b/file; stat -Lc 'shadow %u' /data/link";
    let ended = on(&docker, &volume, "", "2000", script);
    ended.expect_code(0);
    ended.expect_words(&["/data 2000:2000", "/data/a 2000:2000", "/data/a/b/file 2000:2000", "shadow 0"]);
}

#[test]
fn the_top_decides_where_it_is_asked_to() {
    let Some(docker) = Docker::available() else { return };
    let volume = Volume::new();
    on(&docker, &volume, "", "1000", "echo text >/data/file").expect_code(0);
    // Only the top: what lies below must stay another's for the next run to see.
    on(&docker, &volume, "recursive = false\n", "2000", ":").expect_code(0);
    let ended = on(&docker, &volume, "when = \"root-mismatch\"\n", "2000", "stat -c '%u %n' /data /data/file");
    ended.expect_code(0);
    ended.expect_words(&["2000 /data\n", "1000 /data/file"]);
}

#[test]
fn links_out_of_a_volume_lead_nowhere() {
    let Some(docker) = Docker::available() else { return };
    let volume = Volume::new();
    let plant = "cd /data && ln -s /etc passwd-dir && ln -s /etc/passwd file && ln -s / root && ln -s loop loop";
    on(&docker, &volume, "", "1000", plant).expect_code(0);
    let ended = on(&docker, &volume, "", "2000", "find / -xdev -uid 2000 -not -path '/proc/*' 2>/dev/null; :");
    ended.expect_code(0);
    let outside: Vec<_> =
        ended.output.lines().filter(|line| line.starts_with("/etc") || line.starts_with("/usr")).collect();
    assert!(outside.is_empty(), "{outside:?}");
}

#[test]
fn under_user_a_foreign_volume_is_named_with_its_fix() {
    let Some(docker) = Docker::available() else { return };
    let volume = Volume::new();
    on(&docker, &volume, "", "1000", "echo text >/data/file").expect_code(0);
    let file = super::files(&[("stepdown.toml", "[[own]]\npath = \"/data\"\n")]);
    let run = Run::new(&Image::plain(&docker)).volume(&volume, "/data").options("--user 4242:4242");
    let run = run.file(&file.path().join("stepdown.toml"), "/etc/stepdown.toml").script("stat -c %u /data/file");
    let ended = run.ended();
    ended.expect_code(0);
    ended.expect_words(&["/data", "1000"]);
}
