//! Steps and their verdicts, idempotence, and the report.

use std::path::Path;
use std::rc::Rc;

use stepdown::config::Config;
use stepdown::config::container::*;
use stepdown::config::service::*;
use stepdown::config::values::*;
use stepdown::error::Place;
use stepdown::plan::checks::Issue;
use stepdown::plan::facts::*;
use stepdown::plan::{self, BootPlan, Decision, Mode, StdioAccess, Step};

use crate::support::plan_inputs::*;

pub fn contents(plan: &BootPlan, wanted: AccountFile) -> Option<String> {
    plan.steps.iter().find_map(|planned| {
        let Step::WriteAccounts { file, contents, .. } = &planned.step else { return None };
        (*file == wanted).then(|| String::from_utf8(contents.clone()).unwrap())
    })
}

fn verdict_of<'a>(plan: &'a BootPlan, path: &str) -> &'a Decision {
    let path = Path::new(path);
    let is_it = |step: &Step| match step {
        Step::Own(own) => own.path == path,
        Step::MakeDirectory(make) => make.path == path,
        Step::WriteAccounts { file, .. } => Path::new(file.path()) == path,
        Step::BecomeSubreaper
        | Step::RuntimeDirectory { .. }
        | Step::ReadSecret(_)
        | Step::S6Layout(_)
        | Step::SetStdioAccess { .. } => false,
    };
    &plan.steps.iter().find(|each| is_it(&each.step)).unwrap().decision
}

fn skipped_issue<'a>(plan: &'a BootPlan, path: &str) -> &'a Issue {
    match verdict_of(plan, path) {
        Decision::Skip(why) => why,
        other => panic!("not skipped: {other:?}"),
    }
}

fn plan_of_own(own: Own, fact: PathFact, mut facts: Facts) -> BootPlan {
    let mut config = config();
    config.container.own = vec![own];
    let declared = config.container.own[0].path.clone();
    facts.paths.insert(declared, fact);
    plan::boot(&config, &facts).unwrap()
}

/// Does to the facts what the steps of a plan do to the machine.
fn apply(plan: &BootPlan, facts: &mut Facts) {
    for planned in plan.steps.iter().filter(|each| each.decision == Decision::Perform) {
        match &planned.step {
            Step::WriteAccounts { file, contents, .. } => {
                facts.accounts.insert(*file, AccountState::File(contents.clone()));
            }
            Step::MakeDirectory(make) => {
                facts.paths.insert(make.path.clone(), dir(make.owner.uid.0, make.owner.gid.0, make.mode));
            }
            Step::Own(own) => {
                let mode = own.options.dir_mode.unwrap_or(0o755);
                facts.paths.insert(own.path.clone(), dir(own.owner.uid.0, own.owner.gid.0, mode));
            }
            Step::SetStdioAccess { fd, access } => {
                let fact = facts.stdio.get_mut(usize::try_from(*fd).unwrap()).unwrap();
                match access {
                    StdioAccess::Mode0622 => fact.mode = 0o622,
                    StdioAccess::Owner(uid) => fact.uid = *uid,
                }
            }
            Step::BecomeSubreaper | Step::RuntimeDirectory { .. } | Step::ReadSecret(_) | Step::S6Layout(_) => {}
        }
    }
}

fn everything() -> Config {
    let mut config = config();
    config.container.app.env_uid = env_uid(1);
    config.container.app.env_gid = env_gid(100);
    config.container.app.home = Some("/config".into());
    config.container.app.groups = vec![GroupRef::Name(group("video"))];
    config.container.own = vec![
        own_with("/config", OwnOptions { when: OwnWhen::RootMismatch, dir_mode: Some(0o750), ..OwnOptions::default() }),
        own_with("/data", OwnOptions { recursive: false, create: true, ..OwnOptions::default() }),
        own_with("/absent", OwnOptions { optional: true, ..OwnOptions::default() }),
        Own {
            user: Some(UserRef::Name(user("postgres"))),
            ..own_with("/db", OwnOptions { recursive: false, ..OwnOptions::default() })
        },
    ];
    config.container.directories = vec![directory("/run/web")];
    config.main = vec!["true".into()];
    config
}

fn with_paths_before_boot(mut facts: Facts) -> Facts {
    path(&mut facts, "/config", dir(0, 0, 0o755));
    path(&mut facts, "/data", PathFact::Missing(Access::Yes));
    path(&mut facts, "/absent", PathFact::Missing(Access::Yes));
    path(&mut facts, "/db", dir(5, 5, 0o700));
    path(&mut facts, "/run/web", PathFact::Missing(Access::Yes));
    facts
}

#[test]
fn an_unknown_user_that_was_asked_for_is_no_warning() {
    let lines = plan::show::report(&plan::boot(&config(), &as_user(4242, 0)).unwrap());
    let first = lines.iter().find(|line| line.text.starts_with("mode: user, unknown")).unwrap();
    assert_eq!(first.level, Level::Info);
}

#[test]
fn the_tmpfs_for_the_control_socket_is_the_users_who_needs_it() {
    let nowhere = |facts| Facts { runtime: vec![("/run/stepdown".into(), Access::ReadOnly)], ..facts };
    let fix = |facts| skip_of_runtime(&plan::boot(&config(), &nowhere(facts)).unwrap());
    assert_eq!(fix(docker()), "compose: `tmpfs: [/run]`; docker run: `--tmpfs /run`");
    let mount = "/run:uid=1000,gid=100,mode=0755";
    assert_eq!(fix(as_user(1000, 100)), format!("compose: `tmpfs: [\"{mount}\"]`; docker run: `--tmpfs {mount}`"));
}

fn skip_of_runtime(plan: &BootPlan) -> String {
    let found = plan.steps.iter().find(|each| matches!(each.step, Step::RuntimeDirectory { .. })).unwrap();
    let Decision::Skip(why) = &found.decision else { panic!("{found:?}") };
    why.fix.to_string()
}

#[test]
fn a_plan_that_was_carried_out_leaves_nothing_to_plan() {
    let config = everything();
    for mut facts in [with_paths_before_boot(docker()), with_paths_before_boot(rootless())] {
        let first = plan::boot(&config, &facts).unwrap();
        assert!(first.steps.iter().any(|each| each.decision == Decision::Perform));
        apply(&first, &mut facts);
        let second = plan::boot(&config, &facts).unwrap();
        // Our own directory is created again at each boot: nothing answers on the control socket of a dead PID 1.
        for planned in second.steps.iter().filter(|each| !matches!(each.step, Step::RuntimeDirectory { .. })) {
            assert!(matches!(planned.decision, Decision::AlreadyDone(_)), "{planned:?}");
        }
        assert_eq!(first.identity, second.identity);
        assert!(plan::show::report(&second)[0].text.ends_with("; nothing left to do"));
    }
}

#[test]
fn changing_puid_between_two_boots_is_changing_one_number() {
    let mut config = config();
    let mut facts = docker();
    config.container.app.env_uid = env_uid(1000);
    apply(&plan::boot(&config, &facts).unwrap(), &mut facts);
    config.container.app.env_uid = env_uid(1001);
    let plan = plan::boot(&config, &facts).unwrap();
    let changes: Vec<_> = plan
        .steps
        .iter()
        .filter_map(|each| {
            let Step::WriteAccounts { changes, .. } = &each.step else { return None };
            Some(changes.clone())
        })
        .flatten()
        .collect();
    assert_eq!(changes, ["uid of app: 1000 → 1001"]);
}

#[test]
fn steps_come_in_the_order_of_the_story() {
    let mut facts = with_paths_before_boot(docker());
    facts.pid_one = false;
    let place = |part| plan::boot_parts().iter().position(|(name, _)| *name == part).unwrap();
    let plan = plan::boot(&everything(), &facts).unwrap();
    let places: Vec<_> = plan.steps.iter().map(|each| place(each.step.part())).collect();
    assert!(places.is_sorted(), "{places:?}");
    let mut parts: Vec<_> = places.clone();
    parts.dedup();
    assert_eq!(parts.len(), 6, "every kind of step is here");
}

#[test]
fn the_group_file_is_written_first_so_that_no_account_has_an_unknown_group() {
    let plan = plan::boot(&everything(), &with_paths_before_boot(docker())).unwrap();
    let files: Vec<_> = plan
        .steps
        .iter()
        .filter_map(|each| {
            let Step::WriteAccounts { file, .. } = &each.step else { return None };
            Some(*file)
        })
        .collect();
    assert_eq!(files, AccountFile::ALL);
}

#[test]
fn account_files_that_are_not_ours_are_skipped_and_the_drop_is_by_number() {
    let mut facts = docker();
    facts.accounts.insert(AccountFile::Passwd, AccountState::Fixed(PASSWD.into(), "bind-mounted"));
    facts.accounts.insert(AccountFile::Group, AccountState::Unfit("a symbolic link".into()));
    facts.accounts.insert(AccountFile::Shadow, AccountState::Missing);
    let plan = plan::boot(&config(), &facts).unwrap();
    assert_eq!((plan.mode, plan.identity.uid), (Mode::RootLimited, Uid(1000)));
    assert_eq!(skipped_issue(&plan, "/etc/passwd").cause, "/etc/passwd is bind-mounted");
    assert_eq!(skipped_issue(&plan, "/etc/group").cause, "/etc/group is a symbolic link");
    assert_eq!(contents(&plan, AccountFile::Shadow), None, "shadow is not created where there is none");
}

#[test]
fn a_read_only_root_that_is_right_already_is_no_limit() {
    let mut facts = docker();
    apply(&plan::boot(&config(), &facts).unwrap(), &mut facts);
    facts.etc = Access::ReadOnly;
    assert_eq!(plan::boot(&config(), &facts).unwrap().mode, Mode::Root);
}

#[test]
fn from_scratch_the_account_files_are_made() {
    let mut facts = docker();
    facts.accounts = AccountFile::ALL.map(|file| (file, AccountState::Missing)).into();
    let plan = plan::boot(&config(), &facts).unwrap();
    assert_eq!(contents(&plan, AccountFile::Passwd).unwrap(), "app:x:1000:1000::/:/sbin/nologin\n");
    assert_eq!(*verdict_of(&plan, "/etc/passwd"), Decision::Perform);
    facts.etc = Access::Missing;
    assert_eq!(skipped_issue(&plan::boot(&config(), &facts).unwrap(), "/etc/passwd").cause, "there is no /etc");
}

#[test]
fn trees_are_walked_unless_the_policy_says_otherwise() {
    let right = dir(1000, 1000, 0o755);
    let decision = |own: Own, fact| verdict_of(&plan_of_own(own, fact, docker()), "/c").clone();
    let fits = |decision| matches!(decision, Decision::AlreadyDone(_));
    assert_eq!(decision(own("/c"), right), Decision::Perform, "only the walk knows what lies below");
    assert_eq!(
        decision(own_with("/c", OwnOptions { when: OwnWhen::Always, ..OwnOptions::default() }), right),
        Decision::Perform
    );
    assert!(fits(decision(own_with("/c", OwnOptions { when: OwnWhen::RootMismatch, ..OwnOptions::default() }), right)));
    assert!(fits(decision(own_with("/c", OwnOptions { when: OwnWhen::Never, ..OwnOptions::default() }), right)));
    assert!(fits(decision(own_with("/c", OwnOptions { recursive: false, ..OwnOptions::default() }), right)));
    assert!(fits(decision(own("/c"), found(PathKind::File, 1000, 1000, 0o644))));
    assert_eq!(
        decision(
            own_with("/c", OwnOptions { recursive: false, dir_mode: Some(0o700), ..OwnOptions::default() }),
            right
        ),
        Decision::Perform
    );
    assert_eq!(
        decision(
            own_with("/c", OwnOptions { when: OwnWhen::RootMismatch, ..OwnOptions::default() }),
            dir(0, 1000, 0o755)
        ),
        Decision::Perform
    );
    assert!(matches!(decision(own("/c"), found(PathKind::Link, 0, 0, 0o777)), Decision::Skip(_)));
    assert!(matches!(decision(own("/c"), PathFact::Missing(Access::Yes)), Decision::Skip(_)));
    assert!(fits(decision(
        own_with("/c", OwnOptions { optional: true, ..OwnOptions::default() }),
        PathFact::Missing(Access::Yes)
    )));
    assert_eq!(
        decision(own_with("/c", OwnOptions { create: true, ..OwnOptions::default() }), PathFact::Missing(Access::Yes)),
        Decision::Perform
    );
}

#[test]
fn without_chown_the_path_the_cause_and_the_fix_are_named() {
    let plan = plan_of_own(own("/c"), dir(0, 0, 0o755), without(docker(), &[Capability::CHOWN]));
    assert_eq!(plan.mode, Mode::RootLimited);
    let why = skipped_issue(&plan, "/c");
    assert_eq!((why.cause.as_str(), why.consequence.as_str()), ("CHOWN is not granted", "/c stays 0:0 0755"));
    assert!(
        why.fix.to_string().contains("cap_add: [CHOWN]") && why.fix.to_string().contains("chown -R 1000:1000"),
        "{why:?}"
    );
}

#[test]
fn without_fowner_or_dac_override_the_walk_tells_what_it_leaves() {
    let facts = without(docker(), &[Capability::FOWNER, Capability::DAC_OVERRIDE]);
    let plan = plan_of_own(own("/c"), dir(0, 0, 0o755), facts);
    assert_eq!((plan.mode, verdict_of(&plan, "/c")), (Mode::RootLimited, &Decision::Perform));
    assert_eq!(noted(&plan).len(), 2, "{:?}", noted(&plan));
}

#[test]
fn a_required_path_that_the_app_cannot_use_stops_the_boot() {
    let mut config = config();
    config.container.own = vec![own_with("/c", OwnOptions { required: true, ..OwnOptions::default() })];
    let mut facts = as_user(999, 998);
    path(&mut facts, "/c", dir(0, 0, 0o755));
    let error = plan::boot(&config, &facts).unwrap_err();
    assert_eq!(error.exit_code(), 111);
    assert!(error.to_string().starts_with("cannot give /c to 999:998, which /etc/stepdown.toml:7 requires"), "{error}");
    path(&mut facts, "/c", dir(0, 998, 0o770));
    assert!(plan::boot(&config, &facts).is_ok(), "what decides is whether the app can use it");
}

#[test]
fn what_a_user_can_make_is_made_and_the_rest_is_checked() {
    let mut config = config();
    config.container.own = vec![own_with("/c", OwnOptions { create: true, ..OwnOptions::default() })];
    config.container.directories = vec![directory("/tmp/web"), directory("/run/web")];
    let mut facts = as_user(999, 998);
    path(&mut facts, "/c", PathFact::Missing(Access::Yes));
    path(&mut facts, "/tmp/web", PathFact::Missing(Access::Yes));
    path(&mut facts, "/run/web", PathFact::Missing(Access::ReadOnly));
    let plan = plan::boot(&config, &facts).unwrap();
    let made = |index: &str| {
        plan.steps.iter().any(|each| {
            matches!(&each.step, Step::MakeDirectory(make) if make.path == Path::new(index) && make.owner.uid == Uid(999))
                && each.decision == Decision::Perform
        })
    };
    assert!(made("/c") && made("/tmp/web"));
    assert!(skipped_issue(&plan, "/run/web").fix.to_string().contains("--tmpfs /run/web:uid=999,gid=998,mode=0755"));
    assert!(!plan.steps.iter().any(|each| matches!(each.step, Step::SetStdioAccess { .. })));
}

#[test]
fn directories_are_created_fixed_cleaned_or_left() {
    let decision = |declared: Directory, fact: PathFact, mut facts: Facts| {
        let mut config = config();
        config.container.directories = vec![declared];
        path(&mut facts, "/run/w", fact);
        verdict_of(&plan::boot(&config, &facts).unwrap(), "/run/w").clone()
    };
    let skipped = |decision| matches!(decision, Decision::Skip(_));
    let right = dir(1000, 1000, 0o755);
    assert!(matches!(decision(directory("/run/w"), right, docker()), Decision::AlreadyDone(_)));
    assert_eq!(decision(directory("/run/w"), dir(1000, 1000, 0o700), docker()), Decision::Perform);
    assert_eq!(
        decision(Directory { clean: vec!["*.pid".into()], ..directory("/run/w") }, right, docker()),
        Decision::Perform
    );
    assert!(skipped(decision(directory("/run/w"), found(PathKind::Link, 0, 0, 0o777), docker())));
    let limited = without(docker(), &[Capability::CHOWN]);
    assert!(skipped(decision(directory("/run/w"), dir(0, 0, 0o755), limited.clone())));
    assert!(skipped(decision(directory("/run/w"), PathFact::Missing(Access::Yes), limited.clone())));
    let roots = Directory { user: Some(UserRef::Id(Uid(0))), group: Some(GroupRef::Id(Gid(0))), ..directory("/run/w") };
    assert_eq!(decision(roots, PathFact::Missing(Access::Yes), limited), Decision::Perform);
}

#[test]
fn stdio_is_given_where_it_helps() {
    let kinds = [StdioKind::Closed, StdioKind::Device, StdioKind::File, StdioKind::Socket];
    let give = |kind, uid, mode, facts: Facts| {
        let facts = Facts { stdio: [StdioFact { kind, uid: Uid(uid), mode }; 3], ..facts };
        let steps = plan::boot(&config(), &facts).unwrap().steps;
        let stdio = steps.into_iter().filter(|each| matches!(each.step, Step::SetStdioAccess { .. }));
        stdio.map(|each| each.decision).collect::<Vec<_>>()
    };
    for kind in kinds {
        assert_eq!(give(kind, 0, 0o600, docker()), []);
    }
    assert_eq!(give(StdioKind::Fifo, 0, 0o600, docker()), [Decision::Perform, Decision::Perform]);
    assert_eq!(
        give(StdioKind::Terminal, 0, 0o600, docker()),
        [Decision::Perform, Decision::Perform, Decision::Perform]
    );
    assert!(matches!(give(StdioKind::Terminal, 1000, 0o620, docker())[0], Decision::AlreadyDone(_)));
    let limited = || without(docker(), &[Capability::CHOWN, Capability::FOWNER]);
    assert_eq!(give(StdioKind::Fifo, 0, 0o600, limited())[0], Decision::Perform, "root owns it");
    assert!(matches!(give(StdioKind::Fifo, 5, 0o600, limited())[0], Decision::Skip(_)));
    assert!(matches!(give(StdioKind::Terminal, 0, 0o600, limited())[0], Decision::Skip(_)));
}

#[test]
fn fix_attrs_with_an_account_that_does_not_exist_has_its_default_or_is_left_out() {
    let declared = |path: &str, unknown_owner| Own {
        user: Some(UserRef::Name(user("nobody2"))),
        at: Place::line("/etc/fix-attrs.d/01", 3),
        ..own_with(path, OwnOptions { unknown_owner, ..OwnOptions::default() })
    };
    let mut config = config();
    config.container.own = vec![declared("/a", UnknownOwner::Skip), declared("/b", UnknownOwner::Ids(Uid(7), Gid(8)))];
    let mut facts = docker();
    path(&mut facts, "/a", dir(0, 0, 0o755));
    path(&mut facts, "/b", dir(0, 0, 0o755));
    let plan = plan::boot(&config, &facts).unwrap();
    let owned: Vec<_> = plan
        .steps
        .iter()
        .filter_map(|planned| match &planned.step {
            Step::Own(own) => Some((own.path.as_path(), own.owner.uid, own.owner.gid)),
            _ => None,
        })
        .collect();
    assert_eq!(owned, [(Path::new("/b"), Uid(7), Gid(8))]);
    assert!(
        noted(&plan)
            .contains(&"/etc/fix-attrs.d/01:3: its account does not exist: the owner of /a is not changed".to_owned()),
        "{:?}",
        noted(&plan)
    );
}

#[test]
fn owners_that_do_not_exist_are_problems_of_their_line() {
    let mut config = config();
    config.container.own = vec![Own { user: Some(UserRef::Name(user("nobdy"))), ..own("/c") }];
    config.container.directories = vec![Directory { group: Some(GroupRef::Name(group("nix"))), ..directory("/run/w") }];
    let text = plan::boot(&config, &docker()).unwrap_err().to_string();
    assert!(text.contains("/etc/stepdown.toml:7: `user = \"nobdy\"`"), "{text}");
    assert!(text.contains("/etc/stepdown.toml:12: `group = \"nix\"`"), "{text}");
    config.container.own[0].user = Some(UserRef::Name(user("app")));
    config.container.directories[0].group = Some(GroupRef::Name(group("app")));
    assert!(plan::boot(&config, &docker()).is_ok(), "the app's own names count before they are written");
}

#[test]
fn the_report_is_one_line_when_all_is_well() {
    let lines = plan::show::report(&plan::boot(&everything(), &with_paths_before_boot(docker())).unwrap());
    let clash = "uid 1 also belongs to `daemon`";
    let all: Vec<_> =
        lines.iter().filter(|each| !each.text.contains("also belongs")).map(|each| each.text.as_str()).collect();
    assert_eq!(all, ["steps down to app (1:100), keeps nothing; the main command"]);
    assert!(lines.iter().any(|each| each.text.starts_with(clash)));
}

#[test]
fn the_report_tells_mode_identity_privilege_and_each_skipped_step_with_its_fix() {
    let mut config = everything();
    config.services = shared([Service { user: RunAs::Root, ..longrun("cron") }]);
    let mut facts = with_paths_before_boot(without(read_only(), &[Capability::CHOWN]));
    facts.accounts.insert(AccountFile::Gshadow, AccountState::Missing);
    let lines = plan::show::report(&plan::boot(&config, &facts).unwrap());
    let text: Vec<_> = lines.iter().map(|each| each.text.as_str()).collect();
    assert_eq!(text[0], "mode: root, limited; 1 service and the main command");
    assert_eq!(text[1], "identity: app (1:100), groups 44 100");
    assert_eq!(text[2], "privilege: PID 1 stays root: `cron` runs as root for good");
    assert_eq!(lines[2].level, Level::Warn);
    let skipped: Vec<_> = text.iter().filter(|each| each.starts_with("skipped ")).collect();
    assert_eq!(skipped.len(), 6, "{skipped:#?}");
    assert!(skipped.iter().all(|each| each.contains("; fix: ")), "{skipped:#?}");
    assert!(
        skipped[0].starts_with("skipped /etc/group, /etc/passwd, /etc/shadow: /etc is read-only; "),
        "{skipped:#?}"
    );
}

#[test]
fn json_says_the_same() {
    let mut config = everything();
    config.services = shared([longrun("db"), Service { requires: names(&["db"]), ..longrun("web") }]);
    let plan = plan::boot(&config, &with_paths_before_boot(read_only())).unwrap();
    let json = plan::show::json(&plan, &config);
    assert_eq!(json["mode"], "root-limited");
    assert_eq!(json["identity"]["uid"], 1);
    assert_eq!(json["privilege"]["drop"], "to-app");
    assert_eq!(json["steps"][0]["verdict"], "skip");
    assert_eq!(json["steps"][0]["cause"], "/etc is read-only");
    assert_eq!(json["order"], serde_json::json!([["db"], ["web"]]));
    assert_eq!(json["services"][1]["requires"][0], "db");
    assert_eq!(json["main"]["argv"][0], "true");
}

#[test]
fn a_thousand_services_in_a_chain_are_ordered() {
    let mut all = shared([longrun("s0")]);
    all.extend(
        (1..5_000)
            .map(|index| Service { requires: names(&[&format!("s{}", index - 1)]), ..longrun(&format!("s{index}")) })
            .map(Rc::new),
    );
    all.reverse();
    let layers = plan::order::layers(&all);
    assert_eq!(layers.len(), 5_000);
    assert_eq!(layers[0], [4_999]);
    Rc::make_mut(&mut all[4_999]).after = names(&["s4999"]);
    assert_eq!(plan::order::layers(&all).concat().len(), 5_000, "a cycle loses nobody");
}

fn logging(user: RunAs, fact: PathFact, mut facts: Facts) -> BootPlan {
    let mut config = config();
    let log_directory = LogDirectory { path: "/log/web".into(), max_size: 1, keep: 1, max_age: None, compress: false };
    let log = Log { format: None, directory: Some(Box::new(log_directory)) };
    config.services = shared([Service { user, log, without_root: WithoutRoot::Skip, ..longrun("web") }]);
    path(&mut facts, "/log/web", fact);
    plan::boot(&config, &facts).unwrap()
}

fn made(plan: &BootPlan) -> Option<(u32, u32, u32)> {
    plan.steps.iter().find_map(|planned| match &planned.step {
        Step::MakeDirectory(make) => Some((make.owner.uid.0, make.owner.gid.0, make.mode)),
        _ => None,
    })
}

#[test]
fn a_log_directory_is_made_for_the_services_user() {
    let plan = logging(RunAs::Ids(Uid(70), Gid(71)), PathFact::Missing(Access::Yes), docker());
    assert_eq!((made(&plan), verdict_of(&plan, "/log/web")), (Some((70, 71, 0o755)), &Decision::Perform));
    let plan = logging(RunAs::Ids(Uid(70), Gid(71)), dir(0, 0, 0o2550), docker());
    assert_eq!((made(&plan), verdict_of(&plan, "/log/web")), (Some((70, 71, 0o2750)), &Decision::Perform));
}

#[test]
fn a_log_directory_that_its_user_has_keeps_its_mode() {
    let plan = logging(RunAs::App, dir(1000, 1000, 0o700), docker());
    assert!(matches!(verdict_of(&plan, "/log/web"), Decision::AlreadyDone(_)), "{plan:?}");
}

#[test]
fn without_root_a_log_directory_that_cannot_be_written_is_reported_with_its_fix() {
    let plan = logging(RunAs::App, dir(0, 0, 0o755), as_user(1000, 1000));
    assert!(skipped_issue(&plan, "/log/web").fix.to_string().contains("--tmpfs /log/web:uid=1000"), "{plan:?}");
    let plan = logging(RunAs::Root, dir(0, 0, 0o755), as_user(1000, 1000));
    assert_eq!(made(&plan), None, "the service is skipped, and so is its directory");
}
