//! `plan`: prints, touches nothing, and ends as the boot would.

use super::*;

fn account_files() -> Vec<Option<Vec<u8>>> {
    ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"].map(|path| fs::read(path).ok()).to_vec()
}

#[test]
fn the_plan_is_printed_and_nothing_is_touched() {
    let data = tempfile::tempdir().unwrap();
    let made = data.path().join("made");
    let directory = WorkDirectory::new()
        .with_file("stepdown.toml", &format!("[[directory]]\npath = \"{}\"\n", made.display()))
        .with_file("services.d/web.toml", "command = [\"sh\", \"-c\", \"exit\"]\n");
    let before = account_files();
    let output = directory.run(&["plan"]);
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
    assert!(output.out.starts_with("mode "), "{}", output.out);
    assert!(output.out.contains("\nserve "), "{}", output.out);
    assert!(
        !output.out.contains("PID 1 (") && !output.out.contains("subreaper"),
        "whoever asks is no init: {}",
        output.out
    );
    assert_eq!(account_files(), before);
    assert!(!made.exists());
}

#[test]
fn the_plan_as_json_has_the_same_services() {
    let directory = WorkDirectory::new().with_file("services.d/web.toml", "command = [\"sh\"]\n");
    let output = directory.run(&["plan", "--json", "--", "sh", "-c", "exit"]);
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
    let plan: serde_json::Value = serde_json::from_str(&output.out).unwrap();
    assert_eq!(plan["services"][0]["name"], "web");
    assert!(!plan["main"].is_null());
}

#[test]
fn programs_are_looked_up_on_this_machine_and_why_not_is_reported() {
    let directory = WorkDirectory::new().with_file("services.d/lost.toml", "command = [\"no-such-program\"]\n");
    directory.put("services.d/old/run", "#!/usr/bin/with-contenv-of-s6 bash\n", 0o755);
    let plain = directory.put("plain", "#!/bin/sh\n", 0o644);
    directory.put("services.d/plain.toml", &format!("command = [\"{}\"]\n", plain.display()), 0o644);
    let output = directory.run(&["plan"]);
    assert_eq!((output.code, output.out.as_str()), (100, ""), "{output:?}");
    assert!(output.err.starts_with("stepdown: cannot start, 3 problems:\n"), "{}", output.err);
    for part in ["lost.toml", "`no-such-program`", "/usr/bin/with-contenv-of-s6", &format!("{}", plain.display())] {
        assert!(output.err.contains(part), "{part} in {}", output.err);
    }
}

#[test]
fn a_wrong_variable_is_quoted_with_100() {
    let directory = WorkDirectory::new().with_file("services.d/web.toml", "command = [\"sh\"]\n");
    for wrong in
        ["abc", "-1", "+1", " 1000", "1000 ", "0x3e8", "4294967295", "99999999999", "0100", "10:10", "1\n2", ""]
    {
        let output = output_of(stepdown(["plan"]).current_dir(directory.path()).env("PUID", wrong));
        if wrong.is_empty() && output.code == 0 {
            continue; // an empty variable may count as unset: compose files write `PUID: ${PUID}`
        }
        assert_eq!((output.code, output.out.as_str()), (100, ""), "{wrong:?}: {output:?}");
        let shown = match wrong {
            " 1000" | "1000 " | "1\n2" => format!("{wrong:?}"),
            plain => plain.to_owned(),
        };
        assert!(output.err.contains(&format!("PUID={shown}: ")), "{wrong:?}: {}", output.err);
    }
}

/// Runs the plan of this tree in a mount namespace that `setup`, a piece of shell, has changed.
fn plan_after(setup: &str) -> CommandOutput {
    let directory = WorkDirectory::new().with_file("services.d/web.toml", "command = [\"sh\"]\n");
    let script = format!("mount --make-rprivate / && {setup} && exec \"$0\" plan \"$1\"");
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-ec", &script])
        .arg(program())
        .arg(directory.path())
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        // Nobody's on this machine, so that there is something to write.
        .envs([("PUID", "54321"), ("PGID", "54321")]);
    output_of(command.stdin(Stdio::null()))
}

#[test]
fn a_bind_mounted_account_file_is_the_hosts_and_left_alone() {
    if !can("unshare", &["--mount", "true"]) {
        return;
    }
    let output =
        plan_after("d=$(mktemp -d -p /var/tmp) && cp /etc/passwd $d/p && mount --bind $d/p /etc/passwd && rm -r $d");
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.out.contains("bind-mounted from the host"), "{}", output.out);
}

#[test]
fn a_read_only_etc_is_skipped_with_its_fix() {
    if !can("unshare", &["--mount", "true"]) {
        return;
    }
    let output = plan_after("mount --bind /etc /etc && mount -o remount,bind,ro /etc");
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.out.starts_with("mode       root, limited"), "{}", output.out);
    assert!(output.out.contains("read-only") && output.out.contains("fix: "), "{}", output.out);
}

#[test]
fn without_proc_the_facts_are_the_same() {
    if !can("unshare", &["--mount", "true"]) {
        return;
    }
    let (with_proc, without_proc) = (plan_after("true"), plan_after("umount --lazy /proc"));
    assert_eq!(with_proc.code, 0, "{with_proc:?}");
    let but_for_the_remark = |text: &str| -> Vec<String> {
        let lines = text.lines().map(|line| line.trim_start_matches("note").trim().to_owned());
        lines.filter(|line| !line.contains("/proc is not mounted: ")).collect()
    };
    assert!(without_proc.out.contains("/proc is not mounted: "), "{}", without_proc.out);
    assert_eq!(but_for_the_remark(&without_proc.out), but_for_the_remark(&with_proc.out));
}

#[test]
fn the_plan_shows_the_layers_of_the_stop_and_the_stop_commands() {
    let sleep = "command = [\"sleep\", \"1\"]\n";
    let mount = format!("{sleep}type = \"oneshot\"\nstop_command = [\"sleep\", \"1\"]\nrequires = [\"db\"]\n");
    let directory = WorkDirectory::new()
        .with_file("services.d/alone.toml", sleep)
        .with_file("services.d/db.toml", sleep)
        .with_file("services.d/mount.toml", &mount)
        .with_file("services.d/web.toml", &format!("{sleep}requires = [\"mount\"]\n"));
    let output = directory.run(&["plan"]);
    let stop = output.out.lines().find(|line| line.starts_with("stop ")).unwrap_or_default();
    assert_eq!(stop, "stop       alone, web, then mount by its stop_command, then db; 8s in all", "{}", output.out);
}

#[test]
fn what_does_not_fit_the_image_is_reported_with_the_line_of_its_key() {
    let text = "# a web server\ncommand = [\"/no/such/web\"]\nstop = { signal = \"QUIT\" }\nuser = \"nobody-such\"\n";
    let output = WorkDirectory::new().with_file("services.d/web.toml", text).run(&["plan"]);
    assert!(output.err.contains("services.d/web.toml:2: cannot find the program `/no/such/web`"), "{}", output.err);
    assert!(output.err.contains("services.d/web.toml:4: `user = \"nobody-such\"`: "), "{}", output.err);
}
