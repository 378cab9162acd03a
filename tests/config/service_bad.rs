//! A service's TOML file: the exact text of every problem. Line 1 is the command.

use super::sources_builder::{empty_sources, web};

/// Each text below a command, and what is said about it, without the file's name.
fn table(rows: &[(&str, &[&str])]) {
    for (text, expected) in rows {
        web(text).assert_web_problems(expected);
    }
}

#[test]
fn values_of_the_wrong_type_are_reported_with_an_example() {
    table(&[
        ("user = 5", &["2: `user` expects a string, found an integer; write uid and gid: `user = \"5:5\"`"]),
        (
            "nice = \"5\"",
            &["2: `nice` expects an integer from -20 to 19, found a string; write for example `nice = 5`"],
        ),
        (
            "essential = \"yes\"",
            &["2: `essential` expects true or false, found a string; write for example `essential = true`"],
        ),
        (
            "requires = \"db\"",
            &["2: `requires` expects an array of strings, found a string; write for example `requires = [\"db\"]`"],
        ),
        (
            "requires = [5]",
            &[
                "2: an element of `requires` expects a string, found an integer; write for example `requires = [\"db\"]`",
            ],
        ),
        (
            "stop = \"QUIT\"",
            &[
                "2: `stop` expects a table, found a string; write for example `stop = { signal = \"QUIT\", timeout = \"5s\" }`",
            ],
        ),
        (
            "restart = true",
            &[
                "2: `restart` expects a string or a table, found a boolean; write for example `restart = \"on-failure\"`",
            ],
        ),
        ("environment = { PORT = 80 }", &["2: `environment.PORT` expects a string; put its value in quotes"]),
        (
            "[stop]\ntimeout = 5",
            &["3: `stop.timeout` expects a duration, found an integer; write for example `timeout = \"5s\"`"],
        ),
        (
            "umask = 22",
            &["2: `umask` expects a string of octal digits, found an integer; write for example `umask = \"022\"`"],
        ),
        (
            "nice = 1979-05-27",
            &["2: `nice` expects an integer from -20 to 19, found a date; write for example `nice = 5`"],
        ),
        ("nice = 1.5", &["2: `nice` expects an integer from -20 to 19, found a float; write for example `nice = 5`"]),
    ]);
}

#[test]
fn values_out_of_range_are_quoted() {
    table(&[
        ("nice = 20", &["2: `nice` cannot be 20; write -20 to 19"]),
        ("nice = 99999999999999999999999", &["2: `nice` cannot be 99999999999999999999999; write -20 to 19"]),
        ("oom_score_adj = -1001", &["2: `oom_score_adj` cannot be -1001; write -1000 to 1000"]),
        (
            "umask = \"0888\"",
            &["2: `umask` cannot be \"0888\"; write octal digits up to \"0777\", such as `umask = \"022\"`"],
        ),
        ("success_codes = [256]", &["2: an element of `success_codes` cannot be 256; write 0 to 255"]),
        ("success_codes = []", &["2: `success_codes` is empty; write for example `success_codes = [0, 143]`"]),
        ("ready = { fd = 2 }", &["2: `ready.fd` cannot be 2; write 3 to 1023"]),
        ("restart = { limit = 0 }", &["2: `restart.limit` cannot be 0; write 1 to 4294967295"]),
        ("restart = { limit = \"never\" }", &["2: `restart.limit` cannot be \"never\"; write one of \"infinity\""]),
        ("restart = { delay = \"0s\" }", &["2: `restart.delay` cannot be \"0s\"; write at least \"100ms\""]),
        // What the engine would not keep is not taken in silence.
        ("restart = { delay = \"99ms\" }", &["2: `restart.delay` cannot be \"99ms\"; write at least \"100ms\""]),
        (
            "restart = { delay = \"5s\", max_delay = \"2s\" }",
            &["2: `restart.delay` (5s) is above `restart.max_delay` (2s); raise `max_delay` or lower `delay`"],
        ),
        (
            "stop = { timeout = \"5\" }",
            &["2: `stop.timeout` cannot be \"5\"; write a number and its unit, ms, s, m, h or d, such as \"5s\""],
        ),
        ("every = \"366d\"\ntype = \"oneshot\"", &["2: `every` cannot be \"366d\"; write at most \"365d\""]),
        (
            "stop = { timeout = \"9s\" }",
            &[
                "2: `stop.timeout` is 9s, and the whole stop has 8s; lower it, or raise `stop_timeout` in /etc/stepdown.toml (and docker stop's -t)",
            ],
        ),
    ]);
}

#[test]
fn unknown_words_are_reported_with_what_was_meant() {
    table(&[
        ("type = \"daemon\"", &["2: `type` cannot be \"daemon\"; write one of \"longrun\", \"oneshot\""]),
        ("type = \"onshot\"", &["2: `type` cannot be \"onshot\"; did you mean \"oneshot\"?"]),
        ("restart = \"on_failure\"", &["2: `restart` cannot be \"on_failure\"; did you mean \"on-failure\"?"]),
        ("stop = { signal = \"quit\" }", &["2: `stop.signal` cannot be \"quit\"; did you mean \"QUIT\"?"]),
        (
            "stop = { signal = \"FOO\" }",
            &["2: `stop.signal` cannot be \"FOO\"; write a name such as \"TERM\", or a number from 1 to 64"],
        ),
        ("stop = { signal = 65 }", &["2: `stop.signal` cannot be 65; write 1 to 64"]),
        (
            "capabilities = [\"NET_BIND_SERVICES\"]",
            &["2: an element of `capabilities` cannot be \"NET_BIND_SERVICES\"; did you mean \"NET_BIND_SERVICE\"?"],
        ),
        (
            "capabilities = [\"ALL\"]",
            &[
                "2: an element of `capabilities` cannot be \"ALL\"; write a name of capabilities(7), such as \"NET_BIND_SERVICE\"",
            ],
        ),
        (
            "without_root = \"refuse\"",
            &["2: `without_root` cannot be \"refuse\"; write one of \"run\", \"skip\", \"fail\""],
        ),
    ]);
}

#[test]
fn users_and_groups_that_cannot_be_one_are_refused() {
    let names = "a name has letters, digits, `_`, `-` and `.`, begins with a letter or `_`, and is at most 32 long";
    for (text, expected) in [
        (
            "user = \"a\\nroot2::0:0\"",
            "2: `user` cannot be \"a\\nroot2::0:0\"; write two numbers, such as \"1000:1000\", or a name alone"
                .to_owned(),
        ),
        ("user = \"../x\"", format!("2: `user` cannot be \"../x\"; {names}")),
        ("user = \"-x\"", format!("2: `user` cannot be \"-x\"; {names}")),
        ("user = \"\"", format!("2: `user` cannot be \"\"; {names}")),
        ("user = \"1000\"", "2: `user` cannot be \"1000\"; write uid and gid, such as \"1000:1000\"".to_owned()),
        ("user = \"0:5\"", "2: `user` cannot be \"0:5\"; uid 0 is \"root\"; it runs with gid 0".to_owned()),
        (
            "user = \"1000:4294967295\"",
            "2: `user` cannot be \"1000:4294967295\"; write two numbers, such as \"1000:1000\", or a name alone"
                .to_owned(),
        ),
        ("groups = [\"a:b\"]", format!("2: an element of `groups` cannot be \"a:b\"; {names}")),
        ("groups = [-1]", "2: an element of `groups` cannot be -1; write 0 to 4294967293".to_owned()),
    ] {
        web(text).assert_web_problems(&[&expected]);
    }
}

#[test]
fn unknown_keys_are_reported_with_the_nearest_known_one() {
    table(&[
        ("restrat = 1", &["2: unknown key `restrat`; did you mean `restart`?"]),
        ("depends_on = []", &["2: unknown key `depends_on` (compose); write for example `requires = [\"db\"]`"]),
        ("[stop]\nsignl = 1", &["3: unknown key `signl` in `stop`; did you mean `signal`?"]),
        ("[stop]\ncolour = 1", &["3: unknown key `colour` in `stop`; the keys are: signal, timeout, group"]),
        (
            "[stop]\nessential = true",
            &[
                "3: unknown key `essential` in `stop`; it is a key of the file itself: move it above the first `[…]` line, such as `[stop]`",
            ],
        ),
        ("limits = { nofiles = 5 }", &["2: unknown key `nofiles` in `limits`; did you mean `nofile`?"]),
        (
            "\"a\\u001b[2J\" = 1",
            &[
                "2: unknown key `a\\u{1b}[2J`; the keys are: command, script, type, requires, after, user, groups, capabilities, \
            directory, environment, clear_environment, environment_file, secrets, restart, success_codes, essential, enabled, ready, stop, \
            finish, limits, nice, oom_score_adj, umask, no_new_privileges, without_root, wait_for, timeout, every, at, stop_command, \
            health, reload, pipe_to, log",
            ],
        ),
    ]);
}

#[test]
fn exactly_one_of_command_and_script_must_be_given() {
    let what = "write what to run: `command = [\"nginx\", \"-g\", \"daemon off;\"]`, or `script = \"…\"`";
    empty_sources()
        .toml("web", "")
        .assert_problems(&[&format!("/etc/services.d/web.toml: has neither `command` nor `script`; {what}")]);
    for (text, expected) in [
        ("comand = [\"nginx\"]", "1: unknown key `comand`; did you mean `command`?"),
        ("exec = \"nginx\"", "1: unknown key `exec`; write `command = [\"nginx\"]`"),
        ("scirpt = \"nginx\"", "1: unknown key `scirpt`; did you mean `script`?"),
    ] {
        empty_sources().toml("web", text).assert_problems(&[&format!("/etc/services.d/web.toml:{expected}")]);
    }
    table(&[("script = \"x\"", &["2: both `command` and `script` are set; keep one of them"])]);
    let example = "write for example `command = [\"nginx\", \"-g\", \"daemon off;\"]`";
    for (text, expected) in [
        ("command = []", format!("1: `command` names no program; {example}")),
        ("command = [\"\"]", format!("1: `command` names no program; {example}")),
        ("command = \"nginx\"", format!("1: `command` expects an array of strings, found a string; {example}")),
        ("command = [\"a\\u0000b\"]", "1: an element of `command` contains a NUL character; remove it".to_owned()),
        ("script = \"  \"", "1: `script` cannot be \"  \"; write what to run".to_owned()),
    ] {
        assert!(
            empty_sources().toml("web", text).problems().contains(&format!("/etc/services.d/web.toml:{expected}")),
            "{text}"
        );
    }
}

#[test]
fn limits_that_cannot_hold_are_refused() {
    table(&[
        (
            "limits = { nofile = \"infinity\" }",
            &[
                "2: `limits.nofile` cannot be \"infinity\"; the kernel has no such limit; write a number such as 1048576",
            ],
        ),
        (
            "limits = { nofile = \"64K\" }",
            &["2: `limits.nofile` cannot be \"64K\"; write a number without quotes, or \"infinity\""],
        ),
        (
            "limits = { as = \"lots\" }",
            &[
                "2: `limits.as` cannot be \"lots\"; write a size such as \"64M\" (K, M, G, T), a number of bytes or \"infinity\"",
            ],
        ),
        ("limits = { nofile = -1 }", &["2: `limits.nofile` cannot be -1; write 0 to 9223372036854775807"]),
        (
            "limits = { nproc = true }",
            &["2: `limits.nproc` expects a number or \"infinity\", found a boolean; write for example `nproc = 512`"],
        ),
        (
            "[limits.nofile]\nsoft = 5",
            &["2: `limits.nofile` lacks `hard`; write both `soft` and `hard`, or one number for both"],
        ),
        (
            "[limits.nofile]\nsoft = 5\nhard = 4",
            &["2: `limits.nofile`: `soft` is above `hard`; raise `hard` or lower `soft`"],
        ),
    ]);
}

#[test]
fn paths_and_variables_that_cannot_be_are_refused() {
    table(&[
        ("directory = \"srv\"", &["2: `directory` cannot be \"srv\"; write an absolute path, beginning with `/`"]),
        ("directory = \"/a/../b\"", &["2: `directory` cannot be \"/a/../b\"; write the path without `..`"]),
        (
            "environment_file = \"/a\\nb\"",
            &["2: `environment_file` cannot be \"/a\\nb\"; a path here cannot hold control characters"],
        ),
        (
            "[environment]\n\"A=B\" = \"x\"",
            &["3: `A=B` cannot be a variable's name; a name is not empty and holds no `=`, no blank and no NUL"],
        ),
        (
            "[environment]\n\"\" = \"x\"",
            &["3: `` cannot be a variable's name; a name is not empty and holds no `=`, no blank and no NUL"],
        ),
    ]);
}

#[test]
fn every_problem_of_every_file_comes_at_once() {
    empty_sources()
        .env("PUID", "abc")
        .container("drop = \"no\"")
        .toml("web", "command = [\"nginx\"]\nrestrat = 1\nnice = 40\nafter = [\"dbb\"]")
        .toml("db", "user = 1")
        .assert_problems(&[
            "PUID=abc: is not a plain decimal number; give a user id such as PUID=1000, or unset it",
            "/etc/services.d/db.toml: has neither `command` nor `script`; write what to run: \
             `command = [\"nginx\", \"-g\", \"daemon off;\"]`, or `script = \"…\"`",
            "/etc/services.d/db.toml:1: `user` expects a string, found an integer; write uid and gid: `user = \"1:1\"`",
            "/etc/services.d/web.toml:2: unknown key `restrat`; did you mean `restart`?",
            "/etc/services.d/web.toml:3: `nice` cannot be 40; write -20 to 19",
            "/etc/services.d/web.toml:4: `after`: there is no service `dbb`; did you mean `db`? services are: db",
            "/etc/stepdown.toml:1: `drop` cannot be \"no\"; write one of \"auto\", \"app\", \"root\"",
        ]);
}

#[test]
fn a_key_of_the_other_file_or_of_a_table_is_refused_with_where_it_belongs() {
    let container = "it is a key of the container file: write it into /etc/stepdown.toml";
    for key in
        ["pid1_filter = true", "drop = \"app\"", "stop_timeout = \"5s\"", "[[own]]", "[app]", "[signals]", "[main]"]
    {
        let name = key.trim_matches(['[', ']']).split(' ').next().unwrap();
        web(key).assert_web_problems(&[&format!("2: unknown key `{name}`; {container}")]);
    }
    table(&[
        ("device_groups = []", &[&format!("2: unknown key `device_groups`; {container}, below `[app]`")]),
        ("interval = \"5s\"", &["2: unknown key `interval`; write it below `[ready]` or `[health]`"]),
        (
            "[secrets]",
            &[
                "2: `secrets` expects an array of strings, found a table; write for example `secrets = [\"DB_PASSWORD\"]`",
            ],
        ),
    ]);
    let service = "it is a key of services: write it into the file of one, such as /etc/services.d/NAME.toml";
    for key in ["command", "requires", "health", "umask"] {
        let printed = web("").container(&format!("{key} = 1")).problems();
        let own = "; a service's goes into its own file, such as /etc/services.d/NAME.toml";
        let place = match key {
            "umask" => format!("write it below `[app]`{own}"),
            "health" => format!("write it below `[main]`{own}"),
            _ => service.to_owned(),
        };
        assert_eq!(printed, [format!("/etc/stepdown.toml:1: unknown key `{key}`; {place}")]);
    }
    let printed = web("").container("uid = 5").problems();
    assert_eq!(printed, ["/etc/stepdown.toml:1: unknown key `uid`; write it below `[app]`"]);
}
