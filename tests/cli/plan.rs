//! `plan`: prints, touches nothing, and ends as the boot would.

use super::*;

fn account_files() -> Vec<Option<Vec<u8>>> {
    ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"].map(|path| fs::read(path).ok()).to_vec()
}

#[test]
fn the_plan_is_printed_and_nothing_is_touched() {
    let data = tempfile::tempdir().unwrap();
    let made = data.path().join("made");
    let here = Here::new()
        .with("stepdown.toml", &format!("[[directory]]\npath = \"{}\"\n", made.display()))
        .with("services.d/web.toml", "command = [\"sh\", \"-c\", \"exit\"]\n");
    let before = account_files();
    let said = here.run(&["plan"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    assert!(said.out.starts_with("mode "), "{}", said.out);
    assert!(said.out.contains("\nserve "), "{}", said.out);
    assert!(!said.out.contains("PID 1 (") && !said.out.contains("subreaper"), "whoever asks is no init: {}", said.out);
    assert_eq!(account_files(), before);
    assert!(!made.exists());
}

#[test]
fn the_plan_as_json_has_the_same_services() {
    let here = Here::new().with("services.d/web.toml", "command = [\"sh\"]\n");
    let said = here.run(&["plan", "--json", "--", "sh", "-c", "exit"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    let plan: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(plan["services"][0]["name"], "web");
    assert!(!plan["main"].is_null());
}

#[test]
fn programs_are_looked_up_on_this_machine_and_why_not_is_reported() {
    let here = Here::new().with("services.d/lost.toml", "command = [\"no-such-program\"]\n");
    here.put("services.d/old/run", "#!/usr/bin/with-contenv-of-s6 bash\n", 0o755);
    let plain = here.put("plain", "#!/bin/sh\n", 0o644);
    here.put("services.d/plain.toml", &format!("command = [\"{}\"]\n", plain.display()), 0o644);
    let said = here.run(&["plan"]);
    assert_eq!((said.code, said.out.as_str()), (100, ""), "{said:?}");
    assert!(said.err.starts_with("stepdown: cannot start, 3 problems:\n"), "{}", said.err);
    for part in ["lost.toml", "`no-such-program`", "/usr/bin/with-contenv-of-s6", &format!("{}", plain.display())] {
        assert!(said.err.contains(part), "{part} in {}", said.err);
    }
}

#[test]
fn a_wrong_variable_is_quoted_with_100() {
    let here = Here::new().with("services.d/web.toml", "command = [\"sh\"]\n");
    for wrong in
        ["abc", "-1", "+1", " 1000", "1000 ", "0x3e8", "4294967295", "99999999999", "0100", "10:10", "1\n2", ""]
    {
        let said = said(stepdown(["plan"]).current_dir(here.path()).env("PUID", wrong));
        if wrong.is_empty() && said.code == 0 {
            continue; // an empty variable may count as unset: compose files write `PUID: ${PUID}`
        }
        assert_eq!((said.code, said.out.as_str()), (100, ""), "{wrong:?}: {said:?}");
        let shown = match wrong {
            " 1000" | "1000 " | "1\n2" => format!("{wrong:?}"),
            plain => plain.to_owned(),
        };
        assert!(said.err.contains(&format!("PUID={shown}: ")), "{wrong:?}: {}", said.err);
    }
}

/// Runs the plan of this tree in a mount namespace that `setup`, a piece of shell, has changed.
fn plan_after(setup: &str) -> Said {
    let here = Here::new().with("services.d/web.toml", "command = [\"sh\"]\n");
    let script = format!("mount --make-rprivate / && {setup} && exec \"$0\" plan \"$1\"");
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-ec", &script])
        .arg(program())
        .arg(here.path())
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        // Nobody's on this machine, so that there is something to write.
        .envs([("PUID", "54321"), ("PGID", "54321")]);
    said(command.stdin(Stdio::null()))
}

#[test]
fn a_bind_mounted_account_file_is_the_hosts_and_left_alone() {
    if !can("unshare", &["--mount", "true"]) {
        return;
    }
    let said =
        plan_after("d=$(mktemp -d -p /var/tmp) && cp /etc/passwd $d/p && mount --bind $d/p /etc/passwd && rm -r $d");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("bind-mounted from the host"), "{}", said.out);
}

#[test]
fn a_read_only_etc_is_skipped_with_its_fix() {
    if !can("unshare", &["--mount", "true"]) {
        return;
    }
    let said = plan_after("mount --bind /etc /etc && mount -o remount,bind,ro /etc");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.starts_with("mode       root, limited"), "{}", said.out);
    assert!(said.out.contains("read-only") && said.out.contains("fix: "), "{}", said.out);
}

#[test]
fn without_proc_the_facts_are_the_same() {
    if !can("unshare", &["--mount", "true"]) {
        return;
    }
    let (with, without) = (plan_after("true"), plan_after("umount --lazy /proc"));
    assert_eq!(with.code, 0, "{with:?}");
    let but_for_the_remark = |text: &str| -> Vec<String> {
        let lines = text.lines().map(|line| line.trim_start_matches("note").trim().to_owned());
        lines.filter(|line| !line.contains("/proc is not mounted: ")).collect()
    };
    assert!(without.out.contains("/proc is not mounted: "), "{}", without.out);
    assert_eq!(but_for_the_remark(&without.out), but_for_the_remark(&with.out));
}

#[test]
fn the_plan_shows_the_layers_of_the_stop_and_the_stop_commands() {
    let sleep = "command = [\"sleep\", \"1\"]\n";
    let mount = format!("{sleep}type = \"oneshot\"\nstop_command = [\"sleep\", \"1\"]\nrequires = [\"db\"]\n");
    let here = Here::new()
        .with("services.d/alone.toml", sleep)
        .with("services.d/db.toml", sleep)
        .with("services.d/mount.toml", &mount)
        .with("services.d/web.toml", &format!("{sleep}requires = [\"mount\"]\n"));
    let said = here.run(&["plan"]);
    let stop = said.out.lines().find(|line| line.starts_with("stop ")).unwrap_or_default();
    assert_eq!(stop, "stop       alone, web, then mount by its stop_command, then db; 8s in all", "{}", said.out);
}

#[test]
fn what_does_not_fit_the_image_is_reported_with_the_line_of_its_key() {
    let text = "# a web server\ncommand = [\"/no/such/web\"]\nstop = { signal = \"QUIT\" }\nuser = \"nobody-such\"\n";
    let said = Here::new().with("services.d/web.toml", text).run(&["plan"]);
    assert!(said.err.contains("services.d/web.toml:2: cannot find the program `/no/such/web`"), "{}", said.err);
    assert!(said.err.contains("services.d/web.toml:4: `user = \"nobody-such\"`: "), "{}", said.err);
}
