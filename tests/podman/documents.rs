//! The manifests of the documentation, played by `podman kube play`: `<!-- pod: POD-CONTAINER -->`. Their image is the one of these
//! tests, which has a service `web` and declares `/config`.

use super::rootless::{IMAGE, Rootless, records};
use crate::documents::blocks::{Use, blocks};
use crate::documents::pages;
use crate::support::docker::stdout_and_stderr;

/// Returns the manifest with the image of these tests, which no registry has.
fn with_own_image(manifest: &str) -> String {
    let line = |line: &str| match line.split_once("image: ") {
        Some((before, _)) => format!("{before}image: {IMAGE}\n{}imagePullPolicy: Never\n", before.replace('-', " ")),
        None => format!("{line}\n"),
    };
    manifest.lines().map(line).collect()
}

#[test]
fn manifests_of_the_documentation_serve_are_well_and_nobody_is_root() {
    let pages = pages();
    let found = pages.iter().flat_map(blocks).filter_map(|block| match block.used {
        Some(Use::Pod(container)) => Some((container, block.place, block.text)),
        _ => None,
    });
    let found: Vec<_> = found.collect();
    assert!(found.len() >= 2, "{found:?}");
    let Some(rootless) = Rootless::available() else { return };
    let file = rootless.files().join("pod.yaml");
    let file_name = file.display().to_string();
    for (container, place, text) in found {
        std::fs::write(&file, with_own_image(&text)).unwrap();
        rootless.must(&["kube", "play", "--network=none", &file_name]);
        let log = rootless.wait_for_log(&container, "web: up");
        let records = records(&log);
        assert!(!records.is_empty(), "{place}: {log}");
        for record in records {
            let ids = record["self"]["uids"].as_array().expect("a record has ids");
            assert!(ids.iter().all(|id| *id == 1000), "{place}: {log}");
        }
        for verb in [&["health"][..], &["status"], &["wait", "web"]] {
            let words = [&["exec", &container, "/usr/bin/stepdown"][..], verb].concat();
            let output = rootless.podman(&words).output().unwrap();
            assert!(output.status.success(), "{place}: {verb:?}: {}", stdout_and_stderr(&output));
        }
        rootless.must(&["kube", "down", &file_name]);
    }
}

#[test]
fn only_the_line_of_the_image_changes() {
    assert_eq!(
        with_own_image("a:\n  - name: x\n    image: y:1\n"),
        format!("a:\n  - name: x\n    image: {IMAGE}\n    imagePullPolicy: Never\n")
    );
}
