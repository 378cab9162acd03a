//! `doctor` at a prompt: what it prints of a PID 1's answer, in which form, and its exit codes.

use super::control::FakeServer;
use super::*;

/// An answer with these checks, and one question about a path of this test.
fn answer(checks: &str, path: &Path) -> String {
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    let groups: Vec<_> = nix::unistd::getgroups().unwrap().iter().map(|gid| gid.as_raw()).collect();
    let who = format!(r#"{{"name":"me","uid":{uid},"gid":{gid},"groups":{groups:?}}}"#);
    format!(
        r#"{{"ok":{{"boot":{{"mode":"user","app":{who},"checks":[{checks}],"requirements":[{{"purpose":"declared","path":"{}","who":{who},"want":"use","recursive":true,"optional":false,"at_boot":"none","fatal":true}}],"ports":[],"namespace_of":null}},"services":[],"filter_errno":null}}}}"#,
        path.display()
    ) + "\n"
}

const WELL: &str = r#"{"area":"mode","subject":"mode","finding":"ok","note":"user"}"#;
const LESS: &str = concat!(
    r#"{"area":"accounts","subject":"/etc/passwd","finding":"degraded","why":"other","cause":"/etc is read-only","#,
    r#""consequence":"no name","fix":[{"text":"take it out"}]}"#
);

fn doctor(checks: &str, path: &Path, arguments: &[&str]) -> CommandOutput {
    let (output, request) = FakeServer::new(answer(checks, path)).run(&[&["doctor"], arguments].concat());
    assert_eq!(request, "{\"request\":\"doctor\"}\n");
    output
}

#[test]
fn what_is_well_ends_with_0_what_is_degraded_with_1_and_what_does_not_work_with_2() {
    let data = tempfile::tempdir().unwrap();
    let output = doctor(WELL, data.path(), &[]);
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{}", output.out);
    let path_is_well = format!("\nok        {}  me (", data.path().display());
    assert!(output.out.contains("\nok        mode ") && output.out.contains(&path_is_well), "{}", output.out);
    assert!(output.out.ends_with("\n\nall is well (2 checks)\n"), "{}", output.out);

    let output = doctor(LESS, data.path(), &[]);
    assert_eq!(output.code, 1, "{}", output.out);
    let degraded = output.out.lines().find(|line| line.starts_with("degraded  /etc/passwd ")).unwrap_or_default();
    assert!(degraded.ends_with("  /etc is read-only"), "{}", output.out);
    assert!(output.out.contains("fix:            take it out\n"), "{}", output.out);

    let output = doctor(LESS, &data.path().join("none"), &[]);
    assert_eq!(output.code, 2, "{}", output.out);
    let first = output.out.lines().find(|line| line.starts_with("FATAL")).unwrap();
    assert!(first.contains("/none does not exist"), "{}", output.out);
    assert!(output.out.ends_with("\nit does not work: 1 fatal, 1 degraded, 0 ok\n"), "{}", output.out);
}

#[test]
fn as_json_it_says_the_same() {
    let data = tempfile::tempdir().unwrap();
    let output = doctor(LESS, data.path(), &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&output.out).unwrap();
    assert_eq!((output.code, &json["verdict"], &json["running"]), (1, &"degraded".into(), &true.into()));
    let first = &json["checks"][0];
    assert_eq!((&first["finding"], &first["cause"]), (&"degraded".into(), &"/etc is read-only".into()));
    assert_eq!(first["fix"][0]["text"], "take it out");
    assert_eq!(json["checks"][1]["finding"], "ok");
}

#[test]
fn what_somebody_else_has_left_below_is_found() {
    if !is_root() {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    fs::set_permissions(data.path(), fs::Permissions::from_mode(0o777)).unwrap();
    fs::create_dir(data.path().join("sub")).unwrap();
    fs::write(data.path().join("sub/file"), "").unwrap();
    let request = answer(WELL, data.path()).replace(r#""uid":0,"gid":0"#, r#""uid":1234,"gid":1234"#);
    let (output, _) = FakeServer::new(request).run(&["doctor"]);
    assert_eq!(output.code, 2, "{}", output.out);
    assert!(output.out.contains("/sub, below it, cannot be used: owner and mode"), "{}", output.out);
}

#[test]
fn without_a_pid_1_it_is_a_boot_here_and_its_arguments_are_checked() {
    let output = run(&["doctor", "--jsno"]);
    assert_eq!((output.code, output.out.as_str()), (100, ""));
    let output = run(&["doctor", "--json", "--", "sh"]);
    let json: serde_json::Value = serde_json::from_str(&output.out).unwrap();
    assert_eq!(json["running"], false);
    assert!(output.code <= 2, "{}", output.out);
}

#[test]
fn without_anything_to_run_it_says_so_with_all_other_findings() {
    let output = run(&["doctor"]);
    assert_eq!((output.code, output.err.as_str()), (2, ""), "{}", output.out);
    let first = output.out.lines().find(|line| line.starts_with("FATAL")).unwrap_or_default();
    assert!(first.ends_with("  holds no service, and there is no main command"), "{}", output.out);
    assert!(output.out.contains("or give a command: `docker run IMAGE COMMAND`, "), "{}", output.out);
    assert!(output.out.contains("`stepdown doctor -- COMMAND`\n"), "{}", output.out);
    assert!(output.out.contains("\nok        mode ") && !output.out.contains("`main`"), "{}", output.out);
}
