//! Daemons that put themselves into the background: the process that is supervised ends at once. Only arguments are looked at:
//! where a configuration file may decide, a boot says nothing, and `check` names both ways. Must not know services.

use super::daemons::Background::{self, Unless, With};
use super::daemons::DAEMONS;
use super::daemons::Instead::{Add, Either, Remove, Replace, Text};
use super::linted::{Linted, is_version};
use crate::config::quote::ticked;
use crate::plan::arguments;

/// The arguments with which any program only answers.
const ANSWERS: [&str; 7] = ["-v", "-V", "--version", "--help", "--test", "-t", "-T"];
/// The arguments that win against those that send it into the background.
const STAYS: [&str; 4] = ["--no-daemon", "--nofork", "--foreground", "--attach"];

/// What decides whether a program stays in the foreground.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DecidedBy {
    /// Its arguments alone.
    Arguments,
    /// Its configuration, too.
    Configuration,
}

/// Returns the notice, if the program that is executed in the end goes into the background, as far as this decides.
pub(super) fn notice(linted: &Linted<'_>, decided_by: DecidedBy) -> Option<String> {
    let (program, given) = arguments::executed(linted.argv).split_first()?;
    let name = program.rsplit('/').next()?;
    let name = if is_php_fpm(name) { "php-fpm" } else { name };
    let found = DAEMONS.iter().find(|daemon| daemon.names.contains(&name))?;
    let is_asked = found.setting.is_empty() == (decided_by == DecidedBy::Arguments);
    if !is_asked || !is_place_of_daemons(program) {
        return None;
    }
    let at = found.background.arguments(given)?;
    let written = given.get(at.clone()).unwrap_or_default().join(" ");
    let with = if written.is_empty() { String::new() } else { format!(" with `{written}`") };
    let ends = if linted.key.is_empty() { "so that the container ends" } else { "so that the service ends at once" };
    let key = if linted.key.is_empty() { "the command" } else { "`command`" };
    let fix = match found.instead {
        Add(arguments) => format!("add `{arguments}` to {key}"),
        Either(arguments) => format!("add `{arguments}` to {key}, or write that setting, not both"),
        Replace(word) => format!("write \"{word}\" in the place of \"{written}\""),
        Remove => "leave that out".to_owned(),
        Text(text) => text.to_owned(),
    };
    let what = format!("{}{with} goes into the background, {ends}{}", ticked(name), found.unless());
    Some(linted.says(format!("{what}; {fix}")))
}

/// Whether packages put daemons there: `/app/cron` is a program of the same name. The scripts have names that nobody else uses.
fn is_place_of_daemons(program: &str) -> bool {
    let Some((directory, name)) = program.rsplit_once('/') else { return true };
    let is_usual = ["/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"].contains(&directory);
    is_usual || directory.starts_with("/usr/lib") || name.ends_with(".sh")
}

/// `php-fpm8.2`, `php-fpm82`.
fn is_php_fpm(name: &str) -> bool {
    name.strip_prefix("php-fpm").is_some_and(is_version)
}

impl Background {
    /// Returns the arguments by which it goes into the background, none where it does by itself; `None`: it does not.
    fn arguments(&self, given: &[&str]) -> Option<std::ops::Range<usize>> {
        match self {
            Unless(options) => {
                let answers = |word: &&str| ANSWERS.contains(word);
                let stays = |word: &&str| options.iter().any(|option| is_given(option, word));
                (!given.iter().any(|word| answers(word) || stays(word))).then_some(0..0)
            }
            With(_) if given.iter().any(|word| STAYS.contains(word)) => None,
            With(all) => all.iter().find_map(|words| {
                let at = given.windows(words.len()).position(|window| window == *words)?;
                Some(at..at + words.len())
            }),
        }
    }
}

/// Whether an argument is this option; rather too often than too seldom.
fn is_given(option: &str, word: &str) -> bool {
    if option.starts_with("--") {
        return word.strip_prefix(option).is_some_and(|rest| rest.is_empty() || rest.starts_with('='));
    }
    match option.strip_prefix('-') {
        Some(letter) => word.starts_with('-') && !word.starts_with("--") && word.contains(letter),
        None => word.contains(option),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(key: &str, argv: &[&str]) -> Option<String> {
        let linted = Linted::new("web", key, argv);
        let by_configuration = notice(&linted, DecidedBy::Configuration);
        notice(&linted, DecidedBy::Arguments).or(by_configuration)
    }

    #[test]
    fn a_daemon_in_the_background_is_answered_with_its_foreground() {
        for (argv, expected) in [
            (
                &["/usr/sbin/nginx", "-c", "/x"][..],
                "`nginx` goes into the background, so that the service ends at once, unless its configuration says \
                 `daemon off;`; add `\"-g\", \"daemon off;\"` to `command`, or write that setting, not both",
            ),
            (
                &["redis-server", "--daemonize", "yes"],
                "`redis-server` with `--daemonize yes` goes into the background, so that the service ends at once; leave \
                 that out",
            ),
            (
                &["env", "A=b", "/usr/sbin/sshd", "-e"],
                "`sshd` goes into the background, so that the service ends at once; add `\"-D\", \"-e\"` to `command`",
            ),
            (
                &["postfix", "-c", "/x", "start"],
                "`postfix` with `start` goes into the background, so that the service ends at once; write \"start-fg\" in \
                 the place of \"start\"",
            ),
            (
                &["service", "nginx", "start"],
                "`service` with `start` goes into the background, so that the service ends at once; write the daemon itself \
                 as the command, with its option for the foreground",
            ),
        ] {
            assert_eq!(said("command", argv), Some(format!("web: `command`: {expected}")), "{argv:?}");
        }
        assert_eq!(
            said("", &["crond"]).as_deref(),
            Some(
                "main: `crond` goes into the background, so that the container ends; add `\"-f\"` (cronie's: `\"-n\"`)"
            )
        );
    }

    #[test]
    fn every_program_is_known_with_and_without_its_foreground() {
        for line in [
            "apache2",
            "apachectl start",
            "apache2ctl -k start",
            "httpd",
            "php-fpm8.2 -R",
            "php-fpm82",
            "haproxy -D",
            "cron",
            "cron -n",
            "rsyslogd",
            "dnsmasq -C /x",
            "dovecot",
            "memcached -d -m 64",
            "mysqld --daemonize",
            "gunicorn --daemon app",
            "named -u bind",
            "squid",
            "supervisord -c /x",
            "slapd -h ldap:///",
            "unbound",
            "varnishd -a :80",
            "smbd",
            "exim -bd -q30m",
            "dbus-daemon --system",
            "pm2 start a.js",
            "catalina.sh start",
        ] {
            assert!(said("command", &line.split(' ').collect::<Vec<_>>()).is_some(), "{line}");
        }
        for line in [
            "nginx -g daemon off;",
            "nginx -t",
            "apache2 -DFOREGROUND",
            "apache2 -D FOREGROUND",
            "httpd -X",
            "apachectl -D FOREGROUND",
            "httpd -f -p 80",
            "php-fpm -F",
            "php-fpm8.2 --nodaemonize",
            "php-fpm -i",
            "redis-server /x.conf",
            "redis-server --daemonize no",
            "sshd -De",
            "sshd -t",
            "cron -f",
            "crond -f",
            "crond -n",
            "crond -s -d 8",
            "rsyslogd -n",
            "rsyslogd -N1",
            "postfix start-fg",
            "dnsmasq -k",
            "dnsmasq --no-daemon",
            "dnsmasq --test",
            "dovecot -F",
            "memcached -m 64",
            "mysqld",
            "haproxy -W -f /x",
            "gunicorn app",
            "gunicorn --access-logfile - app",
            "named -g",
            "squid -NYC",
            "supervisord -n",
            "slapd -d 0",
            "unbound -dd",
            "varnishd -F",
            "smbd -FS",
            "smbd --foreground",
            "exim -bdf",
            "dbus-daemon --session",
            "dbus-daemon --system --nofork",
            "pm2 start a.js --no-daemon",
            "pm2-runtime start",
            "catalina.sh run",
            "web --daemon",
            "vsftpd /x",
            "nginx-exporter",
            "php-fpm-exporter",
            "service",
            "",
        ] {
            assert_eq!(said("command", &line.split(' ').collect::<Vec<_>>()), None, "{line}");
        }
    }

    #[test]
    fn what_a_configuration_may_decide_is_another_question() {
        for name in ["nginx", "php-fpm", "supervisord", "unbound", "dnsmasq", "opendkim", "clamd"] {
            let linted = Linted::new("web", "command", std::slice::from_ref(&name));
            assert_eq!(notice(&linted, DecidedBy::Arguments), None, "{name}");
            assert!(notice(&linted, DecidedBy::Configuration).is_some(), "{name}");
        }
        let linted = Linted::new("web", "command", &["cron"]);
        assert!(notice(&linted, DecidedBy::Arguments).is_some());
        assert_eq!(notice(&linted, DecidedBy::Configuration), None);
    }

    #[test]
    fn a_program_of_the_same_name_elsewhere_is_another() {
        for line in ["/app/cron", "./cron", "bin/cron", "/srv/bin/service x start", "/app/named", "/usr/src/app/cron"] {
            assert_eq!(said("command", &line.split(' ').collect::<Vec<_>>()), None, "{line}");
        }
        for line in [
            "cron",
            "/usr/sbin/cron",
            "/usr/local/sbin/php-fpm",
            "/usr/lib/postgresql/15/bin/pg_ctl start",
            "/opt/tomcat/bin/catalina.sh start",
            "bin/zkServer.sh start",
        ] {
            assert!(said("command", &line.split(' ').collect::<Vec<_>>()).is_some(), "{line}");
        }
    }
}
