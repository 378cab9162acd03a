//! runit's directories of services.

use std::ffi::OsString;
use std::path::PathBuf;

use stepdown::config::probe::Probe;
use stepdown::config::service::{Command, Ready, RunAs};
use stepdown::config::{Content, Sources, Tree};
use stepdown::import::runit;

use super::is_read_back;

fn program(text: &str) -> Content {
    Content::File { bytes: text.into(), executable: true }
}

fn directory<const N: usize>(files: [(&str, Content); N]) -> Content {
    Content::Dir(files.map(|(name, file)| (OsString::from(name), file)).into())
}

fn sources<const N: usize>(services: [(&str, Content); N]) -> Sources {
    let entries = services.map(|(name, content)| (OsString::from(name), content)).into();
    Sources { trees: vec![Tree { path: PathBuf::from("/etc/sv"), entries, ..Tree::default() }], ..Sources::default() }
}

#[test]
fn a_service_of_root_has_its_check_and_what_differs_is_said() {
    let web = directory([
        ("run", program("#!/bin/sh\nexec 2>&1\nexec nginx\n")),
        ("check", program("#!/bin/sh\nexec nc -z localhost 80\n")),
        ("finish", program("#!/bin/sh\nexec logger $1\n")),
        ("control", directory([("t", program("#!/bin/sh\n"))])),
    ]);
    let imported = runit::import(&sources([("web", web)])).unwrap();
    let [service] = &imported.services[..] else { panic!("{imported:?}") };
    assert_eq!(service.service.user, RunAs::Root);
    let check = Probe::Command(vec!["/etc/services.d/web/check".into()]);
    assert!(
        matches!(&service.service.ready, Ready::Probe { probe, .. } if **probe == check),
        "{:?}",
        service.service.ready
    );
    let what: Vec<_> = service.omissions.iter().map(|omission| omission.what.as_str()).collect();
    assert_eq!(what, ["finish", "control"]);
    is_read_back(&imported);
}

#[test]
fn a_change_of_user_is_the_services_own() {
    let run = program("#!/bin/sh\nexec chpst -u www-data nginx -g 'daemon off;'\n");
    let imported = runit::import(&sources([("web", directory([("run", run)]))])).unwrap();
    let service = &imported.services[0].service;
    assert!(matches!(&service.user, RunAs::Account(name) if name.as_str() == "www-data"), "{:?}", service.user);
    assert_eq!(service.command, Command::Argv(["nginx", "-g", "daemon off;"].map(Into::into).to_vec()));
    assert_eq!(imported.all_omissions().count(), 0);
    is_read_back(&imported);
}

#[test]
fn a_logger_of_runits_is_named() {
    let log = directory([("run", program("#!/bin/sh\nexec svlogd -tt /var/log/web\n"))]);
    let web = directory([("run", program("#!/bin/sh\nexec web\n")), ("log", log)]);
    let imported = runit::import(&sources([("web", web)])).unwrap();
    assert_eq!(imported.services.len(), 2);
    assert!(imported.all_omissions().any(|(_, omission)| omission.what == "log/run"));
    is_read_back(&imported);
}
