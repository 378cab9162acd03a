//! `run-as`: who the command is, what it has, and how it fails.

use super::*;

#[test]
fn root_becomes_a_user_with_its_groups_and_nothing_else() {
    if !is_root() {
        return;
    }
    let output = run(&["run-as", "12345:12346", "sh", "-c", "id -u; id -g; id -G; echo $HOME $USER $LOGNAME; pwd"]);
    let directory = std::env::current_dir().unwrap();
    assert_eq!((output.code, output.err.as_str()), (0, ""));
    assert_eq!(output.out, format!("12345\n12346\n12346\n/ 12345 12345\n{}\n", directory.display()));

    let output =
        run(&["run-as", "12345:12346", "grep", "-E", "^(Uid|Gid|Groups|Cap(Inh|Prm|Eff|Amb))", "/proc/self/status"]);
    assert_eq!(
        output.out,
        "Uid:\t12345\t12345\t12345\t12345\nGid:\t12346\t12346\t12346\t12346\nGroups:\t12346 \n\
         CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n\
         CapEff:\t0000000000000000\nCapAmb:\t0000000000000000\n"
    );

    // Rust programs ignore SIGPIPE, and an ignored signal stays so across exec: `yes | head` would never end.
    let output = run(&["run-as", "12345:12346", "grep", "^SigIgn", "/proc/self/status"]);
    let mask = output.out.trim().strip_prefix("SigIgn:\t").and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap();
    assert_eq!(mask >> 12 & 1, 0, "{}", output.out);
}

#[test]
fn root_stays_root_where_root_is_meant() {
    if !is_root() {
        return;
    }
    assert_eq!(run(&["run-as", "root", "id", "-u"]).out, "0\n");
    assert_eq!(run(&["run-as", "0:0", "id", "-u"]).out, "0\n");
}

#[test]
fn a_caller_that_is_already_that_user_gets_the_accounts_home_and_keeps_the_rest() {
    if !is_root() {
        return;
    }
    let home = |user: &str| output_of(stepdown(["run-as", user, "sh", "-c", "echo $HOME"]).env("HOME", "/as/it/was"));
    for user in ["0", "0:", "0:0", "root", "root:root", ":0"] {
        assert_eq!(home(user), CommandOutput { code: 0, out: "/root\n".into(), err: String::new() }, "{user}");
    }
    // Somebody without an account, who becomes the same once more.
    let (_open, copy) = open_to_everybody();
    let again = [copy.to_str().unwrap(), "run-as", "12345:12345", "sh", "-c", "echo $HOME"];
    let words = [&["run-as", "12345:12345", "env", "HOME=/as/it/was"][..], &again].concat();
    assert_eq!(run(&words).out, "/as/it/was\n");
}

#[test]
fn what_is_left_out_of_the_user_is_the_callers_own() {
    if !is_root() {
        return;
    }
    let (_open, copy) = open_to_everybody();
    let copy = copy.to_str().unwrap();
    let ids = "id -u; id -g; id -G";
    assert_eq!(run(&["run-as", ":4243", "sh", "-c", ids]).out, "0\n4243\n4243\n");
    assert_eq!(run(&["run-as", "12345:4243", copy, "run-as", "12345", "sh", "-c", ids]).out, "12345\n4243\n4243\n");
    let output = run(&["run-as", "12345", "id"]);
    assert_eq!(output.code, 100);
    assert!(
        output.err.contains("write the group too, such as `12345:12345`, or `12345:0` for root's group"),
        "{}",
        output.err
    );
}

#[test]
fn root_that_stays_root_has_the_groups_of_its_account_alone() {
    if !is_root() {
        return;
    }
    let mut command = Command::new("perl");
    command.args(["-e", "$) = '0 0 4243'; exec @ARGV"]).arg(program());
    command.args(["run-as", "root", "sh", "-c", "id -G"]);
    let groups = output_of(&mut command).out;
    assert!(!groups.split_whitespace().any(|group| group == "4243"), "{groups}");
}

/// A copy of the binary that every user can execute: the build directory may be closed to others.
fn open_to_everybody() -> (tempfile::TempDir, std::path::PathBuf) {
    let open = tempfile::tempdir().unwrap();
    fs::set_permissions(open.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = open.path().join("stepdown");
    fs::copy(program(), &copy).unwrap();
    (open, copy)
}

#[test]
fn without_root_another_user_is_refused_with_a_way_out() {
    if !is_root() {
        return;
    }
    let (_open, copy) = open_to_everybody();
    let output = run(&["run-as", "12345:12345", copy.to_str().unwrap(), "run-as", "root", "id"]);
    assert_eq!(
        output,
        CommandOutput {
            code: 111,
            out: String::new(),
            err: "stepdown: cannot switch to root (0:0): Operation not permitted\n  fix: only root can switch to \
                  another user, and this is uid 12345; run the command without run-as\n"
                .into()
        }
    );
}

#[test]
fn the_commands_code_is_ours_and_a_command_that_is_none_has_the_shells() {
    let me = format!("{}:{}", nix::unistd::geteuid(), nix::unistd::getegid());
    assert_eq!(run(&["run-as", &me, "sh", "-c", "exit 7"]).code, 7);

    let output = run(&["run-as", &me, "no-such-program"]);
    assert_eq!(
        (output.code, output.err.as_str()),
        (127, "stepdown: cannot execute `no-such-program`: there is no such program\n")
    );
    let output = run(&["run-as", &me, "/etc/passwd"]);
    assert_eq!(output.code, 126, "{}", output.err);

    let directory = WorkDirectory::new();
    let old = directory.put("old", "#!/usr/bin/with-contenv-of-s6 sh\n", 0o755);
    let output = run(&["run-as", &me, old.to_str().unwrap()]);
    assert_eq!(output.code, 126);
    let needs = "it needs `/usr/bin/with-contenv-of-s6`, which is not in this image; install that, or write a program that \
         this image can run";
    assert_eq!(output.err, format!("stepdown: cannot execute {}: {needs}\n", old.display()));
}

#[test]
fn an_unknown_user_ends_with_100() {
    let output = run(&["run-as", "nobody-of-that-name", "id"]);
    assert_eq!((output.code, output.out.as_str()), (100, ""));
    assert!(output.err.starts_with("stepdown: `nobody-of-that-name`: there is no user"), "{}", output.err);
    for wrong in ["4242424", "-1:1", "4294967295:1", "root:nobody-of-that-name", "0day", "0:0day", "root\n:0"] {
        assert_eq!(run(&["run-as", wrong, "id"]).code, 100, "{wrong:?}");
    }
}

#[test]
fn a_word_that_is_empty_or_a_colon_alone_makes_nobody_root() {
    let colon = "stepdown: `:`: it names neither a user nor a group (is a variable unset?); write a user, ";
    for (empty, message) in
        [("", "stepdown: `USER`: it is empty; is a variable unset? see `stepdown run-as --help`"), (":", colon)]
    {
        let output = run(&["run-as", empty, "id"]);
        assert_eq!((output.code, output.out.as_str()), (100, ""), "{output:?}");
        assert!(output.err.starts_with(message), "{output:?}");
    }
}

#[test]
fn a_caller_with_capabilities_alone_keeps_none_of_them() {
    let caps = ["--inh-caps", "+setuid,+setgid", "--ambient-caps", "+setuid,+setgid"];
    let nobody = ["--reuid", "12345", "--regid", "12345", "--clear-groups"];
    let words = [&nobody[..], &caps].concat();
    if !is_root() || !can("setpriv", &[&words[..], &["true"]].concat()) {
        return;
    }
    let (_open, copy) = open_to_everybody();
    let ask = [copy.to_str().unwrap(), "run-as", "23456:34567", "grep", "-E", "^(Uid|Gid|Cap(Inh|Prm|Eff|Amb))"];
    let output = output_of(Command::new("setpriv").args(words).args(ask).arg("/proc/self/status"));
    let none = "0000000000000000";
    let expected = format!(
        "Uid:\t23456\t23456\t23456\t23456\nGid:\t34567\t34567\t34567\t34567\nCapInh:\t{none}\nCapPrm:\t{none}\n\
         CapEff:\t{none}\nCapAmb:\t{none}\n"
    );
    assert_eq!(output, CommandOutput { code: 0, out: expected, err: String::new() });
}
