//! What the notices about commands suggest, pasted: nothing is left to say of it, and where it is a line of a shell, one reads
//! it, and starts the programs with the arguments that were meant.

use super::*;

/// Prints its name and its arguments, and fails where it is told to.
const PROGRAM: &str = "#!/bin/sh\nprintf '%s' \"${0##*/}\"\nfor word; do printf ' <%s>' \"$word\"; done\necho\n\
                       [ \"$1\" != fail ]\n";

/// The directory with the programs.
fn programs() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for name in ["web", "more", "java", "curl"] {
        let path = directory.path().join(name);
        fs::write(&path, PROGRAM).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    directory
}

/// What a notice says is to be written.
fn suggested(note: &str) -> Option<&str> {
    let mut pieces = note.split('`').skip(1).step_by(2);
    pieces.find(|piece| {
        ["command = [", "script = ", "reload = ", "[\"/bin/sh\""].iter().any(|begin| piece.starts_with(begin))
    })
}

fn notes(text: &str) -> Vec<String> {
    let directory = WorkDirectory::new().with_file("services.d/web.toml", text);
    let output = directory.run(&["check"]);
    assert_eq!(output.code, 0, "{text}: {output:?}");
    output.out.lines().filter_map(|line| line.strip_prefix("note: web: ")).map(str::to_owned).collect()
}

/// The words of a script, run by a shell as a service's is.
fn run(script: &str) -> String {
    let programs = programs();
    let path = format!("{}:{}", programs.path().display(), std::env::var("PATH").unwrap());
    let shell = |options: &[&str]| {
        let mut command = Command::new("/bin/sh");
        command.args(options).arg(script).env_clear().env("PATH", &path).env("HOME", programs.path());
        command.envs([
            ("PORT", "80 81"),
            ("NAME", "a b"),
            ("A", "a b"),
            ("JAVA_OPTS", "-Xmx1g -Xms1g"),
            ("EXTRA_ARGS", ""),
        ]);
        command.output().unwrap()
    };
    let read = shell(&["-n", "-c"]);
    assert!(read.status.success() && read.stderr.is_empty(), "{script}: {read:?}");
    let output = shell(&["-e", "-c"]);
    assert!(output.stderr.is_empty(), "{script}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().replace('\n', " | ")
}

#[test]
fn a_suggested_script_is_complete_and_does_what_was_meant() {
    for (array, script, printed) in [
        // What a shell does itself is no program.
        (r#"["web","&&","exit","0"]"#, "web && exit 0", "web"),
        (r#"["web","||",":"]"#, "web || :", "web"),
        (r#"["web",";","wait"]"#, "web; wait", "web"),
        (r#"["web","&&","cd","/"]"#, "web && cd /", "web"),
        (r#"["web","fail","||","more"]"#, "web fail || exec more", "web <fail> | more"),
        (r#"["web","&&","A=b","more"]"#, "web && A=b more", "web | more"),
        (r#"["web","&&","more","a ; b"]"#, "web && exec more 'a ; b'", "web | more <a ; b>"),
        // Both an operator and a variable.
        (r#"["web","$A","&&","more","${A}"]"#, r#"web "$A" && exec more "${A}""#, "web <a b> | more <a b>"),
        (r#"["web","--port 1","&&","more"]"#, "web --port 1 && exec more", "web <--port> <1> | more"),
        (r#"["web","&&","sh","-c","echo $NAME"]"#, "web && exec sh -c 'echo $NAME'", "web | a b"),
        // An option and its value, which is a variable.
        (r#"["web","--port $PORT"]"#, r#"exec web --port "$PORT""#, "web <--port> <80 81>"),
        (r#"["web","--port \"$PORT\"","-v"]"#, r#"exec web --port "$PORT" -v"#, "web <--port> <80 81> <-v>"),
        (r#"["web","--a 1","--b 2","$NAME"]"#, r#"exec web --a 1 --b 2 "$NAME""#, "web <--a> <1> <--b> <2> <a b>"),
        // Lists.
        (
            r#"["java","$JAVA_OPTS","-jar","x.jar"]"#,
            "exec java $JAVA_OPTS -jar x.jar",
            "java <-Xmx1g> <-Xms1g> <-jar> <x.jar>",
        ),
        (r#"["java","${JAVA_OPTS}","x"]"#, "exec java ${JAVA_OPTS} x", "java <-Xmx1g> <-Xms1g> <x>"),
        (r#"["web","$EXTRA_ARGS"]"#, "exec web $EXTRA_ARGS", "web"),
        (r#"["web","--x=$JAVA_OPTS"]"#, r#"exec web "--x=$JAVA_OPTS""#, "web <--x=-Xmx1g -Xms1g>"),
        // Kubernetes.
        (r#"["web","$(PORT)"]"#, r#"exec web "${PORT}""#, "web <80 81>"),
        (r#"["web","--port=$(PORT)"]"#, r#"exec web "--port=${PORT}""#, "web <--port=80 81>"),
        (r#"["web --port $(PORT)"]"#, "exec web --port ${PORT}", "web <--port> <80> <81>"),
        (r#"["web","$(echo 1 \"2 3\")"]"#, r#"exec web "$(echo 1 "2 3")""#, "web <1 2 3>"),
        (r#"["web","%(ENV_PORT)s:%(ENV_NAME)s"]"#, r#"exec web "${PORT}:${NAME}""#, "web <80 81:a b>"),
        // Other letters keep no meaning.
        (r#"["web","${NAME}\"$$ p$x"]"#, r#"exec web "${NAME}\"\$\$ p\$x""#, "web <a b\"$$ p$x>"),
        (r#"["web","${NAME:-\"b\"}","'"]"#, r#"exec web "${NAME:-\"b\"}" ''\'''"#, "web <a b> <'>"),
        // Whole lines.
        (r#"["web -x $NAME"]"#, "exec web -x $NAME", "web <-x> <a> <b>"),
        (r#"["web -x '$NAME'"]"#, "exec web -x '$NAME'", "web <-x> <$NAME>"),
        (r#"["web -x","&&","more"]"#, "web -x && exec more", "web <-x> | more"),
        (r#"["cd / && web","a b"]"#, "cd / && web 'a b'", "web <a b>"),
        // Programs that change the user.
        (r#"["sudo","-u","abc","web","&&","more"]"#, "web && exec more", "web | more"),
        (r#"["web","&&","gosu","abc","more"]"#, "web && exec more", "web | more"),
        (r#"["gosu","abc","web","$NAME"]"#, r#"exec web "$NAME""#, "web <a b>"),
        (r#"["su","-c","web -x $NAME","abc"]"#, "exec web -x $NAME", "web <-x> <a> <b>"),
    ] {
        for note in notes(&format!("command = {array}\n")) {
            let pasted = suggested(&note).unwrap_or_else(|| panic!("{array}: {note}"));
            let value: toml::Table = toml::from_str(pasted).unwrap();
            assert_eq!(value.get("script").and_then(toml::Value::as_str), Some(script), "{array}: {note}");
            assert_eq!(notes(&format!("{pasted}\n")), [""; 0], "{pasted}");
        }
        assert_ne!(notes(&format!("command = {array}\n")), [""; 0], "{array}");
        assert_eq!(run(script), printed, "{array}");
    }
}

#[test]
fn a_suggested_array_is_complete() {
    for (array, expected) in [
        (r#"["web","--a 1","--b 2"]"#, r#"["web", "--a", "1", "--b", "2"]"#),
        (r#"["web","--a 1","&"]"#, r#"["web", "--a", "1"]"#),
        (r#"["web","-x","&&"]"#, r#"["web", "-x"]"#),
        (r#"["gosu","$PUID:$PGID","web"]"#, r#"["web"]"#),
        (r#"["gosu abc web"]"#, r#"["web"]"#),
        (r#"["gosu","abc","web -x"]"#, r#"["web", "-x"]"#),
        (r#"["su","-c","web -x","www-data"]"#, r#"["web", "-x"]"#),
        (r#"["su","-","www-data","--command=web -x"]"#, r#"["web", "-x"]"#),
    ] {
        let said = notes(&format!("command = {array}\n"));
        assert_ne!(said, [""; 0], "{array}");
        for note in said {
            let pasted = suggested(&note).unwrap_or_else(|| panic!("{array}: {note}"));
            assert_eq!(pasted, format!("command = {expected}"), "{array}: {note}");
            assert_eq!(notes(&format!("{pasted}\n")), [""; 0], "{array}");
        }
    }
}

#[test]
fn other_keys_are_answered_with_what_they_take() {
    let health =
        notes("command = [\"web\"]\nhealth = { command = [\"curl\",\"-f\",\"http://x\",\"||\",\"exit\",\"1\"] }\n");
    let pasted = suggested(health.first().unwrap()).unwrap();
    assert_eq!(pasted, r#"["/bin/sh", "-c", "curl -f http://x || exit 1"]"#);
    assert_eq!(notes(&format!("command = [\"web\"]\nhealth = {{ command = {pasted} }}\n")), [""; 0]);
    assert_eq!(run("curl -f http://x || exit 1"), "curl <-f> <http://x>");

    let reload = notes("command = [\"web\"]\nreload = { command = [\"kill\",\"-HUP\",\"$MAINPID\"] }\n");
    let pasted = suggested(reload.first().unwrap()).unwrap();
    assert_eq!((reload.len(), pasted), (1, "reload = { signal = \"HUP\" }"));
    assert_eq!(notes(&format!("command = [\"web\"]\n{pasted}\n")), [""; 0]);
}

#[test]
fn where_no_line_can_be_suggested_the_notice_says_why() {
    for (array, expected) in [
        (
            r#"["web 'a b"]"#,
            "a closing `'` is missing in it: write each word as an element of its own, `[\"program\", \"argument\", …]`",
        ),
        (r#"["web","&&","&&","more"]"#, "write the line as `script`, which /bin/sh runs"),
    ] {
        let said = notes(&format!("command = {array}\n"));
        assert!(said.len() == 1 && said.iter().all(|note| note.ends_with(expected)), "{array}: {said:?}");
    }
    // Many programs take it for their own.
    assert_eq!(notes("command = [\"web\",\"--backup-suffix\",\"~\"]\n"), [""; 0]);
}

#[test]
fn the_user_is_named_as_its_key_takes_it() {
    for (array, user) in [
        (r#"["gosu","33:33","web"]"#, "33:33"),
        (r#"["gosu","33","web"]"#, "33:33"),
        (r#"["setpriv","--reuid=33","--regid=34","--clear-groups","web"]"#, "33:34"),
        (r#"["setpriv","--reuid","33","web"]"#, "33:33"),
        (r#"["su-exec","abc:abc","web"]"#, "abc"),
        (r#"["su","-c","web","abc"]"#, "abc"),
    ] {
        let said = notes(&format!("command = {array}\n")).join("\n");
        let expected =
            format!("; leave it out: `command = [\"web\"]`; if it must be another user, write `user = \"{user}\"`");
        assert!(said.ends_with(&expected), "{array}: {said}");
        assert_eq!(notes(&format!("command = [\"web\"]\nuser = \"{user}\"\n")), [""; 0], "{user}");
    }
    for array in [r#"["gosu","app:app","web"]"#, r#"["gosu","$PUID:$PGID","web"]"#] {
        let said = notes(&format!("command = {array}\n")).join("\n");
        assert!(said.ends_with("leave it out: `command = [\"web\"]`"), "{array}: {said}");
    }
}
