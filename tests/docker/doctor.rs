//! `doctor` in real containers: a fresh one and a running one, and what it says to paste, pasted.

use std::process::Command;

use crate::support::docker::{Container, Docker, Ended, Image, Run, Volume, docker, must, stdout_and_stderr};

const OWN: &str = "[[own]]\npath = \"/data\"\n";

/// A run of the image that owns `/data`, by a file that lives as long as the returned directory.
fn run_with_container_file(docker: &Docker, toml: &str) -> (Run, tempfile::TempDir) {
    let tree = super::files(&[("stepdown.toml", toml)]);
    let run = Run::new(&Image::plain(docker)).file(&tree.path().join("stepdown.toml"), "/etc/stepdown.toml");
    (run, tree)
}

/// `docker run --entrypoint stepdown IMAGE doctor -- true`: the image has no service.
fn doctor_of_fresh_container(run: Run) -> Ended {
    run.options("--entrypoint /usr/bin/stepdown").command(["doctor", "--", "true"]).ended()
}

/// `docker exec CONTAINER stepdown doctor`: its code and what it said.
fn inside(container: &Container, user: &[&str]) -> (i32, String) {
    let words = [&["exec"], user, &[container.name(), "stepdown", "doctor"]].concat();
    let output = docker(words).expect("docker was executed before");
    (output.status.code().expect("docker returns a code"), stdout_and_stderr(&output))
}

#[test]
fn a_fresh_container_and_a_running_one_are_well() {
    let Some(docker) = Docker::available() else { return };
    let volume = Volume::new();
    let (run, _tree) = run_with_container_file(&docker, OWN);
    let ended = doctor_of_fresh_container(run.volume(&volume, "/data").env("PUID", "1234"));
    ended.expect_code(0);
    ended.expect_words(&["What a boot of this container", "given to 1234:1000 at boot", "all is well ("]);

    let (run, _tree) = run_with_container_file(&docker, OWN);
    let running = run.volume(&volume, "/data").env("PUID", "1234").start();
    running.wait_for_log("I am uid 1234");
    for user in [&[][..], &["--user", "1234:1000"]] {
        let (code, text) = inside(&running, user);
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("The running container: ") && text.contains("all is well ("), "{text}");
        assert!(text.contains("app (1234:1000) can use it"), "{text}");
    }

    let (run, _tree) = run_with_container_file(&docker, OWN);
    let ended = run.volume(&volume, "/data").env("PUID", "1234").command(["stepdown", "doctor"]).ended();
    ended.expect_code(0);
    ended.expect_words(&["The running container: ", "all is well ("]);
}

#[test]
fn the_printed_line_fixes_a_foreign_volume() {
    let Some(docker) = Docker::available() else { return };
    let volume = Volume::new();
    let (run, _tree) = run_with_container_file(&docker, OWN);
    let running = run.volume(&volume, "/data").options("--user 1:1").start();
    let log = running.wait_for_log("I am uid 1");
    running.as_root("mkdir /data/sub && echo text >/data/sub/file");
    let (code, text) = inside(&running, &[]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("/data is 0:0 0755") && text.contains("1:1 cannot use /data"), "{text}");
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix("host:")).expect("a line for the host");
    let words: Vec<_> = line.split_whitespace().collect();
    // Before it is run: it is the volume's own directory, and nothing else.
    let place = must(["volume", "inspect", "--format", "{{.Mountpoint}}", volume.name()]);
    assert_eq!(words, ["chown", "-R", "1:1", place.trim()], "{text}");
    assert!(log.contains(&format!("`chown -R 1:1 {}`", place.trim())), "the boot said it too: {log}");
    let done = Command::new("chown").args(&words[1..]).status();
    assert!(done.is_ok_and(|status| status.success()), "{line}");

    let (code, text) = inside(&running, &[]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("all is well ("), "{text}");
    let (run, _tree) = run_with_container_file(&docker, OWN);
    doctor_of_fresh_container(run.volume(&volume, "/data").options("--user 1:1")).expect_code(0);
}

#[test]
fn a_secret_that_the_app_cannot_read_is_named() {
    let Some(docker) = Docker::available() else { return };
    let secrets = super::files(&[("db", "hidden")]);
    let secret = secrets.path().join("db");
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o400)).expect("it is ours");
    let doctor = || {
        doctor_of_fresh_container(
            Run::new(&Image::plain(&docker)).options("--user 1:1").file(&secret, "/run/secrets/db"),
        )
    };
    let ended = doctor();
    ended.expect_code(1);
    ended.expect_words(&[
        "/run/secrets/db",
        "(1:1) cannot read this secret",
        &format!("chown 1:1 {}", secret.display()),
    ]);
    std::os::unix::fs::chown(&secret, Some(1), Some(1)).expect("tests with Docker run as root");
    doctor().expect_code(0);
}

#[test]
fn a_read_only_root_and_a_read_only_volume_are_degraded() {
    let Some(docker) = Docker::available() else { return };
    let data = super::files(&[]);
    let mount = format!("-v {}:/data:ro --read-only", data.path().display());
    let (run, _tree) = run_with_container_file(&docker, OWN);
    let ended = doctor_of_fresh_container(run.options(&mount).env("PUID", "1234"));
    ended.expect_code(1);
    ended.expect_words(&["/etc is read-only", "/data is mounted read-only", "remove `:ro`", "it works, "]);
}

#[test]
fn without_the_power_to_step_down_it_would_not_start() {
    let Some(docker) = Docker::available() else { return };
    let (run, _tree) = run_with_container_file(&docker, OWN);
    let ended = doctor_of_fresh_container(run.options("--cap-drop ALL").env("PUID", "1234"));
    ended.expect_code(2);
    ended.expect_words(&[
        "FATAL     step down",
        "SETGID and SETUID are not granted",
        "--cap-add SETGID --cap-add SETUID\n",
        "cap_add: [SETGID, SETUID]\n",
        "securityContext: { capabilities: { add: [SETGID, SETUID] } }\n",
    ]);
}

#[test]
fn a_device_that_is_mounted_and_not_allowed_is_distinguished_from_one_of_another_group() {
    let Some(docker) = Docker::available() else { return };
    // Nodes with the numbers of /dev/fuse: open to all by mode, and to a group.
    let nodes = super::files(&[]);
    let node = |name: &str, mode: &str| {
        let path = nodes.path().join(name);
        let made = Command::new("mknod").args(["-m", mode]).arg(&path).args(["c", "10", "229"]).status();
        assert!(made.is_ok_and(|status| status.success()), "as root a device node can be created");
        path.display().to_string()
    };
    let mounts = format!("-v {}:/dev/fuse -v {}:/dev/kvm", node("open", "666"), node("closed", "600"));
    let (run, _tree) =
        run_with_container_file(&docker, "[app]\ndevice_groups = [\"/dev/fuse\", \"/dev/kvm\", \"/dev/dri\"]\n");
    let ended = doctor_of_fresh_container(run.options(&mounts));
    ended.expect_code(1);
    ended.expect_words(&[
        "degraded  /dev/fuse       the container's device rules forbid it\n",
        "--device /dev/fuse\n",
        "degraded  /dev/kvm        /dev/kvm is 0:0 0600\n",
        "ok        /dev/dri        not there; ",
    ]);
}

#[test]
fn a_program_on_a_noexec_mount_is_named() {
    let Some(docker) = Docker::available() else { return };
    // Docker mounts /dev/shm noexec; a neighbour has put a program there.
    let neighbour = Run::new(&Image::plain(&docker)).options("--ipc shareable").start();
    neighbour.wait_for_log("I am uid");
    neighbour.as_root("cp /bin/sleep /dev/shm/tool");
    let tree = super::files(&[("tool.toml", "command = [\"/dev/shm/tool\", \"1000\"]\n")]);
    let shared = format!("--ipc container:{} -v {}:/etc/services.d:ro", neighbour.name(), tree.path().display());
    let ended = doctor_of_fresh_container(Run::new(&Image::plain(&docker)).options(&shared));
    ended.expect_code(2);
    ended.expect_words(&["FATAL     /etc/services.d/tool.toml", "`/dev/shm/tool`: it lies on a mount that is noexec"]);
}
