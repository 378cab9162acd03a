//! supervisord.conf.

use std::path::{Path, PathBuf};

use stepdown::config::service::RunAs;
use stepdown::import::Imported;
use stepdown::import::supervisord::{ConfigurationFile, here, import, includes, is_configuration};

use super::is_read_back;

fn file(text: &str) -> ConfigurationFile {
    ConfigurationFile { path: PathBuf::from("/image/etc/supervisor/supervisord.conf"), text: text.to_owned() }
}

fn imported(text: &str) -> Imported {
    import(&[file(text)], "/etc/supervisor").unwrap_or_else(|problems| panic!("{problems}"))
}

fn problems(text: &str) -> Vec<String> {
    let Err(problems) = import(&[file(text)], "/etc/supervisor") else { panic!("{text} has a mistake") };
    problems.into_sorted().iter().map(ToString::to_string).collect()
}

/// The texts of all files, without the notes.
fn service_texts(imported: &Imported) -> Vec<(String, String)> {
    let kept = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with("# ")).map(|line| format!("{line}\n"));
        lines.collect::<String>()
    };
    imported.files().iter().map(|file| (file.path.to_string_lossy().into_owned(), kept(&file.text))).collect()
}

fn omissions(imported: &Imported) -> Vec<String> {
    imported.all_omissions().map(|(at, it)| format!("{at}: {}: {}", it.what, it.why)).collect()
}

/// As most images have it.
const USUAL: &str = r#"
[supervisord]
nodaemon=true
logfile=/dev/null
environment=LANG="C.UTF-8"

[unix_http_server]
file=/run/supervisor.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix:///run/supervisor.sock

[program:nginx]
command=/usr/sbin/nginx -g "daemon off;"   ; in the foreground
autorestart=true
priority=20
stopsignal=QUIT
stopwaitsecs=15
stdout_logfile=/dev/stdout
stdout_logfile_maxbytes=0
redirect_stderr=true

[program:php]
command=php-fpm --port=%(ENV_PORT)s "%(ENV_NAME)s x"
priority=10
user=www-data
directory=%(here)s/php
environment=A="1,2",PORT="%(ENV_PORT)s"
startsecs=5
startretries=2
exitcodes=0,143
umask=027
stopasgroup=true

[program:tool]
command=tool
autostart=false
autorestart=false
"#;

#[test]
fn programs_become_services() {
    let imported = imported(USUAL);
    assert_eq!(omissions(&imported), Vec::<String>::new());
    let all = service_texts(&imported);
    let text = |path: &str| all.iter().find(|(name, _)| name == path).map(|(_, text)| text.as_str()).unwrap();
    assert_eq!(text("stepdown.toml"), "stop_timeout = \"17s\"\n");
    assert_eq!(
        text("services.d/nginx.toml"),
        "command = [\"/usr/sbin/nginx\", \"-g\", \"daemon off;\"]\nafter = [\"php\"]\nuser = \"root\"\n\
         environment = { LANG = \"C.UTF-8\" }\nstop = { signal = \"QUIT\", timeout = \"15s\" }\nno_new_privileges = false\n"
    );
    assert_eq!(
        text("services.d/php.toml"),
        "script = '''\nset -f\nexec php-fpm --port=${PORT?} \"${NAME?}\"' x'\n'''\nuser = \"www-data\"\n\
         directory = \"/etc/supervisor/php\"\nenvironment = { A = \"1,2\", LANG = \"C.UTF-8\" }\n\
         restart = { policy = \"on-failure\", limit = 3 }\nsuccess_codes = [0, 143]\nready = { delay = \"5s\" }\n\
         stop = { group = true }\numask = \"027\"\nno_new_privileges = false\n"
    );
    assert_eq!(
        text("services.d/tool.toml"),
        "command = [\"tool\"]\nafter = [\"nginx\"]\nuser = \"root\"\nenvironment = { LANG = \"C.UTF-8\" }\nrestart = \"never\"\n\
         no_new_privileges = false\nenabled = false\n"
    );
    is_read_back(&imported);
}

#[test]
fn a_program_of_several_processes_becomes_as_many_services() {
    let text = "[program:w]\ncommand=work --number=%(process_num)d --all=%(numprocs)d\nnumprocs=3\nnumprocs_start=9\n\
                process_name=%(program_name)s_%(process_num)02d\n";
    let imported = imported(text);
    let names: Vec<_> = service_texts(&imported)
        .into_iter()
        .map(|(path, text)| (path, text.lines().next().unwrap().to_owned()))
        .collect();
    let line = |number: &str, plain: &str| {
        (format!("services.d/w_{number}.toml"), format!("command = [\"work\", \"--number={plain}\", \"--all=3\"]"))
    };
    assert_eq!(names, [line("09", "9"), line("10", "10"), line("11", "11")]);
    is_read_back(&imported);
}

#[test]
fn groups_are_ordered_before_their_programs() {
    let text = "[group:late]\nprograms=a,b\npriority=900\n[group:early]\nprograms=c\npriority=5\n[program:a]\ncommand=a\npriority=2\n\
                [program:b]\ncommand=b\npriority=1\n[program:c]\ncommand=c\n[program:d]\ncommand=d\npriority=6\n\
                [program:e]\ncommand=e\npriority=6\n";
    let imported = imported(text);
    let after = |name: &str| {
        let service = imported.services.iter().find(|imported| imported.service.name.as_str() == name).unwrap();
        service.service.after.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(after("c"), none);
    assert_eq!((after("d"), after("e")), (vec!["c".to_owned()], vec!["c".to_owned()]));
    assert_eq!(after("b"), ["d", "e"]);
    assert_eq!(after("a"), ["b"]);
    is_read_back(&imported);
}

#[test]
fn what_has_no_equivalent_is_named_with_its_place() {
    let text = "[eventlistener:x]\ncommand=x\n[inet_http_server]\nport=9001\n[program:web]\ncommand=web\nuser=33\n\
                directory=/srv/%(ENV_X)s\nenvironment=B=\"%(ENV_A)s\"\nstdout_logfile=/var/log/web.log\nstdout_logfile_maxbytes=1MB\n\
                stdout_logfile_backups=3\nstderr_logfile=NONE\nstdout_events_enabled=true\nodd=1\n\
                [program:other]\ncommand=other\nstdout_logfile=/var/log/web.log\n";
    let imported = imported(text);
    let output = omissions(&imported);
    let starts = [
        "[eventlistener:x]:",
        "[inet_http_server]:",
        "user:",
        "environment:",
        "directory:",
        "stderr_logfile:",
        "stdout_events_enabled:",
        "stdout_logfile:",
        "odd:",
        "stdout_logfile:",
        "/var/log/web:",
    ];
    assert_eq!(output.len(), starts.len(), "{output:#?}");
    for (line, start) in output.iter().zip(starts) {
        let line = line
            .strip_prefix("/image/etc/supervisor/supervisord.conf:")
            .and_then(|rest| rest.split_once(": "))
            .unwrap()
            .1;
        assert!(line.starts_with(start), "{line} should be of {start}");
    }
    let web = &imported.services[0].service;
    let log = web.log.directory.as_ref().unwrap();
    assert_eq!((log.path.as_path(), log.max_size, log.keep), (Path::new("/var/log/web"), 1 << 20, 3));
    assert!(matches!(web.user, RunAs::Ids(..)) && web.directory.is_none() && web.environment.is_empty());
    assert_eq!(imported.services[1].service.log.directory, None);
    is_read_back(&imported);
}

#[test]
fn every_mistake_comes_with_its_line() {
    let text = "[program:a]\nnumprocs=2\ncommand=a\n[program:b]\ncommand='b\nautorestart=maybe\npriority=x\n[program:main]\ncommand=m\n\
                [program:c]\nuser=a b\nstopsignal=NO\nexitcodes=0,x\n[group:g]\nprograms=nobody\n[program:d]\ncommand=%(what)s\n\
                [program:e]\ncommand=e\n[program:f]\nprocess_name=e\ncommand=f\n";
    let output = problems(text);
    let at: Vec<_> = output.iter().map(|line| line.split(": ").next().unwrap().rsplit(':').next().unwrap()).collect();
    assert_eq!(at, ["1", "5", "6", "7", "8", "10", "11", "12", "13", "15", "17", "20"], "{output:#?}");
}

#[test]
fn files_are_recognised_and_name_those_that_they_include() {
    let main = file("[supervisord]\n[include]\nfiles = /etc/supervisor/conf.d/*.conf\n  %(here)s/more.ini\n");
    assert!(
        is_configuration(&main.text)
            && is_configuration("x\n [program:x]\n")
            && !is_configuration("web: nginx\n[Service]\n")
    );
    assert_eq!(
        includes(&main, "/etc/supervisor").unwrap(),
        ["/etc/supervisor/conf.d/*.conf", "/etc/supervisor/more.ini"]
    );
    assert_eq!(here(&main.path, Path::new("/image")), "/etc/supervisor");
}
