//! Trees of s6 and s6-overlay.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use stepdown::config::{Content, Sources};
use stepdown::import::Imported;
use stepdown::import::s6::import;

use super::is_read_back;
use crate::config::sources_builder::{SourcesBuilder, definition, dir, empty_sources, file, names, program, s6_image};

fn imported(builder: &SourcesBuilder) -> Imported {
    let sources: &Sources = &builder.0;
    import(sources).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The text of one service's file.
fn text_of(imported: &Imported, path: &str) -> String {
    let files = imported.files();
    let file = files.iter().find(|file| file.path == Path::new(path));
    file.unwrap_or_else(|| panic!("no {path} in {files:#?}")).text.clone()
}

/// A longrun with that script and these files.
fn longrun<'n>(run: &str, more: impl IntoIterator<Item = (&'n str, Content)>) -> Content {
    dir([("run", program(run))].into_iter().chain(more))
}

const NGINX: &str = "#!/bin/sh\nexec nginx -g 'daemon off;'\n";

#[test]
fn an_s6_style_directory_becomes_one_file() {
    let files = [
        ("notification-fd", file("3\n")),
        ("down-signal", file("SIGQUIT\n")),
        ("timeout-kill", file("20000\n")),
        ("finish", program("#!/bin/sh\necho \"ended: $1\"\n")),
        ("dependencies.d", names(["db"])),
    ];
    let imported = imported(
        &empty_sources().entry("web", longrun(NGINX, files)).entry("db", longrun(NGINX, [("down", file(""))])),
    );
    let web = "command = [\"nginx\", \"-g\", \"daemon off;\"]\nrequires = [\"db\"]\n\
               restart = { max_delay = \"1s\", limit = \"infinity\" }\nready = { fd = 3 }\n\
               stop = { signal = \"QUIT\", timeout = \"20s\" }\n\
               finish = [\"/bin/sh\", \"-c\", \"echo \\\"ended: $1\\\"\\n\", \"finish\"]\n";
    assert_eq!(text_of(&imported, "services.d/web.toml"), web);
    assert!(text_of(&imported, "services.d/db.toml").ends_with("enabled = false\n"));
    // A stop timeout beyond the default budget needs more of it.
    assert!(text_of(&imported, "stepdown.toml").ends_with("stop_timeout = \"22s\"\n"));
    assert_eq!(imported.all_omissions().count(), 0);
    is_read_back(&imported);
}

#[test]
fn a_program_that_no_file_can_hold_stays_and_gets_a_service_toml_beside_it() {
    let logger = dir([("run", program("#!/command/execlineb -P\nlogutil-service /var/log/web\n"))]);
    let run = longrun("#!/usr/bin/python3\nimport web\n", [("log", logger)]);
    let imported = imported(&empty_sources().entry("web", run));
    let web = "command = [\"/etc/services.d/web/run\", \"web\"]\ndirectory = \"/etc/services.d/web\"\n\
               restart = { max_delay = \"1s\", limit = \"infinity\" }\npipe_to = \"web-log\"\n";
    assert_eq!(text_of(&imported, "services.d/web/service.toml"), web);
    assert!(text_of(&imported, "services.d/web-log.toml").starts_with("command = [\"/etc/services.d/web/log/run\", "));
    is_read_back(&imported);
}

#[test]
fn what_a_file_cannot_say_is_a_comment_with_its_reason() {
    let finish = [("finish", program(NGINX)), ("timeout-finish", file("0\n"))];
    let imported = imported(&empty_sources().entry("web", longrun(NGINX, finish)));
    let text = text_of(&imported, "services.d/web.toml");
    assert!(text.starts_with("# not translated: timeout-finish: `finish` has 5s here, and not no limit\n"), "{text}");
    is_read_back(&imported);
}

#[test]
fn services_that_have_a_toml_file_are_left_alone() {
    let imported = imported(&empty_sources().toml("db", "command = [\"db\"]\n").entry("web", longrun(NGINX, [])));
    let names: Vec<_> = imported.services.iter().map(|imported| imported.service.name.as_str()).collect();
    assert_eq!(names, ["web"]);
}

/// As LinuxServer's images are written: oneshots whose `up` names the script beside it, a service that becomes `abc`.
fn linuxserver() -> SourcesBuilder {
    let up = |name: &str| file(format!("/etc/s6-overlay/s6-rc.d/{name}/run\n"));
    let adduser = "#!/usr/bin/with-contenv bash\n# shellcheck shell=bash\n\nif [[ -n \"$PUID\" ]]; then\n    usermod -o -u \"$PUID\" abc\nfi\n";
    let config = "#!/usr/bin/with-contenv bash\nmkdir -p /config\nprintf x > /run/s6/container_environment/HOME\n";
    let web = "#!/usr/bin/with-contenv bash\nexec \\\n    s6-setuidgid abc /app/web --data /config\n";
    s6_image()
        .started("init-adduser", definition("oneshot", [("up", up("init-adduser")), ("run", file(adduser))]))
        .started(
            "init-config",
            definition(
                "oneshot",
                [("up", up("init-config")), ("run", file(config)), ("dependencies.d", names(["init-adduser"]))],
            ),
        )
        .started("svc-web", definition("longrun", [("run", program(web)), ("dependencies.d", names(["init-config"]))]))
        .definition("svc-extra", definition("longrun", [("run", program("#!/bin/sh\nexec extra\n"))]))
}

#[test]
fn a_tree_of_s6_overlay_needs_none_of_its_files() {
    let imported = imported(&linuxserver());
    let adduser = "command = [\"bash\", \"-c\", '''\n# shellcheck shell=bash\n\nif [[ -n \"$PUID\" ]]; then\n    usermod -o -u \"$PUID\" \
                   abc\nfi\n''']\ntype = \"oneshot\"\nuser = \"root\"\nessential = false\nno_new_privileges = false\n";
    assert_eq!(text_of(&imported, "services.d/init-adduser.toml"), adduser);
    let web = "command = [\"/app/web\", \"--data\", \"/config\"]\nrequires = [\"init-config\"]\n\
               restart = { max_delay = \"1s\", limit = \"infinity\" }\nno_new_privileges = false\n";
    assert_eq!(text_of(&imported, "services.d/svc-web.toml"), web);
    let extra = text_of(&imported, "services.d/svc-extra.toml");
    assert!(extra.contains("\nclear_environment = true\n") && extra.contains("environment = { PATH = "), "{extra}");
    assert!(extra.ends_with("enabled = false\n"), "{extra}");
    let container = text_of(&imported, "stepdown.toml");
    assert!(container.contains("\ns6 = false\n") && container.ends_with("\n[app]\nuser = \"abc\"\n"), "{container}");
    let omitted: Vec<_> =
        imported.all_omissions().map(|(at, omission)| (at.to_string(), omission.what.as_str())).collect();
    let path = "/etc/s6-overlay/s6-rc.d/init-config/up".to_owned();
    assert_eq!(omitted, [(path, "container_environment")]);
    let config = is_read_back(&imported);
    assert!(config.s6.is_none() && config.container.s6 == Some(false));
}

#[test]
fn scripts_of_the_start_and_the_stop_and_owners_come_along() {
    let mut sources = s6_image().entry("web", longrun(NGINX, []));
    let s6 = &mut sources.0.s6;
    s6.init_scripts.path = "/etc/cont-init.d".into();
    s6.init_scripts.entries.insert("10-first".into(), program("#!/bin/sh -e\nmkdir -p /data\nmake it\n"));
    s6.init_scripts.entries.insert("20-second".into(), program("echo \"$0\"\n"));
    s6.finish_scripts.path = "/etc/cont-finish.d".into();
    s6.finish_scripts.entries.insert("10-bye".into(), program("#!/bin/sh\nexec sync\n"));
    s6.fix_attrs.path = "/etc/fix-attrs.d".into();
    s6.fix_attrs.entries.insert("a".into(), file("/data true nobody:33 0644 0755\n/x false root 0600 0700\n"));
    let imported = imported(&sources);
    let first = text_of(&imported, "services.d/cont-init-10-first.toml");
    assert!(first.starts_with("script = '''\nmkdir -p /data\nmake it\n'''\ntype = \"oneshot\"\n"), "{first}");
    let second = text_of(&imported, "services.d/cont-init-20-second.toml");
    assert!(second.starts_with("command = [\"/bin/sh\", \"/etc/cont-init.d/20-second\"]\n"), "{second}");
    assert!(second.contains("\nafter = [\"cont-init-10-first\""), "{second}");
    let bye = text_of(&imported, "services.d/cont-finish-10-bye.toml");
    assert!(bye.contains("command = [\"true\"]\n") && bye.contains("\nstop_command = [\"sync\"]\n"), "{bye}");
    let own = "\n[[own]]\npath = \"/data\"\nuser = \"nobody\"\ngroup = 33\nmode = \"0644\"\ndir_mode = \"0755\"\noptional = true\n\
               \n[[own]]\npath = \"/x\"\nuser = 0\nrecursive = false\nmode = \"0600\"\ndir_mode = \"0700\"\noptional = true\n";
    let container = text_of(&imported, "stepdown.toml");
    assert!(container.ends_with(own), "{container}");
    let config = is_read_back(&imported);
    for (read, meant) in config.container.own.iter().zip(&imported.container.own) {
        assert_eq!(
            (&read.path, &read.user, &read.group, &read.options),
            (&meant.path, &meant.user, &meant.group, &meant.options)
        );
    }
    assert_eq!(config.container.own.len(), 2);
}

#[test]
fn paths_are_those_of_the_image_wherever_the_tree_lies() {
    let python = "#!/usr/bin/python3\n";
    let web = definition("longrun", [("run", program(python))]);
    let mut sources = s6_image().entry("web", longrun(python, [])).started("x", web);
    sources.0.trees[0].path = "/home/me/rootfs/etc/services.d".into();
    sources.0.s6.definitions.path = "/home/me/rootfs/etc/s6-overlay/s6-rc.d".into();
    let imported = imported(&sources);
    let x = text_of(&imported, "services.d/x.toml");
    assert!(x.starts_with("command = [\"/etc/s6-overlay/s6-rc.d/x/run\", \"x\"]\n"), "{x}");
    for file in imported.files() {
        assert!(!file.text.contains("/home/me"), "{}", file.text);
    }
    let places: Vec<_> = imported.services.iter().map(|imported| imported.at.to_string()).collect();
    assert!(places.iter().all(|place| place.starts_with("/home/me/rootfs/etc/")), "{places:?}");
}

#[test]
fn problems_of_the_tree_are_all_told() {
    let broken = dir([("run", file("#!/bin/sh\n"))]);
    let Err(problems) = import(&empty_sources().entry("a", broken.clone()).entry("b", broken).0) else {
        panic!("no run of theirs is executable")
    };
    let output: Vec<_> = problems.into_sorted().iter().map(ToString::to_string).collect();
    assert_eq!(output.len(), 2, "{output:?}");
}

/// What scripts are written like.
const SCRIPTS: [&str; 12] = [
    NGINX,
    "#!/bin/sh -e\na\nb $1\n",
    "#!/bin/sh\nset -e\na\nb\n",
    "#!/usr/bin/env bash\nexec 2>&1\nexec s6-setuidgid www web\n",
    "#!/command/with-contenv bash\nexec s6-notifyoncheck -d -c 'nc -z localhost 80' s6-setuidgid abc web \"$@\"\n",
    "#!/usr/bin/with-contenv sh\ns6-setuidgid abc ./web --x='''y'''\n",
    "#!/command/execlineb -P\nfdmove -c 2 1\nweb\n",
    "#!/usr/bin/python3\nx\n",
    "#!/bin/bash\ncd \"$(dirname \"$0\")\"\n. ./data/x\n",
    "#!/bin/sh\ncat <<'EOF'\n\u{202e}'''\nEOF\n",
    "#!/bin/sh\nexec s6-setuidgid 5:6 web\n",
    "#!/bin/sh\n",
];

fn a_directory() -> impl Strategy<Value = Content> {
    let script = || select(SCRIPTS.to_vec());
    let files = vec![
        ("notification-fd", "3\n"),
        ("down-signal", "SIGRTMIN+3\n"),
        ("timeout-kill", "5500\n"),
        ("max-death-tally", "7\n"),
        ("down", ""),
        ("timeout-finish", "0\n"),
        ("finish", ""),
    ];
    let all = files.len();
    (script(), script(), subsequence(files, 0..=all)).prop_map(|(run, finish, files)| {
        let more = files.into_iter().map(|(name, text)| match name {
            "finish" => (name, program(finish)),
            _ => (name, file(text)),
        });
        longrun(run, more)
    })
}

/// As an s6-style longrun, a longrun of s6-rc, or a oneshot of it.
#[derive(Clone, Copy, Debug)]
enum Form {
    Servicedir,
    Longrun,
    Oneshot,
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn what_is_written_for_a_tree_is_read_back(
        parts in vec((a_directory(), select(vec![Form::Servicedir, Form::Longrun, Form::Oneshot]), select(SCRIPTS.to_vec())), 1..4),
        is_image in any::<bool>(),
    ) {
        let mut sources = if is_image { s6_image() } else { empty_sources() };
        for (at, (content, form, script)) in parts.into_iter().enumerate() {
            let name = format!("s{at}");
            let up = || file(format!("/etc/s6-overlay/s6-rc.d/{name}/run\n"));
            sources = match (form, content) {
                (Form::Longrun, Content::Dir(mut files)) if is_image => {
                    files.insert("type".into(), file("longrun\n"));
                    sources.started(&name, Content::Dir(files))
                }
                (Form::Oneshot, _) if is_image => {
                    sources.started(&name, definition("oneshot", [("up", up()), ("run", program(script)), ("down", up())]))
                }
                (_, content) => sources.entry(name, content),
            };
        }
        is_read_back(&imported(&sources));
    }
}

#[test]
fn a_readiness_check_keeps_the_directory_that_it_reads() {
    let run = "#!/usr/bin/with-contenv bash\nexec s6-notifyoncheck -d s6-setuidgid abc web\n";
    let files = [("run", program(run)), ("notification-fd", file("3\n")), ("data", dir([("check", program(NGINX))]))];
    let imported = imported(&s6_image().started("web", definition("longrun", files)));
    let text = text_of(&imported, "services.d/web.toml");
    assert!(text.contains("directory = \"/etc/s6-overlay/s6-rc.d/web\"\n"), "{text}");
}

#[test]
fn the_hook_and_what_a_finish_script_writes_are_said_with_their_places() {
    let finish = "#!/bin/sh\necho $1 > /run/s6-linux-init-container-results/exitcode\nexec /run/s6/basedir/bin/halt\n";
    let files = [("run", program(NGINX)), ("finish", program(finish))];
    let sources = s6_image().started("web", definition("longrun", files)).env("S6_STAGE2_HOOK", "/docker-mods now");
    let imported = imported(&sources);
    let lines: Vec<_> = imported.all_omissions().map(|(at, omission)| format!("{at}: {}", omission.what)).collect();
    let run = "/etc/s6-overlay/s6-rc.d/web/run";
    assert_eq!(
        lines,
        [
            "S6_STAGE2_HOOK=/docker-mods now: the hook".to_owned(),
            format!("{run}: `finish`: s6-linux-init-container-results"),
            format!("{run}: `finish`: /run/s6/basedir/bin/halt"),
        ]
    );
}

#[test]
fn a_script_that_stays_a_file_has_the_variables_that_it_asks_for() {
    let of = |run: &str| {
        let service = definition("longrun", [("run", program(run))]);
        text_of(&imported(&s6_image().started("web", service)), "services.d/web.toml")
    };
    for run in ["#!/command/with-contenv bashio\nweb\n", "#!/usr/bin/execlineb -P\nwith-contenv\nweb\n"] {
        let text = of(run);
        assert!(text.contains("/etc/s6-overlay/s6-rc.d/web/run") && !text.contains("clear_environment"), "{text}");
    }
    assert!(of("#!/usr/bin/execlineb -P\nweb\n").contains("clear_environment = true\n"));
}
