//! A shell script that is an entry point.

use std::path::Path;

use stepdown::import::{TextFile, entrypoint};

use super::load;

const SCRIPT: &str = "#!/bin/bash\nset -e\nif [ \"$(id -u)\" = 0 ]; then\n  groupmod -o -g \"$PGID\" app\n  usermod -o -u \"$PUID\" \\\n    \
                      app\n  chown -R app:app /config /data/media\n  chown app \"$CACHE\"\n  mkdir -p /run/app\n  exec gosu app \"$0\" \"$@\"\nfi\nexec \
                      tini -- \"$@\"\n";

#[test]
fn recognised_lines_become_settings_or_comments_and_others_are_named() {
    assert!(entrypoint::is_entrypoint(SCRIPT));
    let imported = entrypoint::import(Path::new("/e.sh"), SCRIPT);
    let main = TextFile { path: "services.d/web.toml".into(), text: "command = [\"web\"]\n".into() };
    let config = load(&[imported.files(), vec![main]].concat());
    let own: Vec<_> = config.container.own.iter().map(|own| own.path.display().to_string()).collect();
    assert_eq!(own, ["/config", "/data/media"]);
    assert_eq!(config.container.app.user.as_str(), "app");
    let output: Vec<_> = imported.all_omissions().map(|(at, omission)| format!("{at} {}", omission.why)).collect();
    let begins = |start: &str| output.iter().filter(|line| line.starts_with(start)).count();
    for start in [
        "/e.sh:4 PUID and PGID",
        "/e.sh:5 PUID and PGID",
        "/e.sh:8 write an `[[own]]`",
        "/e.sh:10 every program runs as the app user",
        "/e.sh:12 stepdown is PID 1 itself",
    ] {
        assert_eq!(begins(start), 1, "{start}: {output:?}");
    }
    let others: Vec<_> = imported.all_omissions().map(|(_, omission)| omission.what.as_str()).collect();
    assert_eq!((output.len(), others.last()), (6, Some(&"line 9")), "{output:?}");
}

#[test]
fn other_scripts_are_no_entry_points() {
    for other in ["#!/bin/sh\nexec nginx\n", "usermod app\n", "#!/usr/bin/python3\nimport chown\n"] {
        assert!(!entrypoint::is_entrypoint(other), "{other:?}");
    }
}
