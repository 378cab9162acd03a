//! The real binary as the real PID 1 on machines and with settings that nobody should have, and somebody has: it boots with a
//! named degradation, or stops with a named reason and its documented exit code. It never hangs and never panics.

mod boot_order;
mod environment;
mod exhausted_resources;
mod fork_and_exec;
mod full_disk;
mod identity;
mod machine;
mod privilege_drop;
mod settings;
mod stdio;

use crate::support::bare_container::BareContainer;
use crate::support::try_container::Ended;

/// Everything that was said, as one text.
fn text(ended: &Ended) -> String {
    ended.lines.iter().map(|line| format!("{}\n", line.text)).collect()
}

/// Fails unless it ended so, and each of `said` is somewhere in what was said, and nothing is a panic.
fn says(name: &str, ended: &Ended, code: i32, output: &[&str]) {
    let text = text(ended);
    assert_eq!(ended.code, Some(code), "{name}:\n{text}");
    for part in output {
        assert!(text.contains(part), "{name}: nobody said {part:?}:\n{text}");
    }
    assert!(!text.contains("panic") && !text.contains("internal error"), "{name}:\n{text}");
}

/// A service that prints the user it runs as, without asking any account file.
const HELLO: &str = r#"
type = "oneshot"
command = ["/bin/sh", "-c", "touch /out/made && stat -c 'it runs as %u:%g' /out/made"]
"#;

/// A container that runs [`HELLO`] as 1234:2345, and ends.
fn hello() -> BareContainer {
    BareContainer::new().app().etc("services.d/hello.toml", HELLO)
}
