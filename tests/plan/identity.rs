//! Whom everything steps down to (DESIGN §3.1; SECURITY T09, T10, T11, T16).

use stepdown::config::Config;
use stepdown::config::container::*;
use stepdown::config::service::*;
use stepdown::config::values::*;
use stepdown::error::Error;
use stepdown::plan::facts::*;
use stepdown::plan::{self, AccountWrite, BootPlan, Decision, DropLevel, Identity, Mode, Step};

use crate::support::plan_inputs::*;

fn boot(config: &Config, facts: &Facts) -> BootPlan {
    plan::boot(config, facts).unwrap()
}

fn ids(change: impl FnOnce(&mut App), facts: &Facts) -> (u32, u32) {
    let mut config = config();
    change(&mut config.container.app);
    let Identity { uid, gid, .. } = boot(&config, facts).identity;
    (uid.0, gid.0)
}

fn problems(config: &Config, facts: &Facts) -> String {
    match plan::boot(config, facts) {
        Err(error @ Error::Wrong(_)) => {
            assert_eq!(error.exit_code(), 100);
            error.to_string()
        }
        other => panic!("nothing wrong: {other:?}"),
    }
}

fn groups(app: impl FnOnce(&mut App), facts: &Facts) -> Vec<u32> {
    let mut config = config();
    config.container.app.env_uid = env_uid(1000);
    app(&mut config.container.app);
    boot(&config, facts).identity.groups.iter().map(|gid| gid.0).collect()
}

#[test]
fn asked_comes_before_declared_before_the_accounts_own_before_1000() {
    let mut facts = docker();
    assert_eq!(ids(|_| {}, &facts), (1000, 1000));
    account(&mut facts, AccountFile::Passwd, "app:x:321:654:::\n");
    assert_eq!(ids(|_| {}, &facts), (321, 654));
    assert_eq!(ids(|app| app.uid = Some(Uid(5)), &facts), (5, 654));
    let both = |app: &mut App| {
        app.uid = Some(Uid(5));
        app.gid = Some(Gid(6));
    };
    assert_eq!(ids(both, &facts), (5, 6));
    let one = |app: &mut App| {
        both(app);
        app.env_uid = env_uid(7);
    };
    assert_eq!(ids(one, &facts), (7, 6), "one of the two leaves the other at its default");
}

#[test]
fn a_group_of_the_image_that_the_account_has_is_neither_renamed_nor_joined_by_another_name() {
    let mut facts = docker();
    account(&mut facts, AccountFile::Passwd, "app:x:321:100:::\n");
    account(&mut facts, AccountFile::Group, "users:x:100:\n");
    let plan = boot(&config(), &facts);
    assert_eq!(plan.identity.gid, Gid(100));
    assert_eq!(super::steps::contents(&plan, AccountFile::Group).unwrap(), "users:x:100:\n");
}

#[test]
fn t10_zero_is_refused_with_both_ways_out() {
    let mut config = config();
    config.container.app.env_uid = env_uid(0);
    config.container.app.env_gid = env_gid(0);
    let text = problems(&config, &docker());
    assert!(text.contains("2 problems"), "{text}");
    assert!(text.contains("PUID=0: uid 0 is root") && text.contains("PGID=0: gid 0 is root"), "{text}");
    assert!(text.contains("allow_root = true") && text.contains("rootless podman"), "{text}");
}

#[test]
fn t10_zero_is_the_image_authors_to_allow_and_an_ordinary_user_in_a_user_namespace() {
    let mut config = config();
    config.container.app.env_uid = env_uid(0);
    config.container.app.env_gid = env_gid(0);
    assert_eq!(boot(&config, &rootless()).identity.uid, Uid(0));
    config.container.app.allow_root = true;
    let plan = boot(&config, &docker());
    assert_eq!((plan.identity.uid, plan.privilege.drop), (Uid(0), DropLevel::StayRoot));
    assert_eq!(plan.privilege.private_gid, None);
}

#[test]
fn t10_nobody_becomes_root_by_an_account_of_uid_zero() {
    let mut facts = docker();
    account(&mut facts, AccountFile::Passwd, "root:x:0:0:::\napp:x:0:0:::\n");
    assert!(problems(&config(), &facts).contains("uid 0 is root"));
}

#[test]
fn an_id_that_is_not_mapped_is_a_problem_that_names_the_range() {
    let mut config = config();
    config.container.app.env_uid = env_uid(70_000);
    let text = problems(&config, &rootless());
    let what =
        "PUID=70000: uid 70000 is not mapped in this user namespace (mapped: 0, 1-65536); choose a uid of that range";
    assert!(text.contains(what), "{text}");
}

#[test]
fn a_single_mapped_id_leaves_puid_zero_and_nothing_to_drop() {
    let map = IdMap(vec![IdRange { inside: 0, outside: 1000, count: 1 }]);
    let facts = Facts { uid_map: map.clone(), gid_map: map, setgroups_denied: true, ..docker() };
    assert!(problems(&config(), &facts).contains("(mapped: 0)"));
    let mut config = config();
    config.container.app.env_uid = env_uid(0);
    config.container.app.env_gid = env_gid(0);
    config.main = vec!["true".into()];
    let plan = boot(&config, &facts);
    assert_eq!(plan.privilege.drop, DropLevel::StayRoot);
    assert_eq!(plan.main.unwrap().credentials.groups, None, "setgroups is denied here");
}

#[test]
fn t09_a_home_or_shell_that_would_become_a_record_is_refused_in_every_mode() {
    for evil in ["/x\nroot2::0:0::/:/bin/sh", "/x:y", "/x\0", "x/../y", "/\u{1b}[2J", "", "/x\r"] {
        for facts in [docker(), as_user(5, 5)] {
            let mut config = config();
            config.container.app.home = Some(evil.into());
            config.container.app.shell = Some(evil.into());
            let text = problems(&config, &facts);
            assert!(text.contains("`home` cannot stand") && text.contains("`shell` cannot stand"), "{evil:?}: {text}");
        }
    }
    let mut config = config();
    config.container.app.home = Some(format!("/{}", "x".repeat(10_000)).into());
    problems(&config, &docker());
}

#[test]
fn t11_a_uid_of_the_image_answers_with_our_name_and_the_clash_is_reported() {
    let mut config = config();
    config.container.app.env_uid = env_uid(1);
    config.container.app.env_gid = env_gid(42);
    let plan = boot(&config, &docker());
    assert!(noted(&plan).contains(&"uid 1 also belongs to `daemon`: looking up the number gives `app`".to_owned()));
    assert!(noted(&plan).contains(&"gid 42 also belongs to `shadow`: looking up the number gives `app`".to_owned()));
    let passwd = super::steps::contents(&plan, AccountFile::Passwd).unwrap();
    assert!(passwd.find("app:x:1:42:").unwrap() < passwd.find("daemon:x:1:1:").unwrap());
    assert_eq!(plan.identity.groups, [Gid(42)]);
}

#[test]
fn a_given_home_is_kept_where_nobody_can_be_become() {
    let home = |facts: Facts, given: &str| {
        let mut config = config();
        config.container.app.home = Some("/config".into());
        let mut facts = Facts { home: Some(given.into()), ..facts };
        path(&mut facts, "/config", dir(4242, 0, 0o755));
        facts.homes.insert("/home/me".into(), Access::Yes);
        boot(&config, &facts).identity.home.display().to_string()
    };
    assert_eq!(home(as_user(4242, 0), "/home/me"), "/home/me");
    for bad in ["/", "", "me", "/a:b", "/a\nb::0:0"] {
        assert_eq!(home(as_user(4242, 0), bad), "/config", "{bad:?}");
    }
    let mut known = as_user(999, 998);
    assert_eq!(home(known.clone(), "/home/me"), "/home/me");
    // What the runtime gives an account without being asked requests nothing.
    assert_eq!(home(known.clone(), "/var/lib/postgresql"), "/var/lib/postgresql");
    path(&mut known, "/home/me", dir(0, 0, 0o700));
    let root = |given: &str| {
        let mut config = config();
        config.container.app.home = Some("/config".into());
        let mut facts = Facts { home: Some(given.into()), ..docker() };
        path(&mut facts, "/config", dir(1000, 1000, 0o755));
        boot(&config, &facts).identity.home.display().to_string()
    };
    assert_eq!(root("/home/me"), "/config");
    assert_eq!(root("/root"), "/config");
}

#[test]
fn root_chooses_a_home_that_can_be_used_as_everybody_does() {
    let tmp = |facts: &mut Facts| path(facts, "/tmp", dir(0, 0, 0o1777));
    let plan = |home: &str, fact: PathFact, own: Option<&str>| {
        let mut config = config();
        config.container.own = own
            .into_iter()
            .map(|path| {
                crate::support::plan_inputs::own_with(path, OwnOptions { create: true, ..OwnOptions::default() })
            })
            .collect();
        let mut facts = docker();
        facts.accounts.insert(
            AccountFile::Passwd,
            AccountState::File(format!("root:x:0:0::/root:/bin/sh\napp:x:1000:1000::{home}:/bin/sh\n").into_bytes()),
        );
        tmp(&mut facts);
        path(&mut facts, home, fact);
        let plan = boot(&config, &facts);
        let messages = noted(&plan).into_iter().find(|notice| notice.contains("HOME"));
        (plan.identity.home.display().to_string(), messages)
    };
    let gone = PathFact::Missing(Access::Yes);
    let (home, messages) = plan("/", dir(0, 0, 0o755), None);
    assert_eq!((home.as_str(), messages), ("/tmp", None), "`/` is nobody's choice");
    let (home, messages) = plan("/nonexistent", gone, None);
    assert_eq!(home, "/tmp");
    let messages = messages.expect("what was lost is said");
    assert!(
        messages.contains("HOME is /tmp: 1000:1000 cannot use /nonexistent")
            && messages.contains("`[[own]]`, `path = \"/nonexistent\"`, `create = true`"),
        "{messages}"
    );
    // The printed fix, pasted: the boot creates it.
    assert_eq!(plan("/nonexistent", gone, Some("/nonexistent")), ("/nonexistent".to_owned(), None));
    let (home, messages) = plan("/var/www", dir(0, 0, 0o755), None);
    assert_eq!(home, "/var/www", "an account's home that is there is what programs expect");
    assert!(messages.is_some_and(|messages| messages.contains("cannot be written by 1000:1000")));
    assert_eq!(plan("/home/app", dir(1000, 1000, 0o700), None), ("/home/app".to_owned(), None));
    // A new account has the home that its services get as HOME.
    let mut facts = docker();
    tmp(&mut facts);
    let new = boot(&config(), &facts);
    assert_eq!(new.identity.home, std::path::PathBuf::from("/tmp"));
    let has_line = new.steps.iter().any(|planned| match &planned.step {
        Step::WriteAccounts { file: AccountFile::Passwd, contents, .. } => {
            String::from_utf8_lossy(contents).lines().any(|line| line.starts_with("app:") && line.contains("::/tmp:"))
        }
        _ => false,
    });
    assert!(has_line, "{:?}", new.steps);
}

#[test]
fn a_zone_that_is_not_there_is_quoted() {
    let plan = boot(&config(), &Facts { unknown_zone: Some("Europe/Berlin ".into()), ..docker() });
    let messages = "TZ: TZ=\"Europe/Berlin \" is not a time zone of this image; times are UTC; install tzdata in the image, or correct TZ";
    assert!(noted(&plan).contains(&messages.to_owned()), "{:?}", noted(&plan));
}

#[test]
fn a_clash_is_reported_as_it_will_be_where_the_account_files_stay_as_they_are() {
    let mut config = config();
    config.container.app.env_uid = env_uid(1);
    config.container.app.env_gid = env_gid(42);
    let mut mounted = docker();
    let passwd = AccountState::Fixed(PASSWD.into(), "bind-mounted");
    mounted.accounts.insert(AccountFile::Passwd, passwd);
    for facts in [read_only(), mounted] {
        let plan = boot(&config, &facts);
        let still = "uid 1 also belongs to `daemon`: looking up the number still gives `daemon`".to_owned();
        assert!(noted(&plan).contains(&still), "{:?}", noted(&plan));
    }
    let mut facts = read_only();
    account(&mut facts, AccountFile::Passwd, "app:x:1:42::/:/sbin/nologin\ndaemon:x:1:1::/:/bin/false\n");
    let plan = boot(&config, &facts);
    let ours = "uid 1 also belongs to `daemon`: looking up the number gives `app`".to_owned();
    assert!(noted(&plan).contains(&ours), "it stands there already: {:?}", noted(&plan));
}

#[test]
fn t16_the_groups_are_the_primary_one_and_the_declared_ones() {
    let mut facts = docker();
    let file = "root:x:0:app\nvideo:x:44:app\nrender:x:109:someone,app\ndocker:x:998:someone\n";
    account(&mut facts, AccountFile::Group, file);
    assert_eq!(groups(|_| {}, &facts), [44, 109, 1000], "memberships and the primary group; no 0, no docker");
    assert_eq!(groups(|app| app.groups = vec![GroupRef::Name(group("docker"))], &facts), [44, 109, 998, 1000]);
    assert_eq!(groups(|app| app.groups = vec![GroupRef::Id(Gid(0))], &facts), [0, 44, 109, 1000]);
    assert_eq!(groups(|app| app.groups = vec![GroupRef::Name(group("app"))], &facts), [44, 109, 1000]);
}

#[test]
fn t16_what_the_runtime_added_is_kept_and_what_root_has_by_itself_is_not() {
    let mut facts = docker();
    // Alpine: Docker hands root its own memberships, `disk` among them.
    account(&mut facts, AccountFile::Group, "root:x:0:root\nbin:x:1:root,bin\ndisk:x:6:root,adm\nvideo:x:27:root\n");
    facts.groups = [0, 1, 6, 27, 568].map(Gid).to_vec();
    assert_eq!(groups(|_| {}, &facts), [568, 1000]);
}

#[test]
fn devices_lend_their_groups_and_a_directory_those_of_what_lies_in_it() {
    let mut facts = docker();
    path(&mut facts, "/dev/dri", dir(0, 0, 0o755));
    path(&mut facts, "/dev/dri/card0", found(PathKind::Other, 0, 44, 0o660));
    path(&mut facts, "/dev/dri/renderD128", found(PathKind::Other, 0, 109, 0o660));
    path(&mut facts, "/dev/dri2", found(PathKind::Other, 0, 7, 0o660));
    path(&mut facts, "/dev/kvm", PathFact::Missing(Access::Yes));
    path(&mut facts, "/var/run/docker.sock", found(PathKind::Other, 0, 0, 0o660));
    let mut config = config();
    config.container.app.device_groups = ["/dev/dri", "/dev/kvm", "/var/run/docker.sock"].map(Into::into).to_vec();
    let plan = boot(&config, &facts);
    assert_eq!(plan.identity.groups, [44, 109, 1000].map(Gid));
    assert!(noted(&plan)[0].starts_with("/var/run/docker.sock belongs to group 0, which the app does not join"));
}

#[test]
fn a_declared_group_that_does_not_exist_is_a_problem() {
    let mut config = config();
    config.container.app.groups = vec![GroupRef::Name(group("vidoe"))];
    assert!(problems(&config, &docker()).contains("there is no group `vidoe` in /etc/group"));
    assert_eq!(boot(&config, &as_user(1, 1)).mode, Mode::User, "without root nothing could be joined anyway");
}

#[test]
fn a_group_that_is_not_mapped_is_not_joined() {
    let mut facts = rootless();
    account(&mut facts, AccountFile::Group, "big:x:70000:app\n");
    assert_eq!(groups(|_| {}, &facts), [1000]);
}

#[test]
fn home_is_the_declared_one_where_it_can_be_used() {
    let mut config = config();
    config.container.app.home = Some("/config".into());
    let home = |facts: &Facts| boot(&config, facts).identity.home.display().to_string();
    let mut facts = as_user(999, 998);
    facts.homes.insert("/config".into(), Access::Denied);
    assert_eq!(home(&facts), "/var/lib/postgresql");
    facts.homes.insert("/config".into(), Access::Yes);
    assert_eq!(home(&facts), "/config");
    let mut facts = as_user(4242, 4242);
    facts.homes.insert("/config".into(), Access::Missing);
    assert_eq!(home(&facts), "/");
    facts.homes.insert("/dev/shm".into(), Access::Yes);
    assert_eq!(home(&facts), "/dev/shm");
    facts.homes.insert("/tmp".into(), Access::Yes);
    assert_eq!(home(&facts), "/tmp");
}

#[test]
fn an_unknown_user_gets_a_line_where_one_can_be_written() {
    let mut facts = as_user(4242, 0);
    facts.etc = Access::Yes;
    let plan = boot(&config(), &facts);
    assert_eq!(plan.mode, Mode::UserUnknown);
    let passwd = super::steps::contents(&plan, AccountFile::Passwd).unwrap();
    assert!(passwd.ends_with("app:x:4242:0::/:/sbin/nologin\n"), "{passwd}");
    assert_eq!(super::steps::contents(&plan, AccountFile::Group), None);
}

#[test]
fn a_line_is_appended_where_no_file_can_be_made_beside_the_old_one() {
    let mut facts = Facts { passwd_appendable: true, ..as_user(4242, 0) };
    let written = |facts: &Facts| {
        let plan = boot(&config(), facts);
        let step = plan.steps.into_iter().find_map(|each| match (each.step, each.decision) {
            (Step::WriteAccounts { contents, how, .. }, Decision::Perform) => Some((how, contents)),
            _ => None,
        });
        (plan.identity.name, step.map(|(how, contents)| (how, String::from_utf8(contents).unwrap())))
    };
    let line = |name: &str| format!("{PASSWD}{name}:x:4242:0::/:/sbin/nologin\n");
    assert_eq!(written(&facts), ("app".to_owned(), Some((AccountWrite::Append, line("app")))));
    // Nothing that is there may move, not even a NIS line.
    account(&mut facts, AccountFile::Passwd, "app:x:7:7:::\n+::::::");
    let appended = "app:x:7:7:::\n+::::::\napp-4242:x:4242:0::/:/sbin/nologin\n".to_owned();
    assert_eq!(written(&facts), ("app-4242".to_owned(), Some((AccountWrite::Append, appended))));
    facts.accounts.insert(AccountFile::Passwd, AccountState::Fixed(PASSWD.into(), "bind-mounted from the host"));
    assert_eq!(written(&facts), ("app".to_owned(), None));
    facts.accounts.insert(AccountFile::Passwd, AccountState::Unfit("a symbolic link".into()));
    assert_eq!(written(&facts), ("app".to_owned(), None));
}

#[test]
fn that_puid_is_ignored_is_reported_once() {
    let mut config = config();
    config.container.app.env_uid = env_uid(1000);
    config.container.app.env_gid = env_gid(1000);
    let notices = noted(&boot(&config, &as_user(999, 998)));
    assert_eq!(notices.iter().filter(|each| each.contains("ignored")).count(), 1);
    assert!(notices[0].starts_with("PUID=1000 and PGID=1000 are ignored"), "{notices:?}");
}

#[test]
fn a_strict_image_refuses_to_start_without_root() {
    let mut config = config();
    config.container.without_root = OnMissingPrivilege::Refuse;
    let error = plan::boot(&config, &as_user(999, 998)).unwrap_err();
    assert_eq!(error.exit_code(), 111);
    assert!(error.to_string().starts_with("cannot start as 999:998, without root"), "{error}");
    assert!(plan::boot(&config, &docker()).is_ok());
}

#[test]
fn a_denied_setgroups_makes_the_drop_impossible() {
    let facts = Facts { setgroups_denied: true, ..rootless() };
    let error = plan::boot(&config(), &facts).unwrap_err();
    assert_eq!(error.exit_code(), 111);
    assert!(error.to_string().contains("/proc/self/setgroups"), "{error}");
}

#[test]
fn umask_is_the_declared_one_else_the_inherited_one() {
    let mut config = config();
    assert_eq!(boot(&config, &docker()).identity.umask, 0o22);
    config.container.app.umask = Some(0o2);
    assert_eq!(boot(&config, &docker()).identity.umask, 0o2);
}

#[test]
fn a_umask_that_removes_permissions_from_the_owner_is_reported() {
    let text = |umask| {
        let mut config = config();
        config.container.app.umask = Some(umask);
        let notices = noted(&boot(&config, &docker()));
        notices.into_iter().find(|notice| notice.contains("UMASK"))
    };
    assert_eq!(text(0o077), None);
    for (umask, lost, meant) in [
        (0o177, "new directories could not be entered", "077"),
        (0o133, "new directories could not be entered", "033"),
        (0o222, "new files could not be written again", "022"),
        (0o422, "new files could not be read", "022"),
        // Modes, in the place of a mask.
        (0o755, "new directories could not be entered", "022"),
        (0o644, "new files could not be written again", "022"),
        (0o664, "new files could not be written again", "002"),
        (0o600, "new files could not be written again", "077"),
        // What would let everybody write is not proposed.
        (0o777, "new directories could not be entered", "022"),
        (0o666, "new files could not be written again", "022"),
    ] {
        let messages =
            format!("UMASK {umask:03o} removes permissions from the owner too: {lost}; did you mean {meant}?");
        assert_eq!(text(umask), Some(messages));
    }
}

#[test]
fn an_account_that_is_right_already_is_not_asked_for_again() {
    let mut facts = Facts { etc: Access::ReadOnly, ..docker() };
    let passwd = b"root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/srv:/bin/sh\n".to_vec();
    facts.accounts.insert(AccountFile::Passwd, AccountState::File(passwd));
    facts.accounts.insert(AccountFile::Group, AccountState::File(b"root:x:0:\n".to_vec()));
    let plan = boot(&config(), &facts);
    let fix = plan.steps.iter().find_map(|planned| match (&planned.step, &planned.decision) {
        (Step::WriteAccounts { file: AccountFile::Group, .. }, Decision::Skip(why)) => Some(why.fix.to_string()),
        _ => None,
    });
    let fix = fix.expect("the group has no line, and none can be written");
    assert!(!fix.contains("make `app` 1000:1000") && fix.contains("have it in the image: "), "{fix}");
}

#[test]
fn a_uid_without_a_name_is_reported_with_each_fix_and_the_fix_works() {
    let facts = Facts { etc: Access::Denied, ..as_user(4242, 7) };
    let decision = |facts: &Facts| {
        let plan = boot(&config(), facts);
        let passwd = |planned: &stepdown::plan::PlannedStep| {
            matches!(planned.step, Step::WriteAccounts { file: AccountFile::Passwd, .. })
        };
        plan.steps.into_iter().find(passwd).map(|planned| planned.decision)
    };
    let Some(Decision::Skip(why)) = decision(&facts) else { panic!("it cannot be written") };
    let fix = why.fix.to_string();
    for way in ["`--user NAME`", "chmod g+w /etc/passwd", "`--user 4242:0`", "NSS_WRAPPER_PASSWD"] {
        assert!(fix.contains(way), "{way}: {fix}");
    }
    // Pasted: the file can be written by group 0, of which the process is.
    let pasted = Facts { passwd_appendable: true, gid: Gid(0), ..facts };
    assert_eq!(decision(&pasted), Some(Decision::Perform));
}
