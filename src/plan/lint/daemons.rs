//! The daemons that put themselves into the background, as a table: when each does, and what to write instead. Must not know
//! commands.

use crate::config::quote::ticked;

/// When a program goes into the background.
pub(super) enum Background {
    /// Always but with one of these arguments: `-f` is this letter among the letters of an option, `--word` an option with
    /// or without a value, anything else a part of any argument. Arguments with which it serves nothing are here too.
    Unless(&'static [&'static str]),
    /// Only with these arguments, one after the other.
    With(&'static [&'static [&'static str]]),
}

/// What to write instead.
pub(super) enum Instead {
    /// Add these arguments.
    Add(&'static str),
    /// Add these, or write the setting: together they are an error.
    Either(&'static str),
    /// Write this in the place of the arguments that were found.
    Replace(&'static str),
    /// Leave them out.
    Remove,
    /// Do this.
    Text(&'static str),
}

use Background::{Unless, With};
use Instead::{Add, Either, Remove, Replace, Text};

/// One program.
pub(super) struct Daemon {
    /// By the last component of their paths.
    pub names: &'static [&'static str],
    pub background: Background,
    pub instead: Instead,
    /// What its configuration says where it stays in the foreground; empty if only arguments count.
    pub setting: &'static str,
}

impl Daemon {
    /// Returns ", unless its configuration says …", where that may keep it in the foreground.
    pub fn unless(&self) -> String {
        match self.setting {
            "" => String::new(),
            setting => format!(", unless its configuration says `{setting}`"),
        }
    }
}

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
pub(super) const DAEMONS: &[Daemon] = &[
    // Servers of HTTP, and proxies.
    daemon(&["nginx", "openresty", "angie"], Unless(&["daemon", "-s"]), Either("\"-g\", \"daemon off;\""), "daemon off;"),
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
        let (when, with) = match &daemon.background {
            Unless(_) => (format!("by itself{}", daemon.unless()), String::new()),
            With(words) => (format!("with {}", all(words)), all(words)),
        };
        let instead = match daemon.instead {
            Add(arguments) => format!("add `{arguments}`"),
            Either(arguments) => format!("add `{arguments}`, or write that setting, not both"),
            Replace(word) => format!("`{word}` in the place of {with}"),
            Remove => "leave that out".to_owned(),
            Text(text) => text.to_owned(),
        };
        [names.join(", "), when, instead]
    };
    DAEMONS.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_program_is_there_twice() {
        let mut names: Vec<_> = DAEMONS.iter().flat_map(|daemon| daemon.names).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
