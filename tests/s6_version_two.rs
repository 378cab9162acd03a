//! The real binary as PID 1 of an image made for s6-overlay 2, whose scripts have no execute bit.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::try_container::{LIMIT, Origin, TryContainer, possible};

/// Only s6-overlay 2 has it.
const PERMISSIONS: &str = "s6/init/init-stage2-fixattrs.txt";
const NOTICE: &str = "made for s6-overlay 2, which would set the execute bits of its scripts";

fn container() -> TryContainer {
    let run = "#!/bin/sh\ntrap 'exit 0' TERM; echo web as $(id -u) with $1; while :; do sleep 0.1; done\n";
    let finish = "#!/bin/sh\necho finished $1 $2 $3; printf 7 > /run/s6/env-stage3/S6_STAGE2_EXITED\n";
    TryContainer::new()
        .env("STEPDOWN_LOG_FORMAT", "tagged")
        .image_file_with_mode("cont-init.d/01-first", "#!/bin/sh\necho first as $(id -u)\n", 0o644)
        .image_file_with_mode("cont-finish.d/bye", "#!/bin/sh\necho bye\n", 0o644)
        .service("web/run", run)
        .service("web/finish", finish)
        .service("web/log/run", "#!/bin/sh\nexec sed -u 's/^/logged: /'\n")
}

#[test]
fn its_scripts_are_run_by_their_interpreters_and_keep_their_modes() {
    if !possible() {
        return;
    }
    let user = |container: TryContainer| container.user("1234:1234").tmpfs("/run:uid=1234,gid=1234,mode=0755");
    let read_only = |container: TryContainer| container.flag("--read-only").tmpfs("/run");
    let as_they_are = |container: TryContainer| container;
    for (mode, uid) in [(as_they_are as fn(TryContainer) -> TryContainer, 0), (user, 1234), (read_only, 0)] {
        let container = mode(container().image_file_with_mode(PERMISSIONS, "", 0o644));
        let services = container.services();
        let running = container.start();
        running.wait_for_line(|line| line.ends_with(&format!("| logged: web as {uid} with web")), LIMIT);
        assert_eq!(fs::metadata(services.join("web/run")).unwrap().permissions().mode() & 0o777, 0o644);
        let ended = running.stop().expect(7);
        let text = ended.text(Origin::Out);
        for line in [format!("| first as {uid}"), "| finished 0 0 web".to_owned(), "| bye".to_owned()] {
            assert!(text.contains(&line), "{line}: {ended:#?}");
        }
        let said = ended.lines.iter().filter(|line| line.text.contains(NOTICE)).count();
        assert_eq!(said, 1, "{ended:#?}");
        ended.assert_no_line("has no execute bit");
    }
}

#[test]
fn without_the_files_of_version_2_the_bits_are_asked_for() {
    if !possible() {
        return;
    }
    let ended = container().run().expect(100);
    ended.assert_line(
        "/etc/services.d/web/run: is not executable; s6-overlay would try to execute it again and again; chmod +x",
    );
    ended.assert_no_line(NOTICE);
}
