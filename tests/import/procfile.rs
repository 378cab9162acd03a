//! A Procfile.

use std::path::Path;

use stepdown::config::service::{Command, Kind};
use stepdown::import::procfile;

use super::is_read_back;

const PROCFILE: &str =
    "# processes\n\nweb: bundle exec puma -p $PORT\nworker: node worker.js\nrelease: ./migrate && echo done\n";

#[test]
fn each_line_is_an_essential_service_and_release_comes_first() {
    let imported = procfile::import(Path::new("/app/Procfile"), PROCFILE).unwrap();
    let config = is_read_back(&imported);
    let service = |name: &str| config.services.iter().find(|service| service.name.as_str() == name).unwrap();
    assert!(config.services.iter().all(|service| service.essential) && config.services.len() == 3);
    assert_eq!(service("web").command, Command::Script("exec bundle exec puma -p $PORT\n".into()));
    assert_eq!(service("worker").command, Command::Argv(["node", "worker.js"].map(Into::into).to_vec()));
    let release = service("release");
    assert_eq!((release.kind, &release.command), (Kind::Oneshot, &Command::Script("./migrate && echo done\n".into())));
    assert_eq!(service("web").requires, std::slice::from_ref(&release.name));
    assert!(release.requires.is_empty());
    let omitted: Vec<_> = imported.all_omissions().map(|(at, omission)| format!("{at}: {}", omission.what)).collect();
    assert_eq!(omitted, ["/app/Procfile:3: PORT"]);
}

#[test]
fn wrong_lines_are_named_all_at_once() {
    let problems = procfile::import(Path::new("/p"), "web: a\nweb: b\nnothing\nx y: z\n").unwrap_err();
    let places: Vec<_> = problems.into_sorted().iter().map(|problem| problem.to_string()).collect();
    assert_eq!(places.len(), 3, "{places:?}");
    assert!(places[0].starts_with("/p:2: web is there twice; "), "{places:?}");
}

#[test]
fn what_is_a_procfile_is_seen_in_its_lines() {
    assert!(procfile::is_procfile(PROCFILE));
    for other in ["", "# nothing\n", "[program:web]\n", "web: a\necho b\n", "#!/bin/sh\nset -e\n"] {
        assert!(!procfile::is_procfile(other), "{other:?}");
    }
}
