//! Readiness reported to the host: a real listener on `NOTIFY_SOCKET`, as systemd is for a quadlet.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use super::rootless::{IMAGE, Rootless};
use crate::support::docker::DOCKER_TIMEOUT;

/// Listens where everybody may write.
fn listen(socket_path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(socket_path).unwrap();
    fs::set_permissions(socket_path, fs::Permissions::from_mode(0o666)).unwrap();
    socket.set_read_timeout(Some(DOCKER_TIMEOUT)).unwrap();
    socket
}

/// The next datagram.
fn receive(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 4096];
    let length = socket.recv(&mut bytes).expect("something is told");
    String::from_utf8(bytes[..length].to_vec()).unwrap()
}

/// Everything that is reported until it is ready.
fn until_ready(socket: &UnixDatagram) -> Vec<String> {
    let mut all = Vec::new();
    while !all.last().is_some_and(|line: &String| line.contains("READY=1")) {
        all.push(receive(socket));
    }
    all
}

#[test]
fn podman_is_notified_when_all_is_ready() {
    let Some(rootless) = Rootless::available() else { return };
    let socket_path = rootless.run_directory().join("notify");
    let socket = listen(&socket_path);
    // Podman waits itself for the readiness, which its OCI runtime passes on, and nothing but it.
    let words = ["run", "-d", "--name=told", "--sdnotify=container", "--ulimit=host", "--network=none", IMAGE];
    let output = rootless.podman(&words).env("NOTIFY_SOCKET", &socket_path).output().unwrap();
    assert!(output.status.success(), "{}", crate::support::docker::stdout_and_stderr(&output));
    let message = until_ready(&socket);
    assert!(message.iter().any(|line| line.contains("MAINPID=")), "{message:?}");
    rootless.wait_for_log("told", "web: up");
}

#[test]
fn whoever_listens_hears_status_readiness_and_the_stop() {
    let Some(rootless) = Rootless::available() else { return };
    let socket_path = rootless.run_directory().join("notify");
    let gate = rootless.files().join("gate");
    fs::create_dir(&gate).unwrap();
    fs::set_permissions(&gate, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(
        rootless.files().join("web.toml"),
        "command = [\"recorder\", \"--stay\"]\nready = { path = \"/opened/gate\" }\n",
    )
    .unwrap();
    let socket = listen(&socket_path);
    let files = rootless.files();
    let (socket_path, gate, files) = (socket_path.display(), gate.display(), files.display());
    let notify = format!("--sdnotify=ignore -v {socket_path}:/notify -e NOTIFY_SOCKET=/notify");
    rootless.start("heard", &format!("{notify} -v {gate}:/opened -v {files}/web.toml:/etc/services.d/web.toml:ro"));
    rootless.wait_for_log("heard", "RECORD {");
    assert!(!rootless.wait_for_log("heard", "").contains("web: up"), "it is not ready yet");
    fs::write(format!("{gate}/gate"), "").unwrap();
    let message = until_ready(&socket);
    assert!(message.iter().any(|line| line.starts_with("STATUS=")), "{message:?}");
    rootless.must(&["stop", "--time=9", "heard"]);
    let after: Vec<String> =
        std::iter::repeat_with(|| receive(&socket)).take_while(|line| !line.contains("STOPPING=1")).collect();
    assert!(after.iter().all(|line| line.starts_with("STATUS=")), "{after:?}");
}
