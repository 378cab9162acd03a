//! Daemons that put themselves into the background: the process that is supervised ends at once. The table has only what the
//! arguments decide; where a configuration file may say the same, the message says so. Must not know services.

use std::ffi::OsString;

use super::linted::Linted;
use crate::config::quote::ticked;
use crate::plan::arguments;

/// When a program goes into the background.
enum Background {
    /// Always but with one of these arguments: `-f` is this letter among the letters of an option, `--word` an option with
    /// or without a value, anything else a part of any argument. Arguments with which it serves nothing are here too.
    Unless(&'static [&'static str]),
    /// Only with these arguments, one after the other.
    With(&'static [&'static [&'static str]]),
}

/// What to write instead.
enum Instead {
    /// Add these arguments.
    Add(&'static str),
    /// Write this in the place of the arguments that were found.
    Replace(&'static str),
    /// Leave them out.
    Remove,
    /// Do this.
    Text(&'static str),
}

use Background::{Unless, With};
use Instead::{Add, Remove, Replace, Text};

/// One program.
struct Daemon {
    /// By the last component of their paths.
    names: &'static [&'static str],
    background: Background,
    instead: Instead,
    /// What its configuration says where it stays in the foreground; empty if only arguments count.
    setting: &'static str,
}

/// The arguments with which any program only answers.
const ANSWERS: [&str; 7] = ["-v", "-V", "--version", "--help", "--test", "-t", "-T"];
/// The arguments that win against those that send it into the background.
const STAYS: [&str; 4] = ["--no-daemon", "--nofork", "--foreground", "--attach"];

const fn daemon(
    names: &'static [&'static str],
    background: Background,
    instead: Instead,
    setting: &'static str,
) -> Daemon {
    Daemon { names, background, instead, setting }
}

/// From their manual pages (Debian 12), php-fpm.conf, crond(8) of busybox, cronie and dcron, and the manuals of MySQL, MongoDB,
/// Tomcat, ZooKeeper, Kafka and PM2.
#[rustfmt::skip] // a table: one program in one line
const DAEMONS: &[Daemon] = &[
    // Servers of HTTP, and proxies.
    daemon(&["nginx", "openresty", "angie"], Unless(&["daemon", "-s"]), Add("\"-g\", \"daemon off;\""), "daemon off;"),
    daemon(&["php-fpm"], Unless(&["-F", "--nodaemonize", "-i", "-m", "--info"]), Add("\"--nodaemonize\""), "daemonize = no"),
    daemon(&["apache2", "apachectl", "apache2ctl"], Unless(&["FOREGROUND", "NO_DETACH", "-X", "-S", "-M", "-l", "-L", "stop", "graceful", "configtest", "status"]), Add("\"-DFOREGROUND\""), ""),
    // busybox has one, too: `-f` is its foreground, and a file of Apache's.
    daemon(&["httpd"], Unless(&["FOREGROUND", "NO_DETACH", "-X", "-S", "-M", "-l", "-L", "-f", "stop", "graceful"]), Add("\"-DFOREGROUND\""), ""),
    daemon(&["lighttpd"], Unless(&["-D", "-1", "-p"]), Add("\"-D\""), ""),
    daemon(&["haproxy"], With(&[&["-D"]]), Remove, ""),
    daemon(&["squid"], Unless(&["-N", "--foreground", "-z", "-k"]), Add("\"-N\""), ""),
    daemon(&["varnishd"], Unless(&["-F", "-d", "-C", "-x"]), Add("\"-F\""), ""),
    daemon(&["privoxy"], Unless(&["--no-daemon", "--config-test"]), Add("\"--no-daemon\""), ""),
    daemon(&["gunicorn"], With(&[&["-D"], &["--daemon"]]), Remove, ""),
    daemon(&["uwsgi"], With(&[&["--daemonize"], &["-d"]]), Remove, ""),
    daemon(&["unicorn", "unicorn_rails"], With(&[&["-D"], &["--daemonize"]]), Remove, ""),
    daemon(&["pm2"], With(&[&["start"]]), Text("write `pm2-runtime` in the place of `pm2`"), ""),
    daemon(&["catalina.sh"], With(&[&["start"]]), Replace("run"), ""),
    // Databases and brokers.
    daemon(&["redis-server", "valkey-server", "redis-sentinel"], With(&[&["--daemonize", "yes"]]), Remove, ""),
    daemon(&["memcached"], With(&[&["-d"], &["--daemon"]]), Remove, ""),
    daemon(&["mysqld"], With(&[&["--daemonize"], &["-D"]]), Remove, ""),
    daemon(&["mongod"], With(&[&["--fork"]]), Remove, ""),
    daemon(&["pg_ctl"], With(&[&["start"]]), Text("write `postgres -D DIRECTORY`"), ""),
    daemon(&["mosquitto"], With(&[&["-d"], &["--daemon"]]), Remove, ""),
    daemon(&["zkServer.sh"], With(&[&["start"]]), Replace("start-foreground"), ""),
    daemon(&["kafka-server-start.sh"], With(&[&["-daemon"]]), Remove, ""),
    daemon(&["slapd"], Unless(&["-d"]), Add("\"-d\", \"0\""), ""),
    // Of a system.
    daemon(&["sshd"], Unless(&["-D", "-d", "-i", "-G"]), Add("\"-D\", \"-e\""), ""),
    daemon(&["dropbear"], Unless(&["-F", "-i"]), Add("\"-F\", \"-E\""), ""),
    daemon(&["cron"], Unless(&["-f", "-x"]), Add("\"-f\""), ""),
    daemon(&["crond"], Unless(&["-f", "-n", "-d", "-x"]), Text("add `\"-f\"` (cronie's: `\"-n\"`)"), ""),
    daemon(&["atd"], Unless(&["-f", "-d", "-s"]), Add("\"-f\""), ""),
    daemon(&["rsyslogd"], Unless(&["-n", "-N", "-d", "-D"]), Add("\"-n\""), ""),
    daemon(&["syslog-ng"], Unless(&["-F", "--foreground", "-s", "--syntax-only", "-i", "--interactive"]), Add("\"-F\""), ""),
    daemon(&["supervisord"], Unless(&["-n", "--nodaemon"]), Text("add `\"-n\"`, or translate its programs: `stepdown import FILE`"), "nodaemon=true"),
    daemon(&["dbus-daemon"], With(&[&["--system"], &["--fork"]]), Add("\"--nofork\""), ""),
    daemon(&["chronyd"], Unless(&["-d", "-n", "-q", "-Q", "-p"]), Add("\"-d\""), ""),
    daemon(&["rpcbind"], Unless(&["-f", "-d"]), Add("\"-f\""), ""),
    daemon(&["snmpd"], Unless(&["-f", "-D", "-H"]), Add("\"-f\""), ""),
    daemon(&["zabbix_agentd", "zabbix_server", "zabbix_proxy"], Unless(&["-f", "--foreground", "-p", "--print", "-R"]), Add("\"-f\""), ""),
    daemon(&["keepalived"], Unless(&["-n", "--dont-fork"]), Add("\"--dont-fork\""), ""),
    daemon(&["radvd"], Unless(&["-n", "--nodaemon", "-c"]), Add("\"--nodaemon\""), ""),
    daemon(&["fail2ban-server"], Unless(&["-f", "-d", "--dp"]), Add("\"-f\""), ""),
    daemon(&["avahi-daemon"], With(&[&["-D"], &["--daemonize"]]), Remove, ""),
    daemon(&["hostapd"], With(&[&["-B"]]), Remove, ""),
    daemon(&["start-stop-daemon"], With(&[&["-b"], &["--background"]]), Remove, ""),
    daemon(&["service", "systemctl", "invoke-rc.d", "rc-service"], With(&[&["start"], &["restart"]]), Text("write the daemon itself as the command, with its option for the foreground"), ""),
    // Names, mail and files.
    daemon(&["named"], Unless(&["-f", "-g"]), Add("\"-f\""), ""),
    daemon(&["unbound"], Unless(&["-d"]), Add("\"-d\""), "do-daemonize: no"),
    daemon(&["dnsmasq"], Unless(&["-k", "--keep-in-foreground", "-d", "--no-daemon", "-w"]), Add("\"--keep-in-foreground\""), "keep-in-foreground"),
    daemon(&["postfix"], With(&[&["start"]]), Replace("start-fg"), ""),
    daemon(&["exim", "exim4"], With(&[&["-bd"]]), Replace("-bdf"), ""),
    daemon(&["dovecot"], Unless(&["-F", "-n", "-a", "reload", "stop", "--hostdomain", "--build-options"]), Add("\"-F\""), ""),
    daemon(&["opendkim"], Unless(&["-f", "-n"]), Add("\"-f\""), "Background no"),
    daemon(&["clamd"], Unless(&["-F", "--foreground"]), Add("\"--foreground\""), "Foreground yes"),
    daemon(&["proftpd"], Unless(&["-n", "--nodaemon", "-l", "-c"]), Add("\"--nodaemon\""), ""),
    daemon(&["smbd", "nmbd"], Unless(&["-F", "--foreground", "-i", "--interactive", "-b"]), Add("\"--foreground\""), ""),
    daemon(&["cupsd"], Unless(&["-f", "-F", "-l"]), Add("\"-f\""), ""),
    daemon(&["minidlnad"], Unless(&["-S", "-d"]), Add("\"-S\""), ""),
    daemon(&["transmission-daemon"], Unless(&["-f", "--foreground", "-d", "--dump-settings"]), Add("\"--foreground\""), ""),
    daemon(&["deluged"], Unless(&["-d", "--do-not-daemonize"]), Add("\"--do-not-daemonize\""), ""),
    daemon(&["mpd"], Unless(&["--no-daemon", "--systemd", "--kill"]), Add("\"--no-daemon\""), ""),
    daemon(&["znc"], Unless(&["-f", "--foreground", "-c", "-p", "-D"]), Add("\"--foreground\""), ""),
    daemon(&["ngircd"], Unless(&["-n", "--nodaemon"]), Add("\"--nodaemon\""), ""),
];

/// Returns the rows of a table: the programs, when they go into the background, and what to write instead.
pub fn daemons() -> Vec<[String; 3]> {
    let row = |daemon: &Daemon| {
        let names: Vec<_> = daemon.names.iter().map(|name| ticked(name)).collect();
        let all =
            |words: &[&[&str]]| words.iter().map(|words| ticked(&words.join(" "))).collect::<Vec<_>>().join(" or ");
        let unless = match daemon.setting {
            "" => String::new(),
            setting => format!(", unless its configuration says `{setting}`"),
        };
        let (when, with) = match &daemon.background {
            Unless(_) => (format!("by itself{unless}"), String::new()),
            With(words) => (format!("with {}", all(words)), all(words)),
        };
        let instead = match daemon.instead {
            Add(arguments) => format!("add `{arguments}`"),
            Replace(word) => format!("`{word}` in the place of {with}"),
            Remove => "leave that out".to_owned(),
            Text(text) => text.to_owned(),
        };
        [names.join(", "), when, instead]
    };
    DAEMONS.iter().map(row).collect()
}

/// Returns the notice, if the program that is executed in the end goes into the background.
pub(super) fn notice(linted: &Linted<'_>) -> Option<String> {
    let argv: Vec<OsString> = linted.argv.iter().map(OsString::from).collect();
    let skipped = argv.len().checked_sub(arguments::executed(&argv).len())?;
    let (program, given) = linted.argv.get(skipped..)?.split_first()?;
    let name = program.rsplit('/').next()?;
    let name = if is_php_fpm(name) { "php-fpm" } else { name };
    let found = DAEMONS.iter().find(|daemon| daemon.names.contains(&name))?;
    let at = found.background.arguments(given)?;
    let written = given.get(at.clone()).unwrap_or_default().join(" ");
    let with = if written.is_empty() { String::new() } else { format!(" with `{written}`") };
    let unless = match found.setting {
        "" => String::new(),
        setting => format!(", unless its configuration says `{setting}`"),
    };
    let ends = if linted.key.is_empty() { "so that the container ends" } else { "so that the service ends at once" };
    let key = if linted.key.is_empty() { "the command" } else { "`command`" };
    let fix = match found.instead {
        Add(arguments) => format!("add `{arguments}` to {key}"),
        Replace(word) => format!("write \"{word}\" in the place of \"{written}\""),
        Remove => "leave that out".to_owned(),
        Text(text) => text.to_owned(),
    };
    let what = format!("{}{with} goes into the background, {ends}{unless}", ticked(name));
    Some(linted.says(format!("{what}; {fix}")))
}

/// `php-fpm8.2`, `php-fpm82`.
fn is_php_fpm(name: &str) -> bool {
    let is_version = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    name.strip_prefix("php-fpm").is_some_and(is_version)
}

impl Background {
    /// Returns the arguments by which it goes into the background, none where it does by itself; `None`: it does not.
    fn arguments(&self, given: &[&str]) -> Option<std::ops::Range<usize>> {
        match self {
            Self::Unless(options) => {
                let answers = |word: &&str| ANSWERS.contains(word);
                let stays = |word: &&str| options.iter().any(|option| is_given(option, word));
                (!given.iter().any(|word| answers(word) || stays(word))).then_some(0..0)
            }
            Self::With(_) if given.iter().any(|word| STAYS.contains(word)) => None,
            Self::With(all) => all.iter().find_map(|words| {
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
        notice(&Linted { name: "web", key, argv })
    }

    #[test]
    fn a_daemon_in_the_background_is_answered_with_its_foreground() {
        for (argv, expected) in [
            (
                &["/usr/sbin/nginx", "-c", "/x"][..],
                "`nginx` goes into the background, so that the service ends at once, unless its configuration says \
                 `daemon off;`; add `\"-g\", \"daemon off;\"` to `command`",
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
    fn no_program_is_there_twice() {
        let mut names: Vec<_> = DAEMONS.iter().flat_map(|daemon| daemon.names).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
