//! Environments that nobody should be given, and what PATH means: whoever writes a variable changes no identity, and the
//! program that runs is the one that the service's own user finds.

use super::{BareContainer, HELLO, says, text};
use crate::support::try_container::{Ended, possible};

/// Boots with exactly these entries, whether or not they are variables.
fn with_entries(container: BareContainer, entries: &[&str]) -> Ended {
    let list: Vec<String> = entries.iter().map(|entry| format!("b{}", quoted(entry))).collect();
    let script = format!(
        "import ctypes\n\
         libc = ctypes.CDLL(None)\n\
         array = lambda all: (ctypes.c_char_p * (len(all) + 1))(*all, None)\n\
         libc.execve(b\"/stepdown\", array([b\"/stepdown\", b\"init\", b\"--\"]), array([{}]))\n",
        list.join(", ")
    );
    container.inside(&format!("exec python3 -c '{}'", script.replace('\'', r"'\''"))).run()
}

/// A bytes literal of Python's, for printable text and escapes.
fn quoted(entry: &str) -> String {
    format!("\"{}\"", entry.replace('"', "\\\""))
}

#[test]
fn rubbish_and_what_steers_loaders_shells_and_libraries_changes_no_boot() {
    if !possible() {
        return;
    }
    let shows = "type = \"oneshot\"\ncommand = [\"/usr/bin/env\", \"-0\"]\n";
    let container = BareContainer::new().etc("services.d/hello.toml", HELLO).etc("services.d/shows.toml", shows);
    let entries = [
        "rubbish",
        "",
        "=",
        "=hidden",
        "=hidden=again",
        "PUID=1234",
        "PGID=2345",
        "name with blanks=kept",
        "EMPTY=",
        "\\xff\\xfe=\\xff",
        "new\\nline=a\\nb",
        "PATH=:.:relative::/bin:/usr/bin",
        "HOME=/nowhere",
        "USER=root",
        "LOGNAME=root",
        "SHELL=/out/evil",
        "TMPDIR=/nowhere",
        "XDG_RUNTIME_DIR=../../etc",
        "IFS=/",
        "TERM=\\x1b[2J",
        "NOTIFY_SOCKET=rubbish",
        "LISTEN_FDS=3",
        "LISTEN_PID=1",
        "WATCHDOG_USEC=1",
        "RUST_LOG=trace",
        "RUST_BACKTRACE=full",
        "RUST_MIN_STACK=1",
        "TOKIO_WORKER_THREADS=0",
        "LC_ALL=xx_XX",
        "LANGUAGE=../..",
        "PS4=$(touch /out/evil-ran)",
        "BASH_FUNC_touch%%=() { echo > /out/evil-ran; }",
        "MALLOC_PERTURB_=1",
    ];
    let out = container.out();
    let ended = with_entries(container, &entries);
    says("rubbish", &ended, 0, &["it runs as 1234:2345", "name with blanks=kept", "HOME=/", "USER=app"]);
    assert!(!out.join("evil-ran").exists());
    let all = text(&ended);
    assert!(!all.contains("NOTIFY_SOCKET=rubbish") && !all.contains('\u{1b}'), "{all}");
}

#[test]
fn a_variable_that_is_there_twice_makes_nobody_root() {
    if !possible() {
        return;
    }
    for entries in [["PUID=0", "PUID=1234"], ["PUID=1234", "PUID=0"], ["PUID=", "PUID=0"], ["PUID=0", "PUID="]] {
        let container = BareContainer::new().etc("services.d/hello.toml", HELLO);
        let ended = with_entries(container, &[&entries[..], &["PGID=2345"]].concat());
        let all = text(&ended);
        let runs =
            ended.code == Some(0) && (all.contains("it runs as 1234:2345") || all.contains("it runs as 1000:2345"));
        let refused = ended.code == Some(100) && all.contains("PUID=") && !all.contains("it runs");
        assert!(runs || refused, "{entries:?}: {:?} {all}", ended.code);
    }
}

/// Directories with a program of the same name that says where it lies: `closed` may be entered by root alone, `rooted/tool`
/// executed by root alone, `file/tool` has no execute bit, `folder/tool` is a directory.
const PLACES: &str = r#"
for at in one two closed rooted file folder; do mkdir $at; done
for at in one two closed rooted file; do printf '#!/bin/sh\necho "ran $0"\n' > $at/tool; chmod 755 $at/tool; done
chmod 700 closed rooted/tool
chmod 644 file/tool
mkdir folder/tool
"#;

#[test]
fn the_program_that_runs_is_the_one_that_the_services_user_finds_in_its_path() {
    if !possible() {
        return;
    }
    let once = "type = \"oneshot\"\ncommand = [\"tool\"]\n";
    for (path, ran) in [
        ("/one:/two", "/one/tool"),
        ("/two:/one", "/two/tool"),
        ("/nowhere:/one", "/one/tool"),
        ("/file:/one", "/one/tool"),
        ("/folder:/one", "/one/tool"),
        ("/closed:/one", "/one/tool"),
        ("/rooted:/nowhere:/closed:/one:/two", "/one/tool"),
        ("/dev/null:/one", "/one/tool"),
        // The working directory is nobody's place for programs.
        (":/two", "/two/tool"),
        ("/two:", "/two/tool"),
    ] {
        let found = format!("ran {ran}");
        let container = || BareContainer::new().app().broken(PLACES).broken("cp one/tool tool");
        let service = container().env("PATH", path).etc("services.d/a.toml", once).run();
        says(&format!("container: {path}"), &service, 0, &[&found]);
        let main = container().env("PATH", path).command(&["tool"]).run();
        says(&format!("main: {path}"), &main, 0, &[&found]);
        let user = BareContainer::new().broken(PLACES).broken("cp one/tool tool").user(1000, 1000, "");
        let user = user.env("PATH", path).etc("services.d/a.toml", once).run();
        says(&format!("without root: {path}"), &user, 0, &[&found]);
        let own = format!("{once}environment = {{ PATH = \"{path}\" }}\n");
        let own = container().env("PATH", "/bin").etc("services.d/a.toml", &own).run();
        says(&format!("own: {path}"), &own, 0, &[&found]);
    }
}
