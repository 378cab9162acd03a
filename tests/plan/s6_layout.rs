//! The step that creates what scripts of an image made for s6-overlay look for: where, whose, and what is said where it
//! cannot lie in /run.

use std::rc::Rc;

use stepdown::config::Config;
use stepdown::config::container::DropPolicy;
use stepdown::config::s6_overlay::{S6Origin, S6Overlay};
use stepdown::config::service::{Kind, RunAs, Service};
use stepdown::config::values::Capability;
use stepdown::plan::facts::*;
use stepdown::plan::{self, BootPlan, Decision, S6Base, S6DirectoryKind, S6Layout, Step};

use crate::support::plan_inputs::*;

/// An image with a longrun of s6-rc, one of services.d and a script, all as root.
fn image() -> Config {
    let of_s6 = |service, origin| Service { user: RunAs::Root, s6: Some(origin), ..service };
    let services = vec![
        of_s6(oneshot("init-config"), S6Origin::Script),
        of_s6(longrun("old"), S6Origin::Legacy("/etc/services.d/old".into())),
        of_s6(longrun("svc-web"), S6Origin::Longrun("/etc/s6-overlay/s6-rc.d/svc-web".into())),
    ];
    Config { services: shared(services), s6: Some(S6Overlay::default()), ..config() }
}

fn places(run: PathFact, access: Access) -> Option<S6Places> {
    Some(S6Places { run, access, var_run: VarRun::Link })
}

fn in_root(run: PathFact) -> Facts {
    Facts { s6: places(run, Access::Yes), ..docker() }
}

#[track_caller]
fn step(plan: &BootPlan) -> (&S6Layout, &Decision) {
    let found = plan.steps.iter().find_map(|planned| match &planned.step {
        Step::S6Layout(layout) => Some((layout, &planned.decision)),
        _ => None,
    });
    found.unwrap()
}

#[track_caller]
fn boot(config: &Config, facts: &Facts) -> BootPlan {
    plan::boot(config, facts).unwrap()
}

#[test]
fn it_lies_in_run_and_is_of_root_whom_the_scripts_run_as() {
    let plan = boot(&image(), &in_root(dir(0, 0, 0o755)));
    let (layout, decision) = step(&plan);
    assert_eq!((layout.base, decision), (S6Base::Run, &Decision::Perform));
    assert_eq!((layout.owner.uid.0, layout.owner.gid.0, layout.take_run), (0, 0, false));
    let of: Vec<_> = layout.services.iter().map(|each| (each.name.as_str(), each.kind)).collect();
    assert_eq!(of, [("old", S6DirectoryKind::Legacy), ("svc-web", S6DirectoryKind::Longrun)]);
    let printed = plan::show::text(&plan, &image());
    assert!(printed.contains("do    s6-overlay files: in /run, 0:0, directories of 2 services\n"), "{printed}");
}

/// A script may wait for a longrun that it does not require: s6-overlay starts both.
#[test]
fn oneshots_start_beside_longruns_of_root_and_before_the_drop_without_any() {
    let mut image = image();
    assert_eq!(boot(&image, &in_root(dir(0, 0, 0o755))).prepare, []);
    image.services.retain(|service| service.kind == Kind::Oneshot);
    let prepare = boot(&image, &in_root(dir(0, 0, 0o755))).prepare;
    assert_eq!(prepare.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["init-config"]);
}

#[test]
fn an_image_that_was_not_made_for_s6_overlay_has_no_such_step() {
    let plan = boot(&Config { services: shared([longrun("web")]), ..config() }, &docker());
    assert!(!plan.steps.iter().any(|planned| matches!(planned.step, Step::S6Layout(_))));
}

#[test]
fn scripts_that_run_as_the_app_user_own_it() {
    let mut image = image();
    image.container.drop = DropPolicy::App;
    image.container.app.env_uid = env_uid(1000);
    image.services.iter_mut().for_each(|service| Rc::make_mut(service).user = RunAs::App);
    let plan = boot(&image, &in_root(dir(0, 0, 0o755)));
    assert_eq!((step(&plan).0.owner.uid.0, step(&plan).1), (1000, &Decision::Perform));
    let without_chown = without(in_root(dir(0, 0, 0o755)), &[Capability::CHOWN]);
    let plan = boot(&image, &without_chown);
    let Decision::Skip(why) = step(&plan).1 else { panic!("{:?}", step(&plan).1) };
    assert_eq!(why.cause, "CHOWN is not granted");
}

#[test]
fn a_run_that_others_can_write_becomes_roots_as_under_s6_overlay() {
    let take_run = |run| step(&boot(&image(), &in_root(run))).0.take_run;
    assert!(take_run(dir(1000, 1000, 0o755)), "its owner could replace what root's scripts read");
    assert!(take_run(dir(0, 0, 0o777)));
    assert!(!take_run(dir(0, 0, 0o1777)), "sticky: only root can rename what is root's");
    let facts = without(in_root(dir(1000, 1000, 0o755)), &[Capability::CHOWN]);
    let plan = boot(&image(), &facts);
    assert!(!step(&plan).0.take_run);
    let messages =
        "s6-overlay files: /run is 1000:1000 0755; everyone who can write it can replace what the scripts read there";
    assert!(noted(&plan).iter().any(|line| line.starts_with(messages)), "{:#?}", noted(&plan));
}

#[test]
fn a_user_who_cannot_write_run_is_told_which_paths_are_missing_and_the_tmpfs() {
    let facts = Facts { s6: places(dir(0, 0, 0o755), Access::Denied), ..as_user(1000, 1000) };
    let plan = boot(&image(), &facts);
    assert_eq!((step(&plan).0.base, step(&plan).1), (S6Base::RuntimeDirectory, &Decision::Perform));
    assert_eq!(step(&plan).0.owner.uid.0, 1000);
    let line = noted(&plan).into_iter().find(|line| line.starts_with("s6-overlay files:")).unwrap();
    assert!(line.contains("/run is 0:0 0755, and 1000:1000 cannot write it"), "{line}");
    assert!(line.contains("/run/s6/container_environment") && line.contains("/run/service"), "{line}");
    assert!(line.contains("--tmpfs /run:uid=1000,gid=1000,mode=0755"), "{line}");
}

#[test]
fn without_any_runtime_directory_it_is_skipped_and_the_boot_goes_on() {
    let runtime = vec![("/run/stepdown".into(), Access::ReadOnly)];
    let s6 = places(dir(0, 0, 0o755), Access::ReadOnly);
    let plan = boot(&image(), &Facts { s6, runtime, ..docker() });
    let Decision::Skip(why) = step(&plan).1 else { panic!("{:?}", step(&plan).1) };
    assert_eq!(why.cause, "/run is read-only");
}

#[test]
fn var_run_becomes_a_link_only_where_nothing_is_lost() {
    let of = |var_run| {
        let s6 = Some(S6Places { run: dir(0, 0, 0o755), access: Access::Yes, var_run });
        let plan = boot(&image(), &Facts { s6, ..docker() });
        (step(&plan).0.link_var_run, noted(&plan).iter().any(|line| line.contains("/var/run is no link to /run")))
    };
    assert_eq!(of(VarRun::Link), (false, false));
    assert_eq!(of(VarRun::Free(Access::Yes)), (true, false));
    assert_eq!(of(VarRun::Free(Access::ReadOnly)), (false, true));
    assert_eq!(of(VarRun::Used), (false, true));
}

#[test]
fn what_forces_root_is_named_once_for_all_services_of_such_an_image() {
    let plan = boot(&image(), &in_root(dir(0, 0, 0o755)));
    let of_s6: Vec<_> = plan.privilege.reasons.iter().filter(|reason| reason.contains("s6-overlay")).collect();
    assert!(
        of_s6[0].contains("drop = \"app\"") && of_s6[0].contains("old") && of_s6[0].contains("svc-web"),
        "{of_s6:#?}"
    );
}

#[test]
fn what_it_lacks_without_root_is_said_once_for_all_services_of_such_an_image() {
    let facts = Facts { s6: places(dir(1000, 1000, 0o755), Access::Yes), ..as_user(1000, 1000) };
    let messages = noted(&boot(&image(), &facts));
    let of_s6: Vec<_> = messages.iter().filter(|line| line.starts_with("what was made for s6-overlay: ")).collect();
    assert_eq!(of_s6.len(), 1, "{messages:#?}");
    assert!(of_s6[0].contains("all of it runs as 1000:1000"), "{messages:#?}");
    let mut image = image();
    image.services.iter_mut().for_each(|service| Rc::make_mut(service).no_new_privileges = false);
    let messages = noted(&boot(&image, &Facts { no_new_privs: true, ..in_root(dir(0, 0, 0o755)) }));
    let of_s6: Vec<_> = messages.iter().filter(|line| line.contains("the runtime has set no_new_privs")).collect();
    assert_eq!(of_s6.len(), 1, "{messages:#?}");
}
