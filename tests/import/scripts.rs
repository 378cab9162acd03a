//! Scripts that are put into a file do what they did: both are run, and compared.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use stepdown::config::service;
use stepdown::import::native;
use stepdown::import::s6::import;

use crate::config::sources_builder::{dir, empty_sources, program};

const SCRIPTS: [&str; 9] = [
    "#!/bin/sh\nexec echo a 'b  c' \"d  e\" f\\ g --x=y\n",
    "#!/bin/sh\n# comment\necho one \\\n   two\n",
    "#!/bin/sh\nexec 2>&1\necho \"$1 $# $*\"\nls /nowhere >/dev/null 2>&1\necho after $?\nexit 7\n",
    "#!/bin/sh -e\necho before\nfalse\necho after\n",
    "#!/bin/sh\nset -e\necho before\nfalse\necho after\n",
    "#!/bin/bash\nset -o pipefail\nfor n in 1 2; do [[ $n == 2 ]] && printf '%s\\n' \"$n '''\"; done\n",
    "#!/usr/bin/env bash\ncat <<EOF\n  \ttabs and \\\\ and \u{202e}\nEOF\nshift\necho $#\n",
    "#!/bin/bash -eu\necho \"$nothing\"\necho after\n",
    "#!/bin/sh\ncase $1 in\nweb) echo \"it's me\" ;;\n*) exit 3 ;;\nesac\n",
];

fn output(words: &[OsString]) -> Output {
    Command::new(&words[0]).args(&words[1..]).env_clear().env("PATH", "/usr/bin:/bin").output().unwrap()
}

#[test]
fn a_script_in_a_file_of_ours_does_what_it_did() {
    let place = tempfile::tempdir().unwrap();
    for (at, script) in SCRIPTS.into_iter().enumerate() {
        let path = place.path().join(format!("run{at}"));
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let imported = import(&empty_sources().entry("web", dir([("run", program(script))])).0).unwrap();
        let ours = &imported.services[0].service;
        assert!(!imported.services[0].has_directory, "{script}");
        let [before, after] =
            [vec![path.into(), "web".into()], native::argv(&ours.command, &ours.name)].map(|argv| output(&argv));
        assert_eq!(
            (before.status.code(), &before.stdout),
            (after.status.code(), &after.stdout),
            "{script}\n{:?}",
            ours.command
        );
        assert_eq!(before.stderr.is_empty(), after.stderr.is_empty(), "{script}");
    }
}

#[test]
fn a_finish_script_gets_the_same_arguments() {
    let script = "#!/bin/sh\necho \"$# $1 $2 $3\"\n";
    let entry = dir([("run", program("#!/bin/sh\nexec x\n")), ("finish", program(script))]);
    let imported = import(&empty_sources().entry("web", entry).0).unwrap();
    let ours = &imported.services[0].service;
    let service::Finish { command, .. } = ours.finish.as_deref().unwrap();
    // The engine adds them.
    let words = [native::argv(command, &ours.name), ["256", "15", "web"].map(OsString::from).to_vec()].concat();
    assert_eq!(String::from_utf8(output(&words).stdout).unwrap(), "3 256 15 web\n");
}
