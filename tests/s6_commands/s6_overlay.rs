//! `fix-attrs`, `with-retries` and `logutil-newfifo` of s6-overlay: its package is none of Debian's, so what they do is written
//! here.

use super::both::{Case, run_ours};

/// What a script prints, and its exit code.
fn run(script: &str) -> (String, i32) {
    let files = &[("tree/a/file", "text\n"), ("tree/b", ""), ("tree/.hidden", ""), ("outside", "")];
    let result = run_ours(&Case {
        argv: &["sh", "-c", &format!("umask 022; chmod -R u=rwX,go=rX .; {script}")],
        files,
        ..Case::default()
    });
    (result.out + &result.err, result.code.unwrap())
}

fn prints(script: &str, text: &str) {
    assert_eq!(run(script), (text.to_owned(), 0), "{script}");
}

#[test]
fn a_tree_gets_owner_and_modes() {
    let show = "stat -c '%n %a %u:%g' tree tree/a tree/a/file tree/b tree/.hidden";
    let deep = "tree 2750 5:6\ntree/a 2750 5:6\ntree/a/file 640 5:6\ntree/b 640 5:6\ntree/.hidden 644 0:0\n";
    prints(&format!("echo \"$PWD/tree true 5:6 0640 2750\" | fix-attrs; {show}"), deep);
    prints(&format!("printf '# tree\\n\\ntree true no-such-account,5:6 0640 2750\\n' > f; fix-attrs f; {show}"), deep);
    prints(
        "echo 'tree true 5:6 0640 2750' | S6_KEEP_ENV=1 S6_FIX_ATTRS_HIDDEN=1 fix-attrs; stat -c '%a %u' tree/.hidden",
        "640 5\n",
    );
    let top = "tree 700 5:6\ntree/a 755 0:0\n";
    prints("echo 'tree false 5:6 0640 0700' | fix-attrs; stat -c '%n %a %u:%g' tree tree/a", top);
    prints(
        "echo 'tree/[ab] false 5:6 0640 0700' | fix-attrs; stat -c '%a %u' tree tree/a tree/b",
        "755 0\n700 5\n640 5\n",
    );
}

#[test]
fn what_cannot_be_applied_ends_the_command() {
    let wrong = |line: &str| {
        run(&format!(
            "printf '%s\\ntree/b false 5:6 0640 0700\\n' '{line}' | fix-attrs; c=$?; stat -c %u tree/b; exit $c"
        ))
    };
    let failure = |text: &str, code| (format!("0\nfix-attrs: fatal: {text}\n"), code);
    assert_eq!(wrong("no/such true 5:6 0640 0700"), failure("unable to chown no/such: No such file or directory", 111));
    assert_eq!(wrong("tree/x* true 5:6 0640 0700"), failure("unable to chown tree/x*: No such file or directory", 111));
    assert_eq!(wrong("tree true no-such-account 0640 0700"), failure("unknown user: no-such-account", 1));
    assert_eq!(wrong("tree true root 4755 0700"), failure("4755 is not a mode up to 0777", 100));
    assert_eq!(
        wrong("tree true root"),
        failure("tree true root is not a path, true or false, an account and two modes", 100)
    );
    assert_eq!(
        run("fix-attrs no-file"),
        ("fix-attrs: fatal: unable to read no-file: No such file or directory\n".to_owned(), 111)
    );
}

#[test]
fn no_link_of_another_user_leads_to_a_file_of_root() {
    let show = "stat -c '%n %a %u' outside tree/b";
    // Below a path: no link is followed, and a file with several names is left.
    prints(
        &format!("ln -s ../outside tree/l; ln -s .. tree/up; echo 'tree true 5:6 0600 0700' | fix-attrs; {show}"),
        "outside 644 0\ntree/b 600 5\n",
    );
    let (text, code) = run(&format!("ln outside tree/hard; echo 'tree true 5:6 0600 0700' | fix-attrs; {show}"));
    let left = "fix-attrs: warning: tree/hard is left as it is: it is root's and has other names\n";
    assert_eq!((text, code), (format!("outside 644 0\ntree/b 600 5\n{left}"), 0));
    // The path itself, in a directory of that user: neither its last name nor one before.
    for path in ["tree/l", "tree/up/outside"] {
        let (text, code) = run(&format!(
            "ln -s ../outside tree/l; ln -s .. tree/up; chown 5 tree; echo '{path} true 5:6 0600 0700' | fix-attrs; c=$?; stat -c '%a %u' outside; exit $c"
        ));
        assert_eq!((text.starts_with("644 0\nfix-attrs: fatal: unable to chown "), code), (true, 111), "{text}");
    }
}

#[test]
fn a_program_is_tried_until_it_succeeds() {
    prints("with-retries true", "");
    prints("with-retries sh -c 'echo x >> tries; [ $(wc -l < tries) = 2 ]' && wc -l < tries", "2\n");
    assert_eq!(run("with-retries sh -c 'echo x; exit 99'"), ("x\nx\nx\n".to_owned(), 1));
    assert_eq!(run("with-retries -n 1 -t 60000 sh -c 'echo x; exit 3'"), ("x\n".to_owned(), 1));
    assert_eq!(run("with-retries -n 0 echo x"), (String::new(), 1));
    let spawn = "with-retries: warning: unable to spawn /no/such: No such file or directory\n";
    assert_eq!(run("with-retries -n 2 /no/such"), (spawn.repeat(2), 1));
    let crash = "with-retries: warning: sh crashed with signal 9\n";
    assert_eq!(run("with-retries -n 1 sh -c 'kill -9 $$'"), (crash.to_owned(), 1));
    let usage = "with-retries: usage: with-retries [ -n tries ] [ -t milliseconds ] prog...\n";
    for wrong in ["", "-n x true", "-t -1 true", "-z true", "-n"] {
        assert_eq!(run(&format!("with-retries {wrong}")), (usage.to_owned(), 1), "{wrong}");
    }
}

#[test]
fn a_try_that_takes_too_long_is_ended() {
    let late = "with-retries: warning: sleep did not end within 20 ms\n";
    assert_eq!(run("with-retries -n 2 -t 20 sleep 600 > /dev/null"), (late.repeat(2), 1));
    // The program is told to end, with its signals as they were.
    let script = "mkfifo told; with-retries -n 1 -t 20 sh -c 'trap \"echo term > told; exit\" TERM; while :; do sleep 0.01; done' 2> \
                  /dev/null > /dev/null; cat told";
    prints(script, "term\n");
    // Without a limit it may take its time.
    prints("with-retries -n 1 -t 0 sh -c 'sleep 0.01; echo x'", "x\n");
}

#[test]
fn a_fifo_takes_the_place_of_what_is_there() {
    let deprecated = "logutil-newfifo: warning: this binary is deprecated, use s6-mkfifo and s6-chown instead\n";
    let show = "stat -c '%F %a %u:%g'";
    prints(&format!("logutil-newfifo f; {show} f"), &format!("fifo 600 0:0\n{deprecated}"));
    prints(
        &format!("umask 077; logutil-newfifo -m 0622 -o daemon tree; {show} tree"),
        &format!("fifo 622 1:1\n{deprecated}"),
    );
    prints(
        &format!("ln -s outside l; logutil-newfifo -o daemon l; {show} l outside"),
        &format!("fifo 600 1:1\nregular empty file 644 0:0\n{deprecated}"),
    );
    let unknown = format!("fifo\n{deprecated}logutil-newfifo: fatal: unknown user: no-such-account\n");
    assert_eq!(run("mkfifo f; logutil-newfifo -o no-such-account f; c=$?; stat -c %F f; exit $c"), (unknown, 1));
    let usage = "logutil-newfifo: usage: logutil-newfifo [ -m mode ] [ -o owner ] fifo\n";
    for wrong in ["", "-m 9 f", "-z f"] {
        assert_eq!(run(&format!("logutil-newfifo {wrong}")), (usage.to_owned(), 100), "{wrong}");
    }
}
