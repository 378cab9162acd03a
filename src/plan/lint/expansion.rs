//! What a shell or supervisord would put something else for: `$HOME`, `${HOME}`, `$(nproc)`, `~/`, `%(ENV_HOME)s`. Here a
//! program gets it as written. Must not know what a program makes of it, but for those that read code.

use super::linted::Linted;
use super::shell_line;
use super::variables::{Expansion, find, find_in};
use crate::config::hidden::looks_secret;
use crate::config::quote::{quoted, ticked};
use crate::config::service::Service;

/// Variables whose values a shell or a framework reads itself, by their beginnings and ends.
const READ_LATER: ([&str; 4], [&str; 3]) =
    (["PS", "PROMPT", "SPRING_", "LOGGING_"], ["_FORMAT", "_TEMPLATE", "_PATTERN"]);

/// Returns the notice of the first one in a command.
pub(super) fn notice(linted: &Linted<'_>) -> Option<String> {
    let words = linted.before_code;
    let (word, found) = words.iter().find_map(|word| Some((word, find_in(words, word)?)))?;
    let gets = if linted.is_secret { "it".to_owned() } else { quoted(word) };
    let what = format!("no shell expands {}: the program gets {gets} as written", ticked(&found.named()));
    let script = shell_line::instead(linted, linted.argv);
    let fix = match found.kind {
        Expansion::Home => format!("write the whole path, or {script}"),
        Expansion::Variable => format!("write {script}"),
        Expansion::Supervisord if found.text.starts_with("%(ENV_") => {
            format!("that is supervisord's: write {script}")
        }
        Expansion::Supervisord => "that is supervisord's: write the value itself".to_owned(),
    };
    Some(linted.says(format!("{what}; {fix}")))
}

/// Returns a notice for each variable with one in its value, which may hold a password and is not repeated.
pub(super) fn of_environment(service: &Service) -> Vec<String> {
    let is_read_later = |name: &str| {
        let (starts, ends) = READ_LATER;
        starts.iter().any(|start| name.starts_with(start)) || ends.iter().any(|end| name.ends_with(end))
    };
    let of_value = |(name, value): (&String, &String)| {
        let found = find(value).filter(|_| !is_read_later(name))?;
        // A password may have a `$` in it.
        if found.is_bare() && looks_secret(name.as_bytes(), value.as_bytes()) {
            return None;
        }
        Some(format!(
            "{}: `environment`: no shell expands {} in {}: it is passed on as written; write the value itself, or \
             `export` it in a `script`",
            service.name,
            ticked(&found.named()),
            ticked(name),
        ))
    };
    service.environment.iter().filter_map(of_value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::service::Command;
    use crate::config::values::ServiceName;

    fn said(argv: &[&str]) -> Option<String> {
        notice(&Linted::new("web", "command", argv))
    }

    #[test]
    fn what_a_shell_would_expand_is_answered_with_a_script() {
        for (argv, expected) in [
            (
                &["redis-server", "--port", "$PORT"][..],
                "no shell expands `$PORT`: the program gets \"$PORT\" as written; write `script = \"exec redis-server \
                 --port \\\"$PORT\\\"\"`",
            ),
            (
                &["web", "--dir=${HOME}/x y"],
                "no shell expands `${HOME}`: the program gets \"--dir=${HOME}/x y\" as written; write `script = \"exec \
                 web \\\"--dir=${HOME}/x y\\\"\"`",
            ),
            (
                &["web", "-j", "$(nproc)"],
                "no shell expands `$(nproc)`: the program gets \"$(nproc)\" as written; write `script = \"exec web -j \
                 \\\"$(nproc)\\\"\"`",
            ),
            (
                &["~/bin/web", "a b"],
                "no shell expands `~`: the program gets \"~/bin/web\" as written; write the whole path, or `script = \
                 \"exec ~/bin/web 'a b'\"`",
            ),
            (
                &["web", "%(ENV_PORT)s"],
                "no shell expands `%(ENV_PORT)s`: the program gets \"%(ENV_PORT)s\" as written; that is supervisord's: \
                 write `script = \"exec web \\\"${PORT}\\\"\"`",
            ),
            (
                &["web", "/log/%(program_name)s_%(process_num)02d"],
                "no shell expands `%(program_name)s`: the program gets \"/log/%(program_name)s_%(process_num)02d\" as \
                 written; that is supervisord's: write the value itself",
            ),
        ] {
            assert_eq!(said(argv), Some(format!("web: `command`: {expected}")), "{argv:?}");
        }
        for word in ["${X:-y}", "a:$X_1", "--dir=$HOME/x", "${x%/}", "${x}"] {
            assert!(said(&["web", word]).is_some(), "{word}");
        }
    }

    #[test]
    fn what_a_program_reads_itself_is_not_reported() {
        for argv in [
            &["sh", "-c", "exec web $PORT ~/x"][..],
            &["env", "bash", "-c", "echo $HOME"],
            &["awk", "{print $NF}"],
            &["perl", "-e", "print $ENV{X}"],
            &["python3.11", "-c", "print('%(here)s' % x)"],
            &["envsubst", "$HOST $PORT"],
            &["sed", "s/$X/y/"],
            &["date", "+%Y-%m-%d %(z)s"],
            &["gunicorn", "--access-logformat", "%(h)s %(l)s %(t)s", "app"],
            &["java", "-Dlog=${catalina.base}", "-Dx=${HOME}", "x"],
            &["nginx", "-g", "env PATH; log_format x '$remote_addr';"],
            &["web", "--hash", "$2y$10$ABCDEFGHIJ"],
            &["web", "--basic-auth=admin:$apr1$XY$ABC"],
            &["web", "pa$WORD", "p$", "$1", "$$HOME", "\\$HOME", "a~/b", "x$(y", "$()", "${}", "${env:X}"],
            &["nginx", "-c", "location ~* \\.php$"],
            &["web", "--match", "^~/x", "~user/x"],
            &["restic", "backup", "--exclude", "$RECYCLE.BIN", "/data"],
            &["restic", "backup", "--exclude", "/$RECYCLE.BIN/**"],
            &["caddy", "respond", "{$DOMAIN}", "P@$SWORD", "\"$HOME\""],
        ] {
            assert_eq!(said(argv), None, "{argv:?}");
        }
    }

    #[test]
    fn a_password_beside_it_is_not_repeated() {
        for argv in [
            &["web", "--password", "hunter2", "$PORT"][..],
            &["web", "--db=postgres://app:hunter2@h/x", "$PORT"],
            &["web", "DB_PASSWORD=hunter2", "$PORT"],
        ] {
            let expected = "web: `command`: no shell expands `$PORT`: the program gets it as written; write the line as \
                            `script`, which /bin/sh runs";
            assert_eq!(said(argv).as_deref(), Some(expected), "{argv:?}");
        }
        assert!(!said(&["web", "${PW:-hunter2}"]).unwrap().contains("hunter2"));
    }

    #[test]
    fn only_the_beginning_of_a_word_is_read() {
        // Each `$` would be looked at to the end.
        for begin in ["${X", "$(x", "$X$"] {
            assert_eq!(said(&["web", &begin.repeat(80_000)]), None, "{begin}");
        }
        assert_eq!(said(&["web", &format!("{}${{HOME}}", "ä".repeat(4000))]), None);
    }

    #[test]
    fn a_variable_gets_its_value_as_written() {
        let of = |name: &str, value: &str| {
            let mut service = Service::plain(ServiceName::new("web").unwrap(), Command::Nothing);
            service.environment.insert(name.to_owned(), value.to_owned());
            of_environment(&service)
        };
        assert_eq!(
            of("PATH", "/app/bin:$PATH"),
            [
                "web: `environment`: no shell expands `$PATH` in `PATH`: it is passed on as written; write the value itself, \
              or `export` it in a `script`"
            ]
        );
        for (name, value, shown) in [
            ("DATABASE_URL", "postgres://app:hunter2@${DB_HOST}/app", "`${DB_HOST}`"),
            ("DB_PASSWORD", "${DB_PASSWORD:-hunter2}", "`${DB_PASSWORD…}`"),
            ("DB_PASSWORD", "$(echo hunter2)", "`$(echo…)`"),
            ("JOBS", "$(nproc)", "`$(nproc)`"),
        ] {
            let said = of(name, value).join("\n");
            assert!(said.contains(&format!("no shell expands {shown} in `{name}`: ")), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
        assert_eq!(of("DATA", "~/data").len(), 1);
        assert_eq!(of("DATA", "%(ENV_HOME)s/data").len(), 1);
        for (name, value) in [
            ("PS1", "\\u $PWD"),
            ("SPRING_DATASOURCE_URL", "jdbc:${DB_HOST}"),
            ("ACCESS_LOG_FORMAT", "$HOST ${X}"),
            ("PASSWORD", "x$Y9!$z"),
            ("DB_PASSWORD", "P@$SWORD1"),
            ("DB_PASSWORD", "x/$SWORD1"),
            ("HASH", "$2b$12$ABCdef"),
            ("ARGON", "$argon2id$v=19$m=65536$X"),
            ("PATTERN", "^foo$"),
            ("TILDE", "a ~ b"),
        ] {
            assert_eq!(of(name, value), [""; 0], "{name}={value}");
        }
    }
}
