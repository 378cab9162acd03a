//! execline's words and scripts beside the originals.

use super::both::{Case, as_the_originals, calls, own_commands, run_ours};

#[test]
fn words_that_order_programs() {
    as_the_originals(&calls(&[
        &["exec"],
        &["exec", "-z"],
        &["exec", "printf", "%s", "a"],
        &["exec", "-a", "b", "sh", "-c", "echo $0"],
        &["exec", "-a", "b", "cd", "/", "pwd"],
        &["exec", "-l", "sh", "-c", "echo $0"],
        &["exec", "-c", "env"],
        &["exec", "no-such-program"],
        &["exec", "/etc/passwd"],
        &["exec", "/"],
        &["foreground", " echo", " a", "", "echo", "b"],
        &["foreground", " sh", " -c", " exit 3", "", "sh", "-c", "env | grep ^?"],
        &["foreground", " sh", " -c", " kill -9 $$", "", "sh", "-c", "env | grep ^?"],
        &["foreground", " no-such", "", "sh", "-c", "env | grep ^?"],
        &["foreground", "", "echo", "b"],
        &["foreground", " echo", " a", ""],
        &["foreground", " echo", " a"],
        &["background", " true", "", "sh", "-c", "wait; echo done"],
        &["background", "-d", " true", "", "echo", "done"],
        &["background", " true", ""],
        &["background", "", "true"],
        &["background", " no-such", "", "true"],
        &["background", "-x"],
        &["tryexec", " no-such", "", "echo", "b"],
        &["tryexec", " echo", " a", "", "echo", "b"],
        &["tryexec", "-n", " echo", " a", "", "no-such"],
        &["tryexec", "", "b"],
        &["exit"],
        &["exit", "3"],
        &["exit", "300"],
        &["exit", "x"],
        &["wait"],
        &["wait", "", "echo", "a"],
        &["wait", "x"],
        &["wait", "-o", "-r", "", "sh", "-c", "env | grep -c ^?"],
        &["background", " sh", " -c", " exit 4", "", "importas", "p", "!", "wait", " ${p}", "", "echo", "a"],
        &["background", " sh", " -c", " exit 4", "", "importas", "p", "!", "wait", "${p}"],
        &["background", " sh", " -c", " exit 4", "", "wait", "-o", "", "importas", "e", "?", "echo", "${e}"],
        &["background", " sh", " -c", " exit 4", "", "wait", "-t", "5000"],
        &["background", " sh", " -c", " exec sleep 1 > /dev/null 2>&1", "", "wait", "-i", "-t", "10", "", "echo", "a"],
        &["background", " sh", " -c", " exec sleep 1 > /dev/null 2>&1", "", "wait", "-t", "10", "", "echo", "a"],
    ]));
}

#[test]
fn words_that_decide() {
    as_the_originals(&calls(&[
        &["if", " true", "", "echo", "a"],
        &["if", " false", "", "echo", "a"],
        &["if", "-n", " false", "", "echo", "a"],
        &["if", "-n", " true", "", "echo", "a"],
        &["if", "-t", " false", "", "echo", "a"],
        &["if", "-x", "7", " false", "", "echo", "a"],
        &["if", "-x", "700", " false", "", "echo", "a"],
        &["if", "-x", "a", " false", "", "echo", "a"],
        &["if", " sh", " -c", " exit 200", "", "echo", "a"],
        &["if", " sh", " -c", " kill -15 $$", "", "echo", "a"],
        &["if", "-X", " sh", " -c", " kill -15 $$", "", "echo", "a"],
        &["if", " no-such", "", "echo", "a"],
        &["if", "", "echo", "a"],
        &["if", " true", ""],
        &["if", " true"],
        &["ifelse", " true", "", " echo", " a", "", "echo", "b"],
        &["ifelse", " false", "", " echo", " a", "", "echo", "b"],
        &["ifelse", "-n", " false", "", " echo", " a", "", "echo", "b"],
        &["ifelse", " true", ""],
        &["ifelse", " true", "", " a"],
        &["ifelse", " sh", " -c", " kill -15 $$", "", " a", "", "b"],
        &["ifte", " echo", " a", "", " echo", " b", "", "true"],
        &["ifte", " echo", " a", "", " echo", " b", "", "false"],
        &["ifte", "-n", " echo", " a", "", " echo", " b", "", "false"],
        &["ifte", " echo", " a", "", " echo", " b", ""],
        &["ifte", " echo", " a", "", " echo", " b", "", " true", ""],
        &["ifthenelse", " true", "", " echo", " a", "", " echo", " b", "", "echo", "c"],
        &["ifthenelse", " false", "", " echo", " a", "", " echo", " b", "", "echo", "c"],
        &["ifthenelse", " false", "", " echo", " a", "", " echo", " b", ""],
        &["ifthenelse", "-s", " true", "", " echo", " a", "", " echo", " b", "", "c"],
        &["ifthenelse", " true", "", " echo", " a", "", " echo", " b"],
    ]));
}

#[test]
fn words_that_substitute() {
    let argvs: &[&[&str]] = &[
        &["define"],
        &["define", "a", "b"],
        &["define", "", "b", "echo"],
        &["define", "a", "x", "echo", "$a", "${a}b", "\\${a}", "\\\\${a}", "$ab", "${b}"],
        &["define", "-s", "a", "x y  z", "echo", "<${a}>", "-${a}-"],
        &["define", "-sC", "a", "x y  z ", "echo", "<${a}>"],
        &["define", "-sn", "a", "x y", "echo", "<${a}>"],
        &["define", "-s", "-d:", "a", "x:y", "printf", "<%s>", "${a}"],
        &["define", "-sd", "", "a", "1:x,2:yz,", "printf", "<%s>", "${a}"],
        &["define", "-sd", "", "a", "1:x2:yz,", "printf", "<%s>", "${a}"],
        &["define", "-n", "a", "x\n\n", "printf", "<%s>", "${a}"],
        &["define", "-s", "a", "", "printf", "<%s>", "${a}", "b"],
        &["define", "-s", "a", "", "${a}"],
        &["importas", "x", "V", "echo", "${x}"],
        &["importas", "-i", "x", "NO", "echo", "${x}"],
        &["importas", "x", "NO", "echo", "a", "${x}", "b"],
        &["importas", "-D", "d e", "-s", "x", "NO", "printf", "<%s>", "${x}"],
        &["importas", "-u", "x", "V", "sh", "-c", "echo ${x}; env | grep ^V"],
        &["importas", "x", "V"],
        &["multidefine", "a b c", " x", " y", "", "echo", "${x}-${y}"],
        &["multidefine", "-r", "a b c", " x", " y", "", "echo", "${x}-${y}"],
        &["multidefine", "a", " x", " y", "", "echo", "${x}-${y}"],
        &["multidefine", "-0", "a", " x", " y", "", "echo", "${x}-", "${y}"],
        &["multidefine", "a b", " ", " y", "", "echo", "${y}"],
        &["multidefine", "a b", "", "echo"],
        &["multisubstitute", " define", " a", " 1", " importas", " b", " V", "", "echo", "${a}", "${b}"],
        &["multisubstitute", " define", " a", " 1", " define", " a", " 2", "", "echo", "${a}"],
        &["multisubstitute", " define", " a", "", "echo", "${a}"],
        &["multisubstitute", " nothing", " a", "", "echo", "${a}"],
        &["multisubstitute", "", "echo", "a"],
        &["multisubstitute", " define", " a", " $b", " define", " b", " 2", "", "echo", "${a}"],
        &["elgetpositionals", "echo", "$1"],
    ];
    let cases: Vec<_> = calls(argvs).into_iter().map(|case| Case { variables: &[("V", "va lue")], ..case }).collect();
    as_the_originals(&cases);
}

#[test]
fn words_that_change_the_environment() {
    let argvs: &[&[&str]] = &[
        &["export", "A", "b", "sh", "-c", "echo $A"],
        &["export", "A=", "b", "true"],
        &["export", "A", "b"],
        &["export", "PATH", "/nowhere", "echo", "a"],
        &["unexport", "V", "env"],
        &["unexport", "V=", "env"],
        &["unexport", "V"],
        &["emptyenv", "env"],
        &["emptyenv", "-p", "env"],
        &["emptyenv", "-c", "env"],
        &["emptyenv", "-P", "env"],
        &["emptyenv", "-o", "env"],
        &["emptyenv", "-oP", "env"],
        &["emptyenv"],
        &["backtick", "X", " echo", " a", "", "sh", "-c", "echo \"<$X>\""],
        &["backtick", "-N", "X", " echo", " a", "", "sh", "-c", "echo \"<$X>\""],
        &["backtick", "-E", "X", " echo", " a", "", "echo", "${X}"],
        &["backtick", "X", " false", "", "echo", "a"],
        &["backtick", "-I", "X", " sh", " -c", " echo b; false", "", "sh", "-c", "echo \"<$X>\""],
        &["backtick", "-x", "X", " false", "", "sh", "-c", "echo \"<$X>\""],
        &["backtick", "-D", "d", "X", " false", "", "sh", "-c", "echo \"<$X>\""],
        &["backtick", "X", " printf", " a\\0b", "", "sh", "-c", "echo \"<$X>\""],
        &["backtick", "-I", "X", " printf", " a\\0b", "", "sh", "-c", "echo \"<$X>\""],
        &["backtick", "-D", "d", "X", " printf", " a\\0b", "", "sh", "-c", "echo \"<$X>\""],
        &["backtick", "X", " no-such", "", "echo", "a"],
        &["backtick", "X=", " true", "", "echo", "a"],
        &["backtick", "X", "", "echo", "a"],
        &["backtick", "X", " a"],
        &["backtick", "X"],
        &["withstdinas", "X", "sh", "-c", "echo \"<$X>\""],
        &["withstdinas", "-N", "X", "sh", "-c", "echo \"<$X>\""],
        &["getcwd", "X", "sh", "-c", "echo \"<$X>\""],
        &["getpid", "-E", "X", "sh", "-c", "test ${X} = $$ && echo same"],
    ];
    let variables =
        &[("V", "va lue"), ("#", "1"), ("1", "x"), ("1:1", "y"), ("ELGETOPT_a", "z"), ("FD1", "3"), ("?", "0")];
    let cases: Vec<_> = calls(argvs).into_iter().map(|case| Case { variables, input: "in\nput\n", ..case }).collect();
    as_the_originals(&cases);
}

#[test]
fn words_about_arguments() {
    let argvs: &[&[&str]] = &[
        &["shift"],
        &["shift", "env"],
        &["shift", "-n", "2", "env"],
        &["shift", "-n", "9", "env"],
        &["shift", "-n", "x", "env"],
        &["shift", "-b", "1", "env"],
        &["shift", "-n", "1", "-b", "1", "env"],
        &["unexport", "#", "shift", "env"],
        &["homeof", "root"],
        &["homeof"],
    ];
    let variables = &[("#", "5"), ("1", " a"), ("2", " b"), ("3", ""), ("4", " c"), ("5", "")];
    let cases: Vec<_> = calls(argvs).into_iter().map(|case| Case { variables, ..case }).collect();
    as_the_originals(&cases);
}

#[test]
fn words_that_connect_and_open() {
    let argvs: &[&[&str]] = &[
        &["redirfd", "-w", "1", "out", "echo", "a"],
        &["redirfd", "-a", "1", "there", "echo", "a"],
        &["redirfd", "-x", "1", "there", "echo", "a"],
        &["redirfd", "-r", "0", "there", "cat"],
        &["redirfd", "-u", "5", "there", "sh", "-c", "cat <&5"],
        &["redirfd", "-r", "0", "missing", "cat"],
        &["redirfd", "0", "there", "cat"],
        &["redirfd", "-r", "x", "there", "cat"],
        &["redirfd", "-r", "0", "there"],
        &["redirfd", "-rb", "0", "there", "cat"],
        &["fdmove", "-c", "2", "1", "sh", "-c", "echo a >&2"],
        &["fdmove", "5", "0", "sh", "-c", "cat <&5; cat"],
        &["fdmove", "1", "77", "echo"],
        &["fdmove", "1", "x", "echo"],
        &["fdmove", "1", "2"],
        &["fdclose", "0", "cat"],
        &["fdclose", "1", "exec", "echo", "a"],
        &["fdclose", "99", "echo", "a"],
        &["fdclose", "0", "fdclose", "1", "sh", "-c", "ls /proc/self/fd | wc -l >&2"],
        &["fdclose", "1"],
        &["fdswap", "1", "2", "sh", "-c", "echo out; echo err >&2"],
        &["fdblock", "-n", "0", "grep", "flags", "/proc/self/fdinfo/0"],
        &["piperw", "5", "6", "sh", "-c", "echo a >&6; head -1 <&5"],
        &["piperw", "5", "5", "true"],
        &["piperw", "0", "1", "sh", "-c", "echo a; head -1 >&2"],
        &["pipeline", " echo", " a", "", "cat"],
        &["pipeline", "-w", " cat", "", "echo", "a"],
        &["pipeline", "-d", " echo", " a", "", "cat"],
        &["pipeline", " no-such", "", "cat"],
        &["pipeline", " echo", ""],
        &["pipeline", " echo"],
        &["heredoc", "0", "text", "cat"],
        &["heredoc", "-d", "0", "text", "cat"],
        &["heredoc", "x", "text", "cat"],
    ];
    let files = &[("there", "content\n")];
    let cases: Vec<_> = calls(argvs).into_iter().map(|case| Case { input: "in\n", files, ..case }).collect();
    as_the_originals(&cases);
}

#[test]
fn words_that_repeat() {
    let argvs: &[&[&str]] = &[
        &["forx", "X", " a", " b", "", "sh", "-c", "echo $X"],
        &["forx", "-E", "X", " a", " b", "", "echo", "${X}"],
        &["forx", "-p", "X", " a", "", "sh", "-c", "exit 3"],
        &["forx", "-x", "3,4", "X", " a", " b", "", "sh", "-c", "echo $X; exit 3"],
        &["forx", "-o", "0", "X", " a", " b", "", "sh", "-c", "echo $X; exit 3"],
        &["forx", "-o", "3", "X", " a", " b", "", "sh", "-c", "echo $X; exit 3"],
        &["forx", "-px", "3", "X", " a", "", "sh", "-c", "exit 3"],
        &["forx", "X", "", "echo"],
        &["forx", "X", " a", ""],
        &["forx", "X", " a", "", "no-such"],
        &["forx", "X=", " a", "", "echo"],
        &["forx", "-o", "x", "X", " a", "", "echo"],
        &["forbacktickx", "X", " printf", " a\\nb\\nc", "", "sh", "-c", "echo $X"],
        &["forbacktickx", "-N", "X", " printf", " a\\nb\\nc", "", "sh", "-c", "echo \"<$X>\""],
        &["forbacktickx", "-C", "X", " printf", " a\\n\\nb\\n", "", "sh", "-c", "echo \"<$X>\""],
        &["forbacktickx", "-d", ":", "X", " printf", " a:b:", "", "sh", "-c", "echo \"<$X>\""],
        &["forbacktickx", "-0", "X", " printf", " a\\0b\\0", "", "sh", "-c", "echo \"<$X>\""],
        &["forbacktickx", "-E", "X", " printf", " a\\n", "", "echo", "${X}"],
        &["forbacktickx", "X", " true", "", "echo"],
        &["forbacktickx", "-x", "3", "X", " printf", " a\\nb\\n", "", "sh", "-c", "echo $X; exit 3"],
        &["forbacktickx", "X", " printf", " a\\n", "", "cat"],
        &["forstdin", "X", "sh", "-c", "echo \"<$X>\""],
        &["forstdin", "-p", "X", "true"],
        &["loopwhilex", "sh", "-c", "test ! -e f && touch f"],
        &["loopwhilex", "-n", "sh", "-c", "test -e f || { touch f; false; }"],
        &["loopwhilex", "-o", "3", "sh", "-c", "test -e f && exit 4; touch f; exit 3"],
        &["loopwhilex", "-x", "4", "sh", "-c", "test -e f && exit 4; touch f; exit 3"],
        &["loopwhilex", " true", ""],
        &["loopwhilex"],
    ];
    let cases: Vec<_> = calls(argvs).into_iter().map(|case| Case { input: "in\nput\n", ..case }).collect();
    as_the_originals(&cases);
}

#[test]
fn words_that_change_the_process() {
    let argvs: &[&[&str]] = &[
        &["cd", "d", "pwd"],
        &["cd", "missing", "pwd"],
        &["cd", "d/file", "pwd"],
        &["cd", "d"],
        &["umask", "077", "touch", "f"],
        &["umask", "27x", "touch", "f"],
        &["umask", "x", "touch", "f"],
        &["umask", "077"],
        &["posix-cd", "d", "sh", "-c", "pwd; echo $OLDPWD"],
        &["posix-cd", "-P", "d/../d", "sh", "-c", "pwd; echo $PWD"],
        &["posix-cd", "missing", "pwd"],
        &["posix-cd", "-", "pwd"],
        &["posix-umask"],
        &["posix-umask", "-S"],
        &["posix-umask", "u=rwx,go-w", "sh", "-c", "umask"],
        &["posix-umask", "zz", "sh", "-c", "umask"],
    ];
    let files = &[("d/file", "")];
    let cases: Vec<_> =
        calls(argvs).into_iter().map(|case| Case { files, variables: &[("OLDPWD", "/etc")], ..case }).collect();
    as_the_originals(&cases);
}

#[test]
fn a_pipe_between_words_ends_with_its_writer() {
    let argvs: &[&[&str]] = &[
        &["pipeline", " printf", " a\\nb\\n", "", "forstdin", "-E", "l", "echo", "${l}"],
        &[
            "pipeline",
            "-w",
            " forstdin",
            " -E",
            " l",
            " echo",
            " ${l}",
            "",
            "foreground",
            " echo",
            " a",
            "",
            "echo",
            "b",
        ],
        &["pipeline", "-d", " printf", " a\\n", "", "forstdin", "-E", "l", "echo", "${l}"],
        &["pipeline", " foreground", "  echo", "  a", " ", " echo", " b", "", "withstdinas", "-E", "l", "echo", "${l}"],
        &["pipeline", " yes", "", "head", "-n", "1"],
        &["heredoc", "0", "a\n", "forstdin", "-E", "l", "echo", "${l}"],
        &[
            "backtick",
            "-E",
            "l",
            " heredoc",
            " 0",
            " a",
            " withstdinas",
            " -E",
            " x",
            " echo",
            " ${x}",
            "",
            "echo",
            "${l}",
        ],
    ];
    as_the_originals(&calls(argvs));
    // Without links all words run in one program, which executes nothing in between.
    let place = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(own_commands().join("execlineb"), place.path().join("execlineb")).unwrap();
    for argv in argvs {
        let path = format!("PATH={}:/usr/bin:/bin", place.path().display());
        let chain = ["timeout", "20", "/usr/bin/env", "-i", &path, "execlineb", "-S0", "-c", "$@"];
        let without_links = Case { argv: &[&chain[..], argv].concat(), ..Case::default() };
        let (expected, found) = (run_ours(&Case { argv, ..Case::default() }), run_ours(&without_links));
        assert_eq!((found.code, &found.out), (expected.code, &expected.out), "{argv:?} {}", found.err);
    }
}

#[test]
fn scripts() {
    let argvs: &[&[&str]] = &[
        &["execlineb"],
        &["execlineb", "-c", ""],
        &["execlineb", "-c", "# nothing"],
        &["execlineb", "-Pc", "echo a b", "c"],
        &["execlineb", "-c", "foreground { sh -c \"env | sort\" } echo $1", "x", "y z"],
        &["execlineb", "-pc", "env", "x", "y z"],
        &["execlineb", "-S0", "-c", "echo ${1} $2 $# ${0}", "x", "y z"],
        &["execlineb", "-S1", "-c", "printf \"<%s>\" $@ ${3}", "x", "y z"],
        &["execlineb", "-s1", "-c", "printf \"<%s>\" $@", "x", "y z"],
        &["execlineb", "-s3", "-c", "printf \"<%s>\" a $@ $3", "x", "y z"],
        &["execlineb", "-S3", "-c", "$@"],
        &["execlineb", "-WS3", "-c", "echo a", "x"],
        &["execlineb", "-wS3", "-c", "echo a", "x"],
        &["execlineb", "-Sx", "-c", "echo a"],
        &["execlineb", "-c", "echo }"],
        &["execlineb", "-c", "echo { a"],
        &["execlineb", "-c", "echo \"a"],
        &["execlineb", "-c", "no-such"],
        &["execlineb", "missing"],
        &["execlineb", "script", "1", "2"],
        &["execlineb", "-P", "script", "1", "2"],
        &["execlineb", "-W", "-c", "foreground echo \"\" echo a"],
        &["execlineb", "-w", "-c", "foreground echo \"\" echo a"],
        &["execlineb", "-c", "if { test -e script } elgetpositionals echo $1 $# $@ $0", "x", "y"],
        &[
            "execlineb",
            "-c",
            "ifelse { false } { echo no } foreground { redirfd -w 1 out echo in } fdmove -c 2 1 nosuch",
        ],
        &[
            "execlineb",
            "-c",
            "backtick X { pipeline { echo a } sed s/a/b/ } importas -u y X foreground { echo $y } sh -c \"env | sort\"",
        ],
        &["execlineb", "-c", "multisubstitute { importas -D 7 a A define -s b \"1 2\" } forx -E i { $b } echo $a ${i}"],
        &["execlineb", "script2", "a"],
    ];
    let files = &[
        ("script2", "execlineb -c \"pipeline { env } sort\" b"),
        ("script", "#!/usr/bin/execlineb\n# a comment\nforeground { echo first }\nelgetpositionals\necho $1 ${2} $#\n"),
    ];
    let cases: Vec<_> = calls(argvs).into_iter().map(|case| Case { files, ..case }).collect();
    as_the_originals(&cases);
}
