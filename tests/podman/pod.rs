//! `podman kube play` of a pod as Kubernetes' "restricted" profile wants it, and of the one in `examples/kubernetes`.
//!
//! What Podman 4.3 ignores of it: `fsGroup` (an emptyDir stays root's), `terminationMessagePath`, and probes where no systemd
//! runs its timers, so they are run manually.

use super::rootless::{IMAGE, Rootless, records};
use crate::support::docker::stdout_and_stderr;

const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata: { name: restricted }
spec:
  shareProcessNamespace: true
  restartPolicy: Never
  securityContext:
    runAsNonRoot: true
    runAsUser: 1000
    runAsGroup: 1000
    fsGroup: 2000
    seccompProfile: { type: RuntimeDefault }
  containers:
  - name: app
    image: IMAGE
    imagePullPolicy: Never
    args: [recorder, --places, --stay]
    env: [{ name: STEPDOWN_STOP_TIMEOUT, value: 5s }]
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: { drop: [ALL] }
    livenessProbe: { exec: { command: [/usr/bin/stepdown, health] }, periodSeconds: 5 }
    readinessProbe: { exec: { command: [/usr/bin/stepdown, health] } }
    terminationMessagePath: /dev/termination-log
    volumeMounts: [{ name: scratch, mountPath: /config }]
  - name: neighbour
    image: IMAGE
    imagePullPolicy: Never
    args: [recorder, --stay]
    securityContext:
      capabilities: { drop: [ALL] }
  volumes: [{ name: scratch, emptyDir: {} }]
"#;

#[test]
fn a_restricted_pod_boots_answers_its_probes_and_leaves_its_neighbour_alone() {
    let Some(rootless) = Rootless::available() else { return };
    let file = rootless.files().join("pod.yaml");
    std::fs::write(&file, POD.replace("IMAGE", IMAGE)).unwrap();
    rootless.must(&["kube", "play", "--network=none", &file.display().to_string()]);
    let log = rootless.wait_for_log("restricted-app", "main: up");
    rootless.wait_for_log("restricted-neighbour", "main: up");
    for record in records(&log) {
        let me = &record["self"];
        assert_eq!(me["uids"], serde_json::json!([1000, 1000, 1000, 1000]), "{log}");
        assert_eq!((&me["permitted"], &me["no_new_privs"]), (&"0000000000000000".into(), &"1".into()), "{log}");
        assert_eq!(me["bounding"], "0000000000000000", "{log}");
    }
    let places =
        records(&log).into_iter().find_map(|record| record.get("places").cloned()).expect("the main command looked");
    assert_eq!(places["/"]["write"], "EROFS", "{log}");
    // Named with what to do about it, because this engine ignores `fsGroup`.
    assert!(places["/config"]["write"] == "yes" || log.contains("cannot use /config"), "{log}");
    assert!(log.contains("not PID 1"), "{log}");

    let health = rootless.podman(&["exec", "restricted-app", "/usr/bin/stepdown", "health"]).output().unwrap();
    assert!(health.status.success(), "{}", stdout_and_stderr(&health));
    let probe = rootless.podman(&["healthcheck", "run", "restricted-app"]).output().unwrap();
    assert!(probe.status.success(), "{}", stdout_and_stderr(&probe));

    rootless.must(&["stop", "--time=9", "restricted-app"]);
    let state = |name: &str| rootless.must(&["inspect", "--format={{.State.Status}} {{.State.ExitCode}}", name]);
    assert_eq!(
        state("restricted-app").trim(),
        "exited 143",
        "the main command's: {}",
        rootless.wait_for_log("restricted-app", "")
    );
    assert_eq!(state("restricted-neighbour").trim(), "running 0");
}

#[test]
fn the_probes_of_the_example_tell_starting_stuck_and_well_apart() {
    let Some(rootless) = Rootless::available() else { return };
    let example = include_str!("../../examples/kubernetes/pod.yaml");
    assert!(example.contains("image: registry.example/app:1\n"));
    // The image of these tests has a shell, and neither sleep(1) nor test(1).
    let text = example.replace("registry.example/app:1", IMAGE).replace("IfNotPresent", "Never");
    let text = text.replace("exec sleep infinity", "exec recorder --stay").replace("sleep 1; ", "");
    let text = text.replace("[\"sleep\", \"infinity\"]", "[\"recorder\", \"--stay\"]");
    let text = text.replace("[\"test\", \"!\", \"-e\", \"/tmp/stuck\"]", "[\"sh\", \"-c\", \"test ! -e /tmp/stuck\"]");
    let file = rootless.files().join("pod.yaml");
    std::fs::write(&file, text).unwrap();
    rootless.must(&["kube", "play", "--network=none", &file.display().to_string()]);
    rootless.wait_for_log("probed-app", "web: up");
    let probe = |words: &[&str]| {
        let output =
            rootless.podman(&[&["exec", "probed-app", "/usr/bin/stepdown", "health"], words].concat()).output();
        let output = output.unwrap();
        (output.status.success(), stdout_and_stderr(&output))
    };
    // What the manifest says, in its words.
    let said = |probe: &str| {
        let (_, rest) = example.split_once(&format!("{probe}:\n      exec: {{ command: [")).expect(probe);
        let (words, _) = rest.split_once(']').expect(probe);
        words.split(", ").skip(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let ask = |name: &str| probe(&said(name).iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(ask("startupProbe"), (true, "live\n".into()));
    assert_eq!(ask("livenessProbe"), (true, "live\n".into()));
    assert_eq!(ask("readinessProbe"), (true, "ready\n".into()));
    // The livenessProbe is what Podman makes a health check of.
    let check = rootless.podman(&["healthcheck", "run", "probed-app"]).output().unwrap();
    assert!(check.status.success(), "{}", stdout_and_stderr(&check));

    rootless.must(&["exec", "probed-app", "/bin/sh", "-c", ": > /tmp/stuck"]);
    rootless.wait_for_log("probed-app", "web: unhealthy");
    assert_eq!(ask("livenessProbe"), (false, "not live: web: unhealthy\n".into()));
    assert_eq!(ask("readinessProbe"), (false, "not ready: web: unhealthy\n".into()));
    let check = rootless.podman(&["healthcheck", "run", "probed-app"]).output().unwrap();
    assert!(!check.status.success(), "{}", stdout_and_stderr(&check));
    rootless.must(&["exec", "probed-app", "/usr/bin/stepdown", "restart", "cache"]);
    rootless.must(&["stop", "--time=9", "probed-app"]);
}
