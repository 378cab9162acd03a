//! What to write instead of a key or value of another system. Must not know where it was found.

use super::foreign_tables::{ForeignKey, KEYS, Note, OF_CONTAINER, SECTIONS, VALUES};
use super::keys::{ConfigFile, KeyDoc, TableDoc};
use super::{container_keys, service_keys};

fn plain(word: &str) -> String {
    let letters = word.chars().filter(|letter| !matches!(letter, '_' | '-' | '.'));
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Returns the foreign word, if it is used in a table with the keys of `doc`.
pub fn find(word: &str, doc: &TableDoc) -> Option<&'static ForeignKey> {
    let wanted = plain(word);
    let all = match (doc.file, doc.name) {
        (ConfigFile::Container, "") => OF_CONTAINER,
        (_, _) => KEYS,
    };
    let fits = |it: &&ForeignKey| it.word == wanted && (doc.name.is_empty() || it.inner(doc).is_some());
    all.iter().find(fits)
}

/// Returns whether the word means this key of services.
pub fn means(word: &str, key: &str) -> bool {
    let wanted = plain(word);
    KEYS.iter().any(|it| it.word == wanted && it.native == key)
}

/// Returns the section, if a table of this name is one of a systemd unit.
pub fn section(name: &str) -> Option<&'static str> {
    SECTIONS.into_iter().find(|section| *section == name)
}

/// Returns what to write instead of another system's value of a key.
pub fn value(key: &str, value: &str) -> Option<&'static str> {
    let (wanted, value) = (key.trim_matches('`'), value.to_ascii_lowercase().replace('_', "-"));
    let wanted = wanted.strip_suffix(".policy").unwrap_or(wanted);
    VALUES.iter().find(|(key, theirs, _)| *key == wanted && *theirs == value).map(|(_, _, fix)| *fix)
}

impl ForeignKey {
    /// Returns the key of this table for it.
    fn inner(&self, doc: &TableDoc) -> Option<&'static KeyDoc> {
        let table = doc.name.rsplit('.').next().unwrap_or_default();
        let (of, key) = self.native.split_once('.')?;
        if of == table { doc.key(key) } else { None }
    }

    /// Returns what to write instead of it in a table with the keys of `doc`.
    pub fn fix(&self, doc: &TableDoc) -> String {
        if let Some(key) = self.inner(doc).filter(|_| !doc.name.is_empty()) {
            return format!("write `{}`", line(key));
        }
        match (self.example(doc.file), self.note) {
            (None, Note::Text(text)) => text.to_owned(),
            (Some(example), Note::Text(text)) => format!("write `{example}`: {text}"),
            (Some(example), Note::None) => format!("write `{example}`"),
            (Some(example), Note::OtherService) => format!("write `{example}` in the file of the other service"),
            (Some(example), Note::OwnOneshot) => {
                format!("write a oneshot with a file of its own, and require it: `{example}`")
            }
            // Every word has a key of native or a text, which a test checks.
            (None, Note::None | Note::OtherService | Note::OwnOneshot) => String::new(),
        }
    }

    /// Returns an equivalent line.
    fn example(&self, file: ConfigFile) -> Option<String> {
        let top = match file {
            ConfigFile::Service => &service_keys::SERVICE,
            ConfigFile::Container => &container_keys::CONTAINER,
        };
        match self.native.split_once('.') {
            None => top.key(self.native).map(line),
            Some((table, key)) => {
                let tables = super::keys::reference();
                let table = tables.iter().find(|it| it.file == file && it.name == table)?;
                Some(format!("{} = {{ {} }}", table.name, line(table.key(key)?)))
            }
        }
    }
}

/// The example to paste, in one line.
fn line(key: &KeyDoc) -> String {
    key.example.replace('\n', ", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_something_to_write_and_none_is_a_key_of_ours() {
        for (words, file, top) in [
            (KEYS, ConfigFile::Service, &service_keys::SERVICE),
            (OF_CONTAINER, ConfigFile::Container, &container_keys::CONTAINER),
        ] {
            for (at, it) in words.iter().enumerate() {
                assert_eq!(it.native.is_empty(), it.example(file).is_none(), "{it:?}");
                assert!(!it.native.is_empty() || matches!(it.note, Note::Text(_)), "{it:?}");
                assert_eq!(plain(it.word), it.word);
                assert!(top.key(it.word).is_none(), "{it:?}");
                assert!(words[..at].iter().all(|other| other.word != it.word), "{it:?} is there twice");
            }
        }
    }

    #[test]
    fn every_value_is_of_a_key_and_not_one_of_its_own() {
        for (key, theirs, fix) in VALUES {
            assert!(service_keys::SERVICE.key(key).is_some() && value(key, theirs) == Some(fix));
        }
        assert_eq!(value("`restart.policy`", "ON_ABORT"), value("restart", "on-abort"));
        assert_eq!(value("restart", "always"), None);
    }
}
