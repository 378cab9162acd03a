//! The programs of s6-portable-utils, and LinuxServer's `lsiown`: no package of Debian has the originals, so what they do is
//! written here.

use super::both::{CallResult, Case, run_ours};

fn run(script: &str) -> CallResult {
    let files = &[("tree/a/file", "text\n"), ("tree/b", "")];
    run_ours(&Case { argv: &["sh", "-c", script], files, input: "in\n", ..Case::default() })
}

/// What a script prints, and its exit code.
fn run_script(script: &str) -> (String, i32) {
    let result = run(script);
    (result.out + &result.err, result.code.unwrap())
}

fn prints(script: &str, text: &str) {
    assert_eq!(run_script(script), (text.to_owned(), 0), "{script}");
}

#[test]
fn texts_are_printed() {
    prints("s6-echo a 'b c'", "a b c\n");
    prints("s6-echo -n -s: a b", "a:b");
    prints("s6-echo -- -n", "-n\n");
    prints("s6-cat", "in\n");
    prints("s6-basename a/b.c", "b.c\n");
    prints("s6-basename -n a/b.c .c", "b");
    prints("s6-dirname a/b; s6-dirname a; s6-dirname /a; s6-dirname a/b/", "a\n.\n/\na\n");
    prints("exec env -i PATH=\"$PATH\" A=b s6-printenv | tail -1", "A=b\n");
    prints("exec env -i PATH=\"$PATH\" A=b s6-printenv -n0 | tr '\\0' x | grep -o xA=b", "xA=b\n");
    prints("s6-true && ! s6-false && s6-test a = a", "");
    prints("[ \"$(s6-hostname)\" = \"$(uname -n)\" ]", "");
    prints("s6-sleep -m 1 echo a; s6-sleep 0", "a\n");
    assert_eq!(run_script("s6-sleep x"), ("s6-sleep: usage: s6-sleep [ -m ] duration prog...\n".to_owned(), 100));
    assert_eq!(run_script("fdclose 1 s6-echo a").1, 111);
}

#[test]
fn a_pause_ends_with_a_signal_that_is_not_ignored() {
    let result = run(
        "s6-pause -tp 10 & p=$!; until grep -q 'SigBlk:.*4200$' /proc/$p/status; do sleep 0.01; done; kill -TERM $p; kill \
                    -USR1 $p; sleep 0.05; kill -0 $p && kill -HUP $p; wait $p; echo $?",
    );
    assert_eq!(result.out, "129\n", "{}", result.err);
}

#[test]
fn files_are_made_and_removed() {
    prints("s6-mkdir -p x/y/z && s6-mkdir -m 0750 m && stat -c %a m x/y/z", "750\n755\n");
    prints("s6-mkdir -v d", "s6-mkdir: created directory d\n");
    assert_eq!(run_script("s6-mkdir tree"), ("s6-mkdir: warning: unable to mkdir tree: File exists\n".to_owned(), 111));
    prints("s6-mkfifo -m 0600 f && stat -c '%F %a' f", "fifo 600\n");
    let taken = "s6-mkfifo: fatal: unable to mkfifo tree: File exists\n";
    assert_eq!(run_script("s6-mkfifo tree never"), (taken.to_owned(), 111));
    prints("s6-touch new tree/b && stat -c %s new tree/b", "0\n0\n");
    prints("s6-chmod 0640 tree/b && stat -c %a tree/b", "640\n");
    prints("s6-rmrf tree missing && ls", "");
    prints("ln -s tree link && s6-rmrf link && ls", "tree\n");
    assert_eq!(run_script("s6-rmrf"), ("s6-rmrf: usage: s6-rmrf file ...\n".to_owned(), 100));
}

#[test]
fn links_are_made() {
    prints("s6-ln -s target l && readlink l", "target\n");
    prints("s6-ln -sf a l && s6-ln -sf b l && readlink l && ls", "b\nl\ntree\n");
    prints("s6-ln tree/b hard && stat -c %h hard", "2\n");
    prints("s6-ln -s x/y tree && readlink tree/y", "x/y\n");
    prints("s6-ln -s a b c tree/a 2>&1; s6-ln -s 1 2 tree && ls tree", "1\n2\na\nb\n");
    prints("s6-ln -s tree d && s6-ln -sfn other d && readlink d", "other\n");
    let taken = "s6-ln: warning: unable to make a link from tree/b to x: File exists\n";
    assert_eq!(run_script("s6-ln -s x tree/b"), (taken.to_owned(), 1));
}

#[test]
fn a_tree_is_copied_with_modes_and_owners() {
    let result = run(
        "chmod 700 tree/a; chmod 604 tree/b; chown 5:6 tree/b; ln -s b tree/l; mkfifo tree/f; s6-hiercopy tree copy; (cd \
                    tree; find . | sort | xargs stat -c '%n %F %a %u:%g') > one; (cd copy; find . | sort | xargs stat -c '%n %F %a \
                    %u:%g') > two; cmp one two && cat copy/a/file && readlink copy/l",
    );
    assert_eq!((result.out.as_str(), result.code), ("text\nb\n", Some(0)), "{}", result.err);
    let missing = "s6-hiercopy: fatal: unable to copy hierarchy from missing to x: No such file or directory\n";
    assert_eq!(run_script("s6-hiercopy missing x"), (missing.to_owned(), 111));
}

#[test]
fn owners_are_changed() {
    prints("s6-chown -u 5 -g 6 tree/b && stat -c %u:%g tree/b", "5:6\n");
    prints("UID=7 s6-chown -g 8 tree/b && stat -c %u:%g tree/b", "0:8\n");
    prints("s6-envuidgid nobody s6-chown -U tree/b && stat -c %U tree/b", "nobody\n");
    assert_eq!(run_script("env -u UID s6-chown -U tree/b").0, "s6-chown: fatal: UID not set\n");
}

#[test]
fn lsiown_gives_paths_away_and_never_fails() {
    let owners = "find tree | sort | xargs stat -c '%n %u:%g'";
    prints(&format!("lsiown 5:6 tree && {owners}"), "tree 5:6\ntree/a 0:0\ntree/a/file 0:0\ntree/b 0:0\n");
    prints(
        &format!("lsiown -R nobody:6 tree && {owners}"),
        "tree 65534:6\ntree/a 65534:6\ntree/a/file 65534:6\ntree/b 65534:6\n",
    );
    prints("ln -s ../outside tree/l; touch outside; lsiown -R 5:6 tree && stat -c %u outside", "0\n");
    prints("touch outside; ln outside tree/h; lsiown -R 5:6 tree && stat -c %u outside", "0\n");
    let without = "**** Permissions could not be set. Group is missing or incorrect, expecting user:group. ****\n";
    prints("lsiown abc tree; lsiown abc: tree", &without.repeat(2));
    let refused = run_script("lsiown 5:6 missing");
    assert!(
        refused.0.starts_with("**** Permissions could not be set. This is probably because") && refused.1 == 0,
        "{}",
        refused.0
    );
}
