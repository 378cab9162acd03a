//! Which values are not shown: by the names of their variables or options, and by passwords in URLs. A heuristic that prefers to
//! hide too much. Must not know who shows them.

/// Parts of names of secrets, at a word's border or not.
const SUBSTRINGS: [&str; 9] =
    ["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "CREDENTIAL", "APIKEY", "PRIVATE", "COOKIE"];
/// Whole words in names of secrets: `DB_PASS`, `AWS_ACCESS_KEY_ID`, and not `KEYBOARD`.
const WHOLE_WORDS: [&str; 8] = ["PASS", "PWD", "PW", "KEY", "AUTH", "CERT", "SALT", "PIN"];
/// Names that are not secrets although they look like one.
const EXCEPTIONS: [&str; 2] = ["PWD", "OLDPWD"];

/// Returns whether a value must only be shown if the user insists.
pub fn looks_secret(name: &[u8], value: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_ascii_uppercase();
    if name.ends_with("_FILE") || EXCEPTIONS.contains(&name.as_str()) {
        // `DB_PASSWORD_FILE` is the path of a secret.
        return has_password(value);
    }
    SUBSTRINGS.iter().any(|part| name.contains(part))
        || name.split(|letter: char| !letter.is_ascii_alphanumeric()).any(|word| WHOLE_WORDS.contains(&word))
        || has_password(value)
}

/// Returns whether the words of a command must not be repeated: one is an option, an assignment or a header whose name looks
/// secret, whatever its value is, or has a password in a URL.
pub fn are_secret(words: &[&str]) -> bool {
    let is_secret = |piece: &str| {
        let (name, value) = piece.split_once(['=', ':']).unwrap_or((piece, ""));
        let is_named = piece.starts_with('-') || name.len() < piece.len();
        let name = name.trim_start_matches('-').replace('-', "_");
        has_password(piece.as_bytes()) || (is_named && looks_secret(name.as_bytes(), value.as_bytes()))
    };
    words.iter().any(|word| word.split_whitespace().any(is_secret))
}

/// `postgres://user:password@host/`
fn has_password(value: &[u8]) -> bool {
    let value = String::from_utf8_lossy(value);
    value.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known() {
        for name in [
            "DB_PASSWORD",
            "MYSQL_ROOT_PASSWORD",
            "db_pass",
            "PGPASSWORD",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_ACCESS_KEY_ID",
            "GITHUB_TOKEN",
            "API_KEY",
            "SECRET_KEY_BASE",
            "STRIPE_APIKEY",
        ] {
            assert!(looks_secret(name.as_bytes(), b"x"), "{name}");
        }
        for name in ["PATH", "HOME", "PWD", "OLDPWD", "KEYBOARD", "DB_PASSWORD_FILE", "MONKEY", "LANG", "COMPASS"] {
            assert!(!looks_secret(name.as_bytes(), b"x"), "{name}");
        }
    }

    #[test]
    fn words_with_a_secret_among_them_are_known() {
        for line in [
            "web postgres://app:pw@db/x",
            "web --url=postgres://app:pw@db/x",
            "web --db-password pw",
            "web --db-password=pw",
            "web -Dspring.datasource.password=pw",
            "env DB_PASS=pw web",
            "curl -H X-Api-Token:x",
            "web --api-key=$KEY",
        ] {
            assert!(are_secret(&line.split(' ').collect::<Vec<_>>()), "{line}");
            assert!(are_secret(&[line]), "{line}");
        }
        for line in ["web --port 80", "web --password-file=/run/x", "pass show", "env A=b key", "nginx -g", ""] {
            assert!(!are_secret(&line.split(' ').collect::<Vec<_>>()), "{line}");
        }
    }

    #[test]
    fn an_address_with_a_password_in_it_is_one() {
        for value in ["postgres://app:pw@db:5432/x", "redis://:pw@cache", "a,amqp://u:p%40@h/"] {
            assert!(looks_secret(b"DATABASE_URL", value.as_bytes()), "{value}");
        }
        for value in ["postgres://app@db:5432/x", "http://h/a:b@c", "http://[::1]:80/", "user:pw@host", ""] {
            assert!(!looks_secret(b"DATABASE_URL", value.as_bytes()), "{value}");
        }
    }
}
