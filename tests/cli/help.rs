//! Usage and help: where it goes, what it names, with which code it ends.

use super::*;

/// The verbs that ask no PID 1.
const OTHERS: [&str; 12] = [
    "init",
    "check",
    "plan",
    "graph",
    "import",
    "try",
    "doctor",
    "run-as",
    "install-links",
    "man",
    "schema",
    "completions",
];

/// The verbs that talk to the running PID 1.
const TALKING: [&str; 14] = [
    "status", "health", "start", "stop", "restart", "reload", "signal", "wait", "env", "logs", "events", "metrics",
    "timings", "shutdown",
];

#[test]
fn help_goes_to_standard_output_and_is_no_error() {
    for arguments in [&["--help"][..], &["-h"], &["help"], &["help", "status"]] {
        let output = run(arguments);
        assert_eq!((output.code, output.err.as_str()), (0, ""), "{arguments:?}");
        assert!(output.out.contains("Usage: stepdown"), "{arguments:?}");
    }
    for verb in [&OTHERS[..], &TALKING].concat() {
        let output = run(&[verb, "--help"]);
        assert_eq!((output.code, output.err.as_str()), (0, ""), "{verb}");
        assert!(output.out.contains(&format!("Usage: stepdown {verb}")), "{verb}: {}", output.out);
    }
    assert_eq!(
        run(&["--version"]),
        CommandOutput { code: 0, out: format!("stepdown {}\n", env!("CARGO_PKG_VERSION")), err: String::new() }
    );
}

#[test]
fn help_names_every_variable_and_every_exit_code() {
    let pages =
        [&["--help"][..], &["init", "--help"], &["check", "--help"], &["plan", "--help"], &["doctor", "--help"]];
    for arguments in pages {
        let text = run(arguments).out;
        for (name, _) in stepdown::config::VARIABLES {
            assert!(text.contains(&format!("\n  {name} ")), "{arguments:?} does not name {name}:\n{text}");
        }
        assert!(text.contains("\n  XDG_RUNTIME_DIR "), "{arguments:?}");
    }
    let text = run(&["--help"]).out;
    for code in ["0", "1", "2", "100", "111", "126", "127", "128+n"] {
        assert!(text.contains(&format!("\n  {code} ")), "{code}");
    }
}

#[test]
fn each_verb_names_its_own_codes_and_variables_only() {
    let init = run(&["init", "--help"]).out;
    for (foreign, why) in [("\n  1 ", "status's"), ("did not respond", "status's"), ("NO_COLOR", "status's")] {
        assert!(!init.contains(foreign), "{foreign} is {why}:\n{init}");
    }
    for own in ["0", "100", "111", "126", "127", "128+n", "others"] {
        assert!(init.contains(&format!("\n  {own} ")), "{own}");
    }
    let run_as = run(&["run-as", "--help"]).out;
    for own in ["PUID", "PGID", "PATH", "100", "111", "126", "127"] {
        assert!(run_as.contains(&format!("\n  {own} ")), "{own}:\n{run_as}");
    }
    for foreign in ["NO_COLOR", "XDG_RUNTIME_DIR", "STEPDOWN_LOG", "STEPDOWN_STOP_TIMEOUT", "UMASK", "128+n"] {
        assert!(!run_as.contains(foreign), "{foreign} is another verb's:\n{run_as}");
    }
}

#[test]
fn no_line_of_help_is_wider_than_a_page() {
    let others = OTHERS.into_iter().chain(TALKING).map(Some);
    for verb in [None].into_iter().chain(others) {
        let text = run(&verb.into_iter().chain(["--help"]).collect::<Vec<_>>()).out;
        let wide: Vec<_> = text.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{verb:?}: {wide:#?}");
    }
}

#[test]
fn mistakes_in_the_arguments_end_with_100_and_say_what_to_write() {
    let output = run(&[]);
    assert_eq!((output.code, output.out.as_str()), (100, ""));
    assert!(output.err.contains("Usage: stepdown"));

    let output = run(&["nginx", "-g", "daemon off;"]);
    assert_eq!((output.code, output.out.as_str()), (100, ""));
    assert!(
        output.err.contains("`nginx`: unknown command; to run it as the main command: `stepdown init -- nginx`"),
        "{}",
        output.err
    );

    let output = run(&["statsu"]);
    assert_eq!(output.code, 100);
    assert!(output.err.contains("did you mean `status`?"), "{}", output.err);

    for wrong in [
        &["status", "--jsno"][..],
        &["health", "--live", "--ready"],
        &["shutdown", "--code", "256"],
        &["shutdown", "--code", "-1"],
        &["start"],
        &["wait", "--down", "--done", "db"],
        &["stop", "web", "--timeout", "5"],
        &["stop", "web", "--timeout", "5s", "--no-wait"],
        &["signal", "web", "SIGNOTHING"],
        &["signal", "web"],
        &["run-as"],
        &["run-as", "app"],
        &["run-as", "", "id"],
        &["check", "one", "two"],
    ] {
        let output = run(wrong);
        assert_eq!((output.code, output.out.as_str()), (100, ""), "{wrong:?}");
        assert!(!output.err.is_empty(), "{wrong:?}");
    }
}

#[test]
fn a_main_command_without_its_dashes_is_explained() {
    let output = run(&["init", "nginx", "-g", "daemon off;"]);
    assert_eq!(
        output,
        CommandOutput {
            code: 100,
            out: String::new(),
            err: "stepdown: `init nginx`: the main command must follow `--`; write `stepdown init -- nginx …`; in a Dockerfile: \
                  ENTRYPOINT [\"/usr/bin/stepdown\", \"init\", \"--\"]\n"
                .into()
        }
    );
}

#[test]
fn a_closed_standard_output_is_no_panic() {
    let mut child = stepdown(["--help"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn an_unknown_user_of_a_rehearsal_is_a_wrong_argument() {
    if !is_root() || !can("unshare", &["--mount", "--pid", "--fork", "true"]) {
        return;
    }
    let directory = WorkDirectory::new().with_file("services.d/web.toml", "command = [\"sh\"]\n");
    let output = directory.run(&["try", "--quiet", "--user", "nosuch"]);
    assert_eq!(output.code, 100, "{output:?}");
    assert!(
        output.err.contains("`--user nosuch`: there is no user `nosuch` in /etc/passwd of the container; "),
        "{}",
        output.err
    );
}
