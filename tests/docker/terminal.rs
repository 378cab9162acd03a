//! `docker run -it`: a terminal for the main command, and none for services.

use std::io::{Read, Write};
use std::process::Child;

use crate::support::docker::{Docker, Image, Run};

/// Reads what the terminal shows until the client ends.
fn remaining_output(child: &mut Child) -> String {
    let mut shown = Vec::new();
    child.stdout.take().expect("it is a pipe").read_to_end(&mut shown).expect("it ends");
    String::from_utf8_lossy(&shown).into_owned()
}

#[test]
fn the_command_has_a_terminal_with_job_control() {
    let Some(docker) = Docker::available() else { return };
    let script =
        "test -t 0 && test -t 1 && echo has a terminal; echo opened >/dev/tty; sh -ic 'echo interactive'; exit 4";
    for flags in ["-e PUID=1234", "--user 1000:1000", "--user 4242:4242 --read-only --cap-drop ALL"] {
        let run = Run::new(&Image::plain(&docker)).options(flags).script(script);
        let (container, mut client) = run.with_terminal();
        let shown = remaining_output(&mut client);
        assert_eq!(container.wait_for_end(), 4, "{flags}: {shown}");
        for words in ["has a terminal", "opened", "interactive"] {
            assert!(shown.contains(words), "{flags}: no {words:?} in {shown}");
        }
        assert!(!shown.contains("job control turned off"), "{flags}: {shown}");
    }
}

#[test]
fn ctrl_c_interrupts_the_command() {
    let Some(docker) = Docker::available() else { return };
    let script = "trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 1; done";
    let (container, mut client) = Run::new(&Image::plain(&docker)).env("PUID", "1234").script(script).with_terminal();
    container.wait_for_log("ready");
    client.stdin.as_mut().expect("it is a pipe").write_all(b"\x03").expect("script(1) reads");
    assert_eq!(container.wait_for_end(), 5, "{}", container.logs());
    let shown = remaining_output(&mut client);
    assert!(shown.contains("interrupted"), "{shown}");
}

#[test]
fn a_service_has_no_controlling_terminal() {
    let Some(docker) = Docker::available() else { return };
    let probe = "type = \"oneshot\"\nscript = '''\nif (: >/dev/tty) 2>/dev/null; then echo it opened the terminal; \
                 else echo no terminal here; fi\n'''\n";
    let tree = super::files(&[("probe.toml", probe)]);
    let run = Run::new(&Image::plain(&docker)).file(tree.path(), "/etc/services.d").env("PUID", "1234");
    let (container, mut client) = run.script("sleep 1; exit 6").with_terminal();
    let shown = remaining_output(&mut client);
    assert_eq!(container.wait_for_end(), 6, "{shown}");
    assert!(shown.contains("no terminal here"), "{shown}");
}

/// What a service might do to whoever sits at the terminal that its output goes to (CVE-2016-2779 and its family).
const INJECT: &str = r#"
for my $fd (0 .. 2) {
    open(my $file, "+<&=", $fd) or open($file, "<&=", $fd) or open($file, ">&=", $fd) or next;
    my $letter = "x";
    print STDERR "terminal at $fd\n" if -t $file;
    print STDERR "injected through $fd\n" if ioctl($file, 0x5412, $letter);   # TIOCSTI
    print STDERR "took $fd\n" if ioctl($file, 0x540E, 0);                      # TIOCSCTTY
    print STDERR "in front at $fd\n" if ioctl($file, 0x5410, pack("i", $$));   # TIOCSPGRP
}
print STDERR "tried\n";
"#;

#[test]
fn a_service_that_writes_to_the_terminal_cannot_type_there() {
    let Some(docker) = Docker::available() else { return };
    let probe =
        format!("type = \"oneshot\"\nlog = {{ format = \"inherit\" }}\ncommand = [\"perl\", \"-e\", '''{INJECT}''']\n");
    let tree = super::files(&[("probe.toml", &probe)]);
    let run = Run::new(&Image::plain(&docker)).file(tree.path(), "/etc/services.d").env("PUID", "1234");
    let (container, mut client) = run.script("sleep 1; exit 6").with_terminal();
    let shown = remaining_output(&mut client);
    assert_eq!(container.wait_for_end(), 6, "{shown}");
    assert!(shown.contains("tried"), "{shown}");
    for done in ["terminal at", "injected", "took", "in front"] {
        assert!(!shown.contains(done), "{shown}");
    }
}
