//! Debian's supervisor reads the same file, and has the same programs: names, words, variables, codes, signals, order.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command as Program;

use serde_json::Value;
use stepdown::config::restart::RestartPolicy;
use stepdown::config::service::{Command, Service};
use stepdown::import::native;
use stepdown::import::supervisord::{ConfigurationFile, import};

use crate::support::skip::skipped;

/// Prints what supervisord would start, as JSON. The file is the first argument.
const READER: &str = r#"
import json, shlex, signal, sys
from supervisor.options import ServerOptions
options = ServerOptions()
options.realize(["-n", "-c", sys.argv[1]], doc="")
found = []
for group in options.process_group_configs:
    for it in group.process_configs:
        found.append({
            "name": it.name, "text": shlex.split(it.command), "environment": it.environment, "codes": sorted(it.exitcodes),
            "signal": int(it.stopsignal), "enabled": it.autostart, "restart": getattr(it.autorestart, "__name__", "Never"),
            "umask": it.umask, "directory": it.directory, "order": [group.priority, it.priority], "group": it.stopasgroup,
        })
print(json.dumps(found))
"#;

/// All forms of values.
const FILE: &str = r#"; first
[supervisord]
nodaemon=true ; x
environment=LANG="C.UTF-8",Z='q r'
[program:nginx]
command=/usr/sbin/nginx -g "daemon off;"   ; in the foreground
priority=20
stopsignal=QUIT
environment=A="1,2", B=/usr/bin/x:y,
   C="a b", ; a comment
   D='it"s'
[program:php]
command=php-fpm --port=%(ENV_PORT)s "%(ENV_NAME)s x" %(ENV_NAME)s a\ b 'c;d' "\"\x" *.x $Q 100%%
process_name=%(program_name)s_%(process_num)02d
numprocs=2
numprocs_start=3
exitcodes=0,143
umask=027
directory=%(here)s
[program:multi]
command=sh -c "echo a;
  echo b

  echo c" # another
autorestart=1
autostart=no
stopasgroup: true
[program:last]
Command = x %(program_name)s %(group_name)s
autorestart = FALSE
priority = 1000
[group:late]
programs=php,multi
priority=900
"#;

/// What a container would have.
const VARIABLES: [(&str, &str); 2] = [("PORT", "80"), ("NAME", "a  b")];

/// Returns the words that a service's command has in the end.
fn words(service: &Service) -> Vec<String> {
    match &service.command {
        Command::Script(script) => {
            let script = script.replace("exec ", "printf '%s\\n' ");
            let output = Program::new("/bin/sh").args(["-e", "-c", &script]).envs(VARIABLES).output().unwrap();
            String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
        }
        command => native::argv(command, &service.name).into_iter().map(|word| word.into_string().unwrap()).collect(),
    }
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

#[test]
fn supervisors_own_reader_finds_the_same_programs() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("s.conf");
    fs::write(&path, FILE).unwrap();
    let mut python = Program::new("/usr/bin/python3");
    let output = python.args(["-c", READER]).arg(&path).envs(VARIABLES).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        skipped("Debian's `supervisor` is not installed");
        return;
    };
    let found: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let here = place.path().to_str().unwrap();
    let imported = import(&[ConfigurationFile { path, text: FILE.to_owned() }], here).unwrap();
    let ours: BTreeMap<&str, &Service> =
        imported.services.iter().map(|imported| (imported.service.name.as_str(), &imported.service)).collect();
    assert_eq!(ours.len(), found.len());
    let order = |value: &Value| [0, 1].map(|index| value["order"][index].as_i64().unwrap());
    for theirs in &found {
        let name = theirs["name"].as_str().unwrap();
        let service = ours[name];
        assert_eq!(words(service), strings(&theirs["text"]), "{name}");
        let variables: BTreeMap<String, String> = serde_json::from_value(theirs["environment"].clone()).unwrap();
        assert_eq!(service.environment, variables, "{name}");
        assert_eq!(
            service.success_codes.to_vec(),
            serde_json::from_value::<Vec<u8>>(theirs["codes"].clone()).unwrap(),
            "{name}"
        );
        assert_eq!(i64::from(service.stop.signal.number()), theirs["signal"].as_i64().unwrap(), "{name}");
        assert_eq!(
            (service.enabled, service.stop.group),
            (theirs["enabled"] == true, theirs["group"] == true),
            "{name}"
        );
        assert_eq!(service.umask.map(u64::from), theirs["umask"].as_u64(), "{name}");
        assert_eq!(service.directory, theirs["directory"].as_str().map(PathBuf::from), "{name}");
        let policy = match service.restart.policy {
            RestartPolicy::Always => "RestartUnconditionally",
            RestartPolicy::OnFailure => "RestartWhenExitUnexpected",
            RestartPolicy::Never => "Never",
        };
        assert_eq!(policy, theirs["restart"].as_str().unwrap(), "{name}");
        // Of those that are started, the ones with the next lower priority come first.
        let before = found.iter().filter(|program| program["enabled"] == true && order(program) < order(theirs));
        let next = before.clone().map(order).max();
        let mut names: Vec<_> = before
            .filter(|program| Some(order(program)) == next)
            .map(|service| service["name"].as_str().unwrap())
            .collect();
        names.sort_unstable();
        let mut after: Vec<_> = service.after.iter().map(|name| name.as_str()).collect();
        after.sort_unstable();
        assert_eq!(after, names, "{name}");
    }
}
