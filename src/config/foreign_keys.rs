//! What to write instead of a key of another system. Must not know where it was found.

use toml::de::DeValue;

use super::foreign_sandbox::SANDBOX;
use super::foreign_tables::{CASED, ForeignKey, IN_TABLES, KEYS, Note, OF_CONTAINER, OTHER_VALUES};
use super::foreign_values::translated;
use super::keys::{ConfigFile, Expects, KeyDoc, TableDoc};
use super::{container_keys, foreign_meanings, service_keys};

/// A key of another system that was found in a table of ours.
#[derive(Clone, Copy, Debug)]
pub struct Foreign {
    key: &'static ForeignKey,
    doc: &'static TableDoc,
    /// Whether what it does is said in a service's file, and it was found in the container file.
    is_of_service: bool,
}

fn plain(word: &str) -> String {
    let letters = word.chars().filter(|letter| !matches!(letter, '_' | '-' | '.'));
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Returns the foreign word, if it is used in a table with the keys of `doc`.
pub fn find(word: &str, doc: &'static TableDoc) -> Option<Foreign> {
    let wanted = plain(word);
    let named = |all: &'static [ForeignKey]| all.iter().find(|it| it.word == wanted);
    let of_service = || CASED.iter().find(|it| it.word == word).or_else(|| named(KEYS)).or_else(|| named(SANDBOX));
    let (key, is_of_service) = match (doc.file, doc.name) {
        (ConfigFile::Container, "") => match named(OF_CONTAINER) {
            Some(key) => (key, false),
            None => (of_service()?, true),
        },
        (ConfigFile::Service, "") => (of_service()?, false),
        (_, table) => {
            let is_known = |it: &&ForeignKey| it.inner(doc).is_some() || IN_TABLES.contains(&(table, it.word));
            (named(KEYS).filter(is_known)?, false)
        }
    };
    Some(Foreign { key, doc, is_of_service })
}

/// Returns whether the word means this key of services.
pub fn means(word: &str, key: &str) -> bool {
    let wanted = plain(word);
    KEYS.iter().any(|it| it.word == wanted && it.native == key)
}

impl Foreign {
    /// Returns the system; empty if several have the key, or none.
    pub fn system(&self) -> &'static str {
        self.key.system
    }

    /// Returns our key, with its table; empty if there is none.
    pub fn native(&self) -> &'static str {
        self.key.native
    }

    /// Returns what to write instead, with its value where that says the same here.
    pub fn fix(&self, value: Option<&DeValue<'_>>) -> String {
        if let Some(fix) = value.and_then(|value| foreign_meanings::fix(self.key, value)) {
            return fix;
        }
        let file = if self.is_of_service { ConfigFile::Service } else { self.doc.file };
        let inner = self.key.inner(self.doc).filter(|_| !self.doc.name.is_empty());
        let Some((table, key)) = inner.map(|key| ("", key)).or_else(|| self.key.target(file)) else {
            return match self.key.note {
                Note::Text(text) => text.to_owned(),
                // Every word has a key of native or a text, which a test checks.
                Note::None | Note::OtherService | Note::OwnOneshot => String::new(),
            };
        };
        let ours = value.and_then(|value| self.ours(value, key));
        // A line that does not have their value must not look as if it had.
        let write = if value.is_none() || ours.is_some() || key.expects == Expects::True {
            "write"
        } else {
            "write for example"
        };
        let needed = key.example.rsplit_once('\n').map_or("", |(before, _)| before);
        let line = match ours {
            Some(ours) if table.is_empty() || needed.is_empty() => format!("{} = {ours}", key.name),
            Some(ours) => format!("{}, {} = {ours}", needed.replace('\n', ", "), key.name),
            None => key.example.replace('\n', ", "),
        };
        let example = if table.is_empty() { line } else { format!("{table} = {{ {line} }}") };
        let place =
            if self.is_of_service { " into the file of a service, such as /etc/services.d/NAME.toml" } else { "" };
        match self.key.note {
            _ if inner.is_some() => format!("{write} `{example}`"),
            Note::Text(text) => format!("{write} `{example}`{place}: {text}"),
            Note::None => format!("{write} `{example}`{place}"),
            Note::OtherService => format!("{write} `{example}` in the file of the other service"),
            Note::OwnOneshot => {
                format!("write a oneshot with a file of its own, and require it: `{example}`")
            }
        }
    }

    /// Returns the value as our key would have it.
    fn ours(&self, value: &DeValue<'_>, key: &KeyDoc) -> Option<String> {
        let ours = translated(value, self.key.system, key.expects).filter(|_| self.key.has_our_values())?;
        // Only a stop may have no time.
        (ours != "\"0s\"" || self.key.native.ends_with("stop.timeout") || self.key.native == "stop_timeout")
            .then_some(ours)
    }
}

impl ForeignKey {
    /// Returns the key of this table for it.
    fn inner(&self, doc: &TableDoc) -> Option<&'static KeyDoc> {
        let table = doc.name.rsplit('.').next().unwrap_or_default();
        let (of, key) = self.native.split_once('.')?;
        if of == table { doc.key(key) } else { None }
    }

    /// Returns whether its values are those of our key, in another spelling at most.
    fn has_our_values(&self) -> bool {
        let is_elsewhere = matches!(self.note, Note::OtherService | Note::OwnOneshot);
        // A file is no directory.
        !is_elsewhere && self.native != "log.directory" && !OTHER_VALUES.contains(&self.word)
    }

    /// Returns our key and the name of its table.
    fn target(&self, file: ConfigFile) -> Option<(&'static str, &'static KeyDoc)> {
        let top = match file {
            ConfigFile::Service => &service_keys::SERVICE,
            ConfigFile::Container => &container_keys::CONTAINER,
        };
        match self.native.split_once('.') {
            None => top.key(self.native).map(|key| ("", key)),
            Some((table, key)) => {
                let tables = super::keys::reference();
                let table = tables.iter().find(|it| it.file == file && it.name == table)?;
                Some((table.name, table.key(key)?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Content, Sources, Tree, read};

    #[test]
    fn every_word_has_something_to_write_and_none_is_a_key_of_ours() {
        for (words, file, top) in [
            (KEYS, ConfigFile::Service, &service_keys::SERVICE),
            (SANDBOX, ConfigFile::Service, &service_keys::SERVICE),
            (OF_CONTAINER, ConfigFile::Container, &container_keys::CONTAINER),
        ] {
            for (at, it) in words.iter().enumerate() {
                assert_eq!(it.native.is_empty(), it.target(file).is_none(), "{it:?}");
                assert!(!it.native.is_empty() || matches!(it.note, Note::Text(_)), "{it:?}");
                assert_eq!(plain(it.word), it.word);
                assert!(top.key(it.word).is_none(), "{it:?}");
                assert!(words[..at].iter().all(|other| other.word != it.word), "{it:?} is there twice");
            }
        }
    }

    /// What the reader says of a service with that line.
    fn said_of(line: &str) -> String {
        let bytes = format!("command = [\"x\"]\n{line}\n").into_bytes();
        let entries = [("web.toml".into(), Content::File { bytes, executable: false })].into();
        let tree = Tree { path: "/t".into(), entries, ..Tree::default() };
        read(&Sources { trees: vec![tree], ..Sources::default() }).map_or_else(|all| all.to_string(), |_| String::new())
    }

    #[test]
    fn every_word_is_recognised_in_a_file_however_it_is_written() {
        for it in KEYS.iter().chain(SANDBOX) {
            let (start, end) = it.word.split_at(it.word.len() / 2);
            let capital = start.chars().next().map(|first| first.to_ascii_uppercase()).into_iter();
            let capitalised: String = capital.chain(it.word.chars().skip(1)).collect();
            for word in [it.word.to_owned(), it.word.to_ascii_uppercase(), capitalised, format!("{start}_{end}")] {
                let said = said_of(&format!("{word} = {{}}"));
                let system = if it.system.is_empty() { String::new() } else { format!(" ({})", it.system) };
                assert!(said.contains(&format!("unknown key `{word}`{system}; ")), "{said}");
                assert!(!said.contains("the keys are") && !said.contains("did you mean"), "{said}");
            }
        }
    }

    #[test]
    fn a_key_of_systemd_that_has_our_name_differs_by_its_case() {
        for it in CASED {
            let same = service_keys::SERVICE.keys.iter().find(|key| plain(key.name) == plain(it.word));
            assert!(same.is_some_and(|key| key.name != it.word && key.name == it.native), "{it:?}");
        }
    }
}
