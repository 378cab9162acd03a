//! Secrets: which are read, with whose rights, and which service gets which.

use std::collections::BTreeMap;
use std::path::PathBuf;

use stepdown::config::Config;
use stepdown::config::container::{NamedBy, Secret};
use stepdown::config::service::{RunAs, Service};
use stepdown::config::values::{Gid, Uid};
use stepdown::error::Place;
use stepdown::plan::facts::{Facts, FileOwner, SecretFact};
use stepdown::plan::{self, BootPlan, Decision, Mode, SecretReader, Step};

use crate::support::plan_inputs::{as_user, config, docker, longrun, shared};

fn listed(name: &str) -> Secret {
    let named_by = NamedBy::ContainerFile(Place::line("/etc/stepdown.toml", 2));
    Secret { name: name.into(), path: format!("/run/secrets/{name}").into(), named_by, is_listed: true }
}

fn of_variable(name: &str) -> Secret {
    Secret { named_by: NamedBy::Variable(format!("FILE__{name}")), is_listed: false, ..listed(name) }
}

fn config_with(secrets: Vec<Secret>, services: Vec<Service>) -> Config {
    let mut config = Config { services: shared(services), ..config() };
    config.container.secrets = secrets;
    config
}

fn with_file(facts: Facts, fact: SecretFact) -> Facts {
    let secrets: BTreeMap<PathBuf, _> =
        ["DB", "API"].map(|name| (format!("/run/secrets/{name}").into(), fact.clone())).into();
    Facts { secrets, ..facts }
}

fn file() -> SecretFact {
    SecretFact::File { placed_by: Vec::new() }
}

fn readers(plan: &BootPlan) -> Vec<(&str, SecretReader, bool)> {
    let read = plan.steps.iter().filter_map(|each| match &each.step {
        Step::ReadSecret(secret) => Some((secret.name.as_str(), secret.reader, each.decision == Decision::Perform)),
        _ => None,
    });
    read.collect()
}

#[test]
fn a_listed_secret_is_for_who_asks_and_a_variables_one_for_every_service_of_the_app_user() {
    let ask = |name: &str, names: &[&str]| Service {
        secrets: Some(names.iter().map(|each| (*each).to_owned()).collect()),
        ..longrun(name)
    };
    let services = vec![
        longrun("plain"),
        ask("asks", &["DB"]),
        ask("none", &[]),
        Service { user: RunAs::Root, ..longrun("root") },
        Service { user: RunAs::Root, ..ask("root-asks", &["DB", "API"]) },
        Service { clear_environment: true, ..longrun("clean") },
        ask("unknown", &["OTHER"]),
    ];
    let mut config = config_with(vec![of_variable("API"), listed("DB")], services);
    config.main = vec!["sleep".into()];
    let plan = plan::boot(&config, &with_file(docker(), file())).unwrap();
    let gets: Vec<_> =
        plan.services.iter().chain(&plan.main).map(|each| (each.name.as_str(), each.secrets.join(" "))).collect();
    let expected = [
        ("plain", "API"),
        ("asks", "DB"),
        ("none", ""),
        ("root", ""),
        ("root-asks", "API DB"),
        ("clean", ""),
        ("unknown", ""),
        ("main", "API"),
    ];
    assert_eq!(gets, expected.map(|(name, names)| (name, names.to_owned())));
    config.container.main.secrets = Some(vec!["DB".into()]);
    let plan = plan::boot(&config, &with_file(docker(), file())).unwrap();
    assert_eq!(*plan.main.unwrap().secrets, ["DB"]);
}

#[test]
fn a_missing_file_of_the_container_file_is_a_problem_and_one_of_a_variable_is_named() {
    let config = |secret| config_with(vec![secret], vec![longrun("web")]);
    for (fact, what, fix) in [
        (SecretFact::Missing, "is missing", "mount it"),
        (SecretFact::NotAFile, "is not a regular file", "mount a file there"),
        (SecretFact::Refused("Permission denied".into()), "cannot be read: Permission denied", "make it readable"),
    ] {
        let facts = with_file(docker(), fact);
        let refused = plan::boot(&config(listed("DB")), &facts).unwrap_err();
        let output = refused.to_string();
        let messages = format!(
            "/etc/stepdown.toml:2: the secret `DB`: /run/secrets/DB {what}; {fix}: `docker run -v ./DB:/run/secrets/DB:ro`, \
             or `secrets:` in compose"
        );
        assert!(refused.exit_code() == 100 && output.contains(&messages), "{output}");
        let plan = plan::boot(&config(of_variable("DB")), &facts).unwrap();
        let lines = plan::show::report(&plan);
        let messages =
            format!("skipped secret DB: FILE__DB: /run/secrets/DB {what}; services start without `DB`; fix: {fix}");
        assert!(lines.iter().any(|line| line.text.starts_with(&messages)), "{lines:?}");
        assert_eq!((plan.mode, readers(&plan)), (Mode::Root, vec![("DB", SecretReader::PidOne, false)]));
    }
}

#[test]
fn what_others_could_have_placed_is_read_with_the_app_users_rights() {
    let config = config_with(vec![of_variable("DB")], vec![longrun("web")]);
    let directory = FileOwner {
        path: "/data".into(),
        uid: Uid(1000),
        gid: Gid(1000),
        unmapped: [false, false],
        mode: 0o755,
        directory: true,
        has_acl: false,
        read_only: false,
    };
    let placed = |by: Vec<FileOwner>| SecretFact::File { placed_by: by };
    let reader = |facts: &Facts| readers(&plan::boot(&config, facts).unwrap())[0].1;
    assert_eq!(reader(&with_file(docker(), placed(vec![]))), SecretReader::PidOne);
    assert_eq!(reader(&with_file(docker(), placed(vec![directory.clone()]))), SecretReader::App);
    let roots = FileOwner { uid: Uid(0), gid: Gid(0), mode: 0o775, ..directory };
    assert_eq!(reader(&with_file(docker(), placed(vec![roots]))), SecretReader::App, "group 0 may have members");
    assert_eq!(reader(&with_file(as_user(1000, 1000), placed(vec![]))), SecretReader::PidOne);
}
