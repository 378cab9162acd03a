//! `case`, `trap`, `elglob`, `elgetopt`, `dollarat`, `runblock` and `envfile` beside the originals.

use super::both::{Case, as_the_originals, calls};

#[test]
fn case_chooses_by_pattern() {
    as_the_originals(&calls(&[
        &["case"],
        &["case", "a"],
        &["case", "-z", "a"],
        &["case", "a", "", "echo", "none"],
        &["case", "abc", " a.c", "  echo", "  found", " ", "", "echo", "none"],
        &["case", "xabc", " a.c", "  echo", "  found", " ", "", "echo", "none"],
        &["case", "abc", " b", "  echo", "  1", " ", " a(b|x)c", "  echo", "  2", " ", "", "echo", "none"],
        &["case", "a|b", " a|b", "  echo", "  one", " ", " a\\|b", "  echo", "  two", " ", "", "echo", "none"],
        &["case", "-e", "ab", " a\\(b\\)", "  echo", "  found", " ", "", "echo", "none"],
        &["case", "-i", "ABC", " abc", "  echo", "  found", " ", "", "echo", "none"],
        &["case", "-N", "a=b", " (.)=(.)(x)?", "  /usr/bin/env", " ", "", "echo", "none"],
        &["case", "-N", "a=b", " .*", "  env", " ", "", "echo", "none"],
        &["case", "-N", "-i", "-e", "AB", " \\(a\\)b", "  env", " ", "", "echo", "none"],
        &["case", "-s", "file.c", " *.[ch]", "  echo", "  source", " ", "", "echo", "none"],
        &["case", "-s", "a*", " a\\*", "  echo", "  star", " ", "", "echo", "none"],
        &["case", "-se", "a*", " a\\*", "  echo", "  star", " ", "", "echo", "none"],
        &["case", "-s", ".a", " *", "  echo", "  dot", " ", "", "echo", "none"],
        &["case", "-si", ".a", " *", "  echo", "  dot", " ", "", "echo", "none"],
        &["case", "-sN", "a/b", " *", "  echo", "  slash", " ", "", "echo", "none"],
        &["case", "a", " (", "  echo", "  a", " ", "", "echo", "none"],
        &["case", "a", " [", " ", "", "echo", "none"],
        &["case", "a", " a", "", "echo", "none"],
        &["case", "a", " a", "  echo", "", "echo", "none"],
        &["case", "a", " a", " ", "", "echo", "none"],
        &["case", "a", " b", " ", ""],
        &["case", "a", " a"],
        &["case", "a\nb", " a.b", "  echo", "  across", " ", " a\nb", "  echo", "  line", " ", "", "echo", "none"],
    ]));
    let strict = |level| Case {
        argv: &["case", "a", "b", "echo", " ", "", "echo", "none"],
        variables: level,
        ..Case::default()
    };
    as_the_originals(&[strict(&[("EXECLINE_STRICT", "1")]), strict(&[("EXECLINE_STRICT", "2")])]);
}

#[test]
fn trap_starts_programs_when_signals_come() {
    as_the_originals(&calls(&[
        &["trap"],
        &["trap", "-z"],
        &["trap", "-t", "5", " TERM", "  true", " ", "", "true"],
        &["trap", "", "true"],
        &["trap", " TERM", "  true", " ", ""],
        &["trap", " TERM", "  true", " "],
        &["trap", " TERM", "", "true"],
        &["trap", " nonsense", "  true", " ", "", "true"],
        &["trap", " KILL", "  true", " ", "", "true"],
        &["trap", " 17", "  true", " ", "", "true"],
        &["trap", " TERM", "  true", " ", " sigterm", "  true", " ", "", "true"],
        &["trap", " default", "  true", " ", " DEFAULT", "  true", " ", "", "true"],
        &["trap", " TERM", "  true", " ", "", "no-such"],
        &["trap", " TERM", "  true", " ", "", "sh", "-c", "exit 7"],
        &["trap", " TERM", "  true", " ", "", "sh", "-c", "exit 200"],
        &["trap", " TERM", "  true", " ", "", "sh", "-c", "kill -9 $$"],
        // The parent of the shell is trap, which starts what ends the shell.
        &[
            "trap",
            " SIGUSR1",
            "  importas",
            "  p",
            "  !",
            "  sh",
            "  -c",
            "  echo $SIGNAL; kill ${p}",
            " ",
            "",
            "sh",
            "-c",
            "kill -USR1 $PPID; exec sleep 20",
        ],
        &[
            "trap",
            " uSr1",
            "  importas",
            "  p",
            "  !",
            "  kill",
            "  ${p}",
            " ",
            "",
            "sh",
            "-c",
            "kill -USR1 $PPID; exec sleep 20",
        ],
        &[
            "trap",
            " 10",
            "  importas",
            "  p",
            "  !",
            "  kill",
            "  -1",
            "  ${p}",
            " ",
            "",
            "sh",
            "-c",
            "kill -USR1 $PPID; exec sleep 20",
        ],
        &[
            "trap",
            " default",
            "  importas",
            "  p",
            "  !",
            "  sh",
            "  -c",
            "  echo $SIGNAL; kill ${p}",
            " ",
            " USR2",
            "  true",
            " ",
            "",
            "sh",
            "-c",
            "kill -WINCH $PPID; exec sleep 20",
        ],
        &["trap", "-x", " USR2", "  true", " ", "", "sh", "-c", "kill -TERM $PPID; exec sleep 20"],
        &["trap", " USR1", "  no-such", " ", "", "sh", "-c", "kill -USR1 $PPID"],
    ]));
}

#[test]
fn elglob_finds_files() {
    let argvs: &[&[&str]] = &[
        &["elglob"],
        &["elglob", "a"],
        &["elglob", "", "*", "echo"],
        &["elglob", "-z", "a", "*", "echo"],
        &["elglob", "-s", "f", "*", "echo", "<${f}>"],
        &["elglob", "-s", "f", ".*", "echo", "<${f}>"],
        &["elglob", "-sm", "f", "*", "echo", "<${f}>"],
        &["elglob", "-sm", "f", "*/", "echo", "<${f}>"],
        &["elglob", "-s", "f", "*/*", "echo", "<${f}>"],
        &["elglob", "-s", "f", "d*/[ab]?", "echo", "<${f}>"],
        &["elglob", "-s", "f", "d1/*/x", "echo", "<${f}>"],
        &["elglob", "f", "none*", "echo", "<${f}>"],
        &["elglob", "-0", "f", "none*", "echo", "<${f}>"],
        &["elglob", "-0", "f", "d1", "echo", "<${f}>"],
        &["elglob", "-0m", "f", "d1", "echo", "<${f}>"],
        &["elglob", "-0", "f", "missing", "echo", "<${f}>"],
        &["elglob", "-0", "f", "star\\*", "echo", "<${f}>"],
        &["elglob", "-0e", "f", "star\\*", "echo", "<${f}>"],
        &["elglob", "f", "none\\*", "echo", "<${f}>"],
        &["elglob", "-0", "f", "d1/[a", "echo", "<${f}>"],
        &["elglob", "f", "missing/*", "echo", "<${f}>"],
        &["elglob", "-v", "f", "missing/*", "echo", "<${f}>"],
        &["elglob", "-vw", "f", "missing/*", "echo", "<${f}>"],
        &["elglob", "-w", "f", "plain/*", "echo", "<${f}>"],
        &["elglob", "-v", "f", "plain/*", "echo", "<${f}>"],
        &["elglob", "-s", "f", "/usr/lib/execline/bin/eleg*", "echo", "<${f}>"],
        &["multisubstitute", " elglob", " -s", " f", " d*", " define", " g", " x", "", "echo", "${f}${g}"],
        &["multisubstitute", " elglob", " -w", " f", " missing/*", "", "echo", "${f}"],
        &["multisubstitute", " elglob", " f", " a", " elglob", " f", " b", "", "echo", "${f}"],
    ];
    let files = &[
        ("plain", ""),
        ("star*", ""),
        (".hidden", ""),
        ("d1/a1", ""),
        ("d1/b2", ""),
        ("d1/c3", ""),
        ("d1/sub/x", ""),
        ("d2/ab", ""),
        ("d2/.c", ""),
    ];
    as_the_originals(&calls(argvs).into_iter().map(|case| Case { files, ..case }).collect::<Vec<_>>());
}

#[test]
fn options_of_a_script_become_variables() {
    let scripts = [
        &["execlineb", "-c", "elgetopt ab:c env", "-a", "-b", "1", "-c2", "x", "y"][..],
        &["execlineb", "-c", "elgetopt ab: env", "-a", "-bvalue", "--", "-x"],
        &["execlineb", "-c", "elgetopt -D yes a:b env", "-b", "-a", "", "z"],
        &["execlineb", "-c", "elgetopt ab env", "-abz", "x"],
        &["execlineb", "-c", "elgetopt ab env", "-z"],
        &["execlineb", "-c", "elgetopt ab: env", "-b"],
        &["execlineb", "-c", "elgetopt ab env"],
        &["execlineb", "-c", "elgetopt a elgetopt b env", "-a", "-b"],
        &["execlineb", "-c", "elgetopt a emptyenv -o env", "-a", "x"],
        &["elgetopt"],
        &["elgetopt", "a"],
        &["elgetopt", "-z", "a", "env"],
        &["elgetopt", "a", "env"],
    ];
    as_the_originals(&calls(&scripts));
    let broken = |variables| Case { argv: &["elgetopt", "a", "env"], variables, ..Case::default() };
    as_the_originals(&[
        broken(&[("#", "x")]),
        broken(&[("#", "1")]),
        broken(&[("#", "1"), ("0", "me")]),
        broken(&[("#", "1"), ("0", "me"), ("1", "-a"), ("ELGETOPT_a", "old"), ("ELGETOPT_a:1", "older")]),
    ]);
}

#[test]
fn arguments_of_a_script_are_printed() {
    as_the_originals(&calls(&[
        &["dollarat"],
        &["dollarat", "-z"],
        &["execlineb", "-c", "dollarat", "a", "b c"],
        &["execlineb", "-c", "dollarat -n", "a", "b c"],
        &["execlineb", "-c", "dollarat -0", "a", "b"],
        &["execlineb", "-c", "dollarat -0 -d:", "a", "b"],
        &["execlineb", "-c", "dollarat -d: -0", "a", "b"],
        &["execlineb", "-c", "dollarat -d \"\"", "a", "bcd", ""],
        &["execlineb", "-c", "dollarat -nd,", "a", "", "b"],
        &["execlineb", "-c", "dollarat"],
        &["execlineb", "-c", "unexport 2 dollarat", "a", "b"],
    ]));
    let broken = |argv| Case { argv, variables: &[("#", "x")], ..Case::default() };
    as_the_originals(&[
        broken(&["dollarat"]),
        broken(&["shift", "true"]),
        broken(&["runblock", "1"]),
        broken(&["elgetopt", "a", "true"]),
    ]);
}

#[test]
fn blocks_of_a_scripts_arguments_are_run() {
    let argvs: &[&[&str]] = &[
        &["runblock"],
        &["runblock", "x"],
        &["runblock", "0"],
        &["runblock", "1"],
        &["runblock", "-n", "x", "1"],
        &["execlineb", "-c", "runblock 1", " echo", " a", "", " echo", " b", "", "echo", "rest"],
        &["execlineb", "-c", "runblock 2", " echo", " a", "", " echo", " b", "", "echo", "rest"],
        &["execlineb", "-c", "runblock -r 2", " echo", " a", "", " echo", " b", "", "echo", "rest"],
        &["execlineb", "-c", "runblock -r 0", "echo", "rest"],
        &["execlineb", "-c", "runblock -r 2", " echo", " a", "", " echo", " b", ""],
        &["execlineb", "-c", "runblock -n 1 1 echo more", "skipped", " a", " b", ""],
        &["execlineb", "-c", "runblock -P 1", " env", ""],
        &["execlineb", "-c", "runblock 1", " env", ""],
        &["execlineb", "-c", "runblock 1", " echo", " a"],
        &["execlineb", "-c", "runblock 3", " echo", " a", "", " echo", " b", ""],
        &["execlineb", "-c", "runblock 1", "  echo", "  a", " ", ""],
        &["execlineb", "-q", "-c", "runblock 1", "echo", "a", ""],
        &["execlineb", "-w", "-c", "runblock 2", "x", "", " echo", "a", ""],
        &["execlineb", "-W", "-c", "runblock 2", "x", "", " echo", "a", ""],
        &["execlineb", "-W", "-c", "runblock 1", " echo", "a", ""],
        &["execlineb", "-c", "unexport 2 runblock 1", " echo", " a", ""],
    ];
    as_the_originals(&calls(argvs));
}

#[test]
fn files_of_variables_are_read() {
    let argvs: &[&[&str]] = &[
        &["envfile"],
        &["envfile", "file"],
        &["envfile", "-z", "file", "env"],
        &["envfile", "missing", "env"],
        &["envfile", "-I", "missing", "env"],
        &["envfile", "-I", "-i", "missing", "env"],
        &["envfile", "directory", "env"],
        &["envfile", "-", "env"],
        &["envfile", "file", "env"],
    ];
    let files = &[("file", "A = b c \n# no\nB=\"x y \" \nPATH=/usr/bin:/bin\n"), ("directory/x", "")];
    as_the_originals(
        &calls(argvs).into_iter().map(|case| Case { files, input: "IN = put\n", ..case }).collect::<Vec<_>>(),
    );
}

/// More of these than of others: what the reader decides by. No NUL that a number could make, which ends a variable early.
const LETTERS: &[u8] = b"abx=== \t\n\n\"\"\\\\\\#'?127fn89Zr";

#[test]
fn files_of_variables_from_a_seed_are_what_envfile_makes_of_them() {
    let mut valid = 0;
    let texts: Vec<String> = (0..400)
        .map(|seed| {
            let mut rng = crate::support::engine::rng::Rng::new(seed);
            let middle: String = (0..rng.below(12)).map(|_| char::from(rng.pick(LETTERS))).collect();
            // Half of them begin where most states are.
            if seed % 2 == 0 { format!("n={middle}\n") } else { format!("n=\"{middle}\"\n{middle}") }
        })
        .collect();
    let cases: Vec<Case<'_>> = texts
        .iter()
        // The original counts no line that ends with blanks: where the text is wrong only one line is left.
        .filter(|text| {
            stepdown::execline::assignments::read(text.as_bytes()).is_ok_and(|found| {
                valid += 1;
                found.iter().all(|(name, value)| !name.is_empty() && !value.contains(&b'\n') && !value.contains(&0))
            }) || text.trim_end().lines().count() == 1
        })
        .map(|text| Case { argv: &["envfile", "-", "env"], input: text, ..Case::default() })
        .collect();
    as_the_originals(&cases);
    assert!(valid > 100 && cases.len() > valid, "{valid} {}", cases.len());
}
