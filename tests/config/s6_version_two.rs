//! Images made for s6-overlay 2, which set the execute bits of their scripts at each start.

use std::path::PathBuf;

use stepdown::config::service::{Command, Service};
use stepdown::config::{Config, Content, Tree, VersionTwoFiles};

use super::sources_builder::{SourcesBuilder, dir, empty_sources, file, program};

const SCRIPT: &str = "#!/bin/sh\n";
const ELF: &str = "\x7fELF";

fn tree(path: &str, entries: impl IntoIterator<Item = (&'static str, Content)>) -> Tree {
    let entries = entries.into_iter().map(|(name, content)| (name.into(), content)).collect();
    Tree { path: PathBuf::from(path), entries, unreadable: None }
}

fn image() -> SourcesBuilder {
    let mut sources = empty_sources();
    sources.0.s6.identifying_directories.push(PathBuf::from("/etc/cont-init.d"));
    sources.0.s6.version_two = Some(VersionTwoFiles::default());
    sources
}

fn with_scripts(init: impl IntoIterator<Item = (&'static str, Content)>) -> SourcesBuilder {
    let mut sources = image();
    sources.0.s6.init_scripts = tree("/etc/cont-init.d", init);
    sources
}

fn by_name<'c>(config: &'c Config, name: &str) -> &'c Service {
    config.services.iter().find(|service| service.name.as_str() == name).expect("the service")
}

#[test]
fn its_scripts_need_no_execute_bit_which_is_said_once() {
    let web = || {
        let log = dir([("run", file(SCRIPT))]);
        dir([("run", file("#!/usr/bin/execlineb -P\n")), ("finish", file(SCRIPT)), ("log", log)])
    };
    let mut sources = with_scripts([("01", file(SCRIPT)), ("02", program(SCRIPT))]).entry("web", web());
    sources.0.s6.finish_scripts = tree("/etc/cont-finish.d", [("bye", file(SCRIPT))]);
    let config = sources.config();
    assert_eq!(by_name(&config, "cont-init-01").command, Command::Argv(vec!["/etc/cont-init.d/01".into()]));
    assert_eq!(by_name(&config, "web").command, Command::File("/etc/services.d/web/run".into()));
    assert_eq!(
        config.notices,
        ["made for s6-overlay 2, which would set the execute bits of its scripts: those without one are run by their \
          interpreters, and nothing in the image is changed (/etc/cont-init.d/01, /etc/cont-finish.d/bye, \
          /etc/services.d/web/run, /etc/services.d/web/finish, /etc/services.d/web/log/run)"]
    );
    let mut sources = image().entry("web", web());
    sources.0.s6.version_two = None;
    let problems = stepdown::config::read(&sources.0).expect_err("nothing sets the bits").into_sorted();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems.iter().all(|problem| problem.to_string().contains(": is not executable")), "{problems:?}");
    // With all bits there is nothing to say.
    assert_eq!(with_scripts([("02", program(SCRIPT))]).config().notices, [""; 0]);
}

#[test]
fn what_no_interpreter_can_run_is_refused_or_passed_over() {
    let config = with_scripts([("README", file("text\n")), ("run", file(SCRIPT))]).config();
    assert_eq!(config.services.len(), 1);
    let passed_over =
        "/etc/cont-init.d: \"README\": no script, not run; s6-overlay 2 fails to execute it, and continues".to_owned();
    assert!(config.notices.contains(&passed_over), "{:?}", config.notices);
    with_scripts([("README", file("text\n"))]).env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2").main("sh").assert_problems(&[
        "/etc/cont-init.d/README: does not begin with `#!`, so that nothing can execute it; begin it with `#!/bin/sh`",
    ]);
    with_scripts([("tool", file(ELF))]).entry("web", dir([("run", file(ELF))])).assert_problems(&[
        "/etc/cont-init.d/tool: is not executable; s6-overlay 2 would set its execute bit; chmod +x /etc/cont-init.d/tool",
        "/etc/services.d/web/run: is not executable; s6-overlay 2 would set its execute bit; chmod +x \
         /etc/services.d/web/run",
    ]);
    image().entry("web", dir([("run", file("exec web\n"))])).assert_problems(&[
        "/etc/services.d/web/run: does not begin with `#!`, so that nothing can execute it; s6-overlay would try to execute \
         it again and again; begin it with `#!/bin/sh`",
    ]);
}

#[test]
fn what_only_version_2_reads_is_named() {
    let mut sources = with_scripts([("01", program(SCRIPT))]);
    let (variables, services) = (vec!["HOME".into()], vec!["puppet".into(), "cron".into()]);
    sources.0.s6.version_two = Some(VersionTwoFiles { variables, services });
    let config = sources.config();
    assert_eq!(
        config.notices,
        [
            "`/etc/s6/services` is ignored: not started; move its services to `/etc/services.d` (puppet, cron)",
            "`/etc/s6/init/env` is ignored: services get `PATH` alone there; set its variables in the image (`ENV`), which \
             `with-contenv` reads (HOME)",
        ]
    );
    assert_eq!(config.passed_over, config.notices, "`import` says it too");
    let s6 = config.s6.expect("it was made for s6-overlay");
    assert!(s6.honoured.contains(&"/var/run/s6/services"), "{:?}", s6.honoured);
}
