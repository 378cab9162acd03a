//! An image FROM scratch: no shell, no libc, no /etc, and the same binary.

use crate::support::docker::{Docker, Image, Run, Scratch};

/// Writes down who it and PID 1 are, and the variables that it depends on.
const PAYLOAD: &str = r#"
fn line(pid: &str, key: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("/proc is mounted");
    let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("every status has it");
    line.split_whitespace().collect::<Vec<_>>().join(",")
}

fn main() {
    for pid in ["self", "1"] {
        println!("{pid}: uid={} caps={}", line(pid, "Uid:"), line(pid, "CapPrm:"));
    }
    println!("home={:?} user={:?}", std::env::var_os("HOME"), std::env::var_os("USER"));
    std::process::exit(9);
}
"#;

#[test]
fn it_boots_from_scratch_in_every_mode() {
    let Some(docker) = Docker::available() else { return };
    let image = Image::scratch(&docker, &Scratch::with_payload(PAYLOAD));
    let modes = [
        ("-e PUID=1234 -e PGID=1235", 1234),
        ("-e PUID=1234 --read-only", 1234),
        ("-e PUID=1234 --cap-drop ALL --cap-add SETUID --cap-add SETGID --cap-add CHOWN", 1234),
        ("--user 4242:4242", 4242),
        ("--user 4242:4242 --read-only --cap-drop ALL --security-opt no-new-privileges", 4242),
        ("-e STEPDOWN_WITHOUT_DROP=run --cap-drop ALL", 0),
    ];
    for (options, uid) in modes {
        let ended = Run::new(&image).options(options).ended();
        assert_eq!(ended.code, 9, "{options}: {}", ended.output);
        for pid in ["self", "1"] {
            let expected = format!("{pid}: uid={uid},{uid},{uid},{uid} caps=0000000000000000");
            assert!(ended.output.contains(&expected), "{options}: no {expected:?} in {}", ended.output);
        }
        assert!(!ended.output.contains("home=None") && !ended.output.contains("user=None"), "{}", ended.output);
    }
}
