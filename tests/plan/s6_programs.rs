//! Programs of an image made for s6-overlay that cannot be executed: the problem names the file of the definition, and what
//! s6-overlay would do.

use std::path::PathBuf;

use stepdown::config::Config;
use stepdown::config::s6_overlay::{OnFailure, S6Origin, S6Overlay};
use stepdown::config::service::{Command, Finish, RunAs, Service};
use stepdown::error::Place;
use stepdown::plan;
use stepdown::plan::facts::*;

use crate::support::plan_inputs::*;

const DEFINITIONS: &str = "/etc/s6-overlay/s6-rc.d";

fn of_s6(service: Service, file: &str, origin: S6Origin) -> Service {
    let path = PathBuf::from(file);
    Service {
        at: Place::file(&path),
        command: Command::File(path),
        user: RunAs::Root,
        s6: Some(origin),
        clear_environment: true,
        ..service
    }
}

fn svc_web() -> Service {
    let origin = S6Origin::Longrun(format!("{DEFINITIONS}/svc-web").into());
    of_s6(longrun("svc-web"), &format!("{DEFINITIONS}/svc-web/run"), origin)
}

fn init_config() -> Service {
    let command = Command::Argv(vec![format!("{DEFINITIONS}/init-config/script").into()]);
    Service { command, ..of_s6(oneshot("init-config"), &format!("{DEFINITIONS}/init-config/up"), S6Origin::Script) }
}

/// The problems of a boot with one service, whose program or the program of that key is this.
#[track_caller]
fn problems(service: Service, key: &'static str, fact: ProgramFact, on_failure: OnFailure) -> Vec<String> {
    let s6 = Some(S6Overlay { on_failure, ..S6Overlay::default() });
    let mut facts = docker();
    let name = service.name.to_string();
    match key {
        "" => drop(facts.named.programs.insert(name, fact)),
        key => drop(facts.named.auxiliary_programs.insert(name, [(key, fact)].into())),
    }
    let config = Config { services: shared([service]), s6, ..config() };
    let error = plan::boot(&config, &facts).expect_err("it cannot be executed");
    let lines = error.to_string();
    lines.lines().skip(1).map(|line| line.trim().replace(DEFINITIONS, "D")).collect()
}

fn needs(program: &str, interpreter: &str) -> ProgramFact {
    ProgramFact::NoInterpreter { program: program.into(), interpreter: interpreter.into() }
}

#[test]
fn a_longrun_whose_interpreter_is_missing_would_be_executed_again_and_again() {
    let run = format!("{DEFINITIONS}/svc-web/run");
    assert_eq!(
        problems(svc_web(), "", needs(&run, "/usr/bin/bashio"), OnFailure::Stop),
        [
            "D/svc-web/run: cannot execute `D/svc-web/run`: it needs `/usr/bin/bashio`, which is not in this image; s6-overlay \
             would try to execute it again and again; install that, or write a program that this image can run"
        ]
    );
    let missing = problems(svc_web(), "", needs(&run, "/command/with-contenv"), OnFailure::Continue);
    assert!(missing[0].ends_with("; `RUN stepdown install-links` in the Dockerfile creates it"), "{missing:?}");
    let windows = problems(svc_web(), "", needs(&run, "/bin/sh\r"), OnFailure::Continue);
    assert!(
        windows[0].ends_with("; write it with Unix line endings: `sed -i 's/\\r$//' D/svc-web/run`"),
        "{windows:?}"
    );
}

#[test]
fn a_finish_script_and_a_down_file_are_named_themselves() {
    let finish = PathBuf::from(format!("{DEFINITIONS}/svc-web/finish"));
    let service = Service {
        finish: Some(Box::new(Finish { command: Command::File(finish.clone()), timeout: None })),
        ..svc_web()
    };
    assert_eq!(
        problems(service, "finish", ProgramFact::NotExecutable(finish), OnFailure::Continue),
        [
            "D/svc-web/finish: cannot execute `D/svc-web/finish`: it has no execute bit; s6-overlay would go on without it; \
             `RUN chmod +x D/svc-web/finish` in the Dockerfile"
        ]
    );
    let down = Some(Box::new(Command::Argv(vec!["/opt/bye".into()])));
    let service = Service { stop_command: down, ..init_config() };
    assert_eq!(
        problems(service, "stop_command", ProgramFact::NotFound, OnFailure::Stop),
        [
            "D/init-config/down: cannot find the program `/opt/bye`; s6-overlay would go on without it; write the path of a \
             program that is in the image, or install this one"
        ]
    );
}

#[test]
fn a_oneshot_would_be_missing_with_its_dependents_unless_the_container_ends() {
    let of = |on_failure| problems(init_config(), "", ProgramFact::NotFound, on_failure);
    let [what, fix] = [
        "D/init-config/up: cannot find the program `D/init-config/script`",
        "; write the path of a program that is in the image, or install this one",
    ];
    let without = "; s6-overlay would go on without it and without what depends on it";
    assert_eq!(of(OnFailure::Continue), [format!("{what}{without}{fix}")]);
    assert_eq!(of(OnFailure::Stop), [format!("{what}{fix}")]);
    let script = of_s6(oneshot("cont-init-01"), "/etc/cont-init.d/01", S6Origin::InitScript);
    let said = problems(script, "", ProgramFact::NotFound, OnFailure::Continue);
    assert!(said[0].contains("`/etc/cont-init.d/01`; s6-overlay would go on without it; "), "{said:?}");
}

#[test]
fn a_service_that_is_not_of_s6_overlay_says_nothing_of_it() {
    let said = problems(longrun("web"), "", ProgramFact::NotFound, OnFailure::Continue);
    assert_eq!(
        said,
        [
            "/etc/services.d/web.toml: cannot find the program `/usr/bin/web`; write the path of a program that is in the image, \
             or install this one"
        ]
    );
}

#[test]
fn a_word_of_execline_that_is_missing_is_created_by_install_links() {
    let problem = |service: Service, word: &str| {
        let command = Command::Argv(vec![word.into(), "A".into()]);
        problems(Service { command, ..service }, "", ProgramFact::NotFound, OnFailure::Stop)
    };
    assert_eq!(
        problem(init_config(), "export"),
        [
            "D/init-config/up: cannot find the program `export` in PATH; `RUN stepdown install-links` in the Dockerfile creates it"
        ]
    );
    let other = "; write the path of a program that is in the image, or install this one";
    // Of a shell, or of nobody.
    for (service, word) in [(oneshot("other"), "export"), (init_config(), "/bin/export"), (init_config(), "exporter")] {
        let found = problem(service, word);
        assert!(found[0].ends_with(other), "{found:?}");
    }
}
