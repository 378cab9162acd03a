//! The environment of a chain, as entries `NAME=value`. Names may be anything without a `=`: execline's are `#`, `?`, `1`.
//! Must not know what variables mean.
#![allow(clippy::disallowed_methods)] // the one place of these commands that reads the environment

use std::os::unix::ffi::OsStringExt;

/// An environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    entries: Vec<Vec<u8>>,
}

impl Environment {
    /// Returns this process's.
    pub fn inherited() -> Self {
        let entry = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            [name.into_vec(), b"=".to_vec(), value.into_vec()].concat()
        };
        Self { entries: std::env::vars_os().map(entry).collect() }
    }

    /// Returns one of these entries.
    pub fn of(entries: Vec<Vec<u8>>) -> Self {
        Self { entries }
    }

    /// Returns its entries.
    pub fn entries(&self) -> &[Vec<u8>] {
        &self.entries
    }

    /// Returns the value of a variable.
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.entries.iter().find_map(|entry| entry.strip_prefix(name)?.strip_prefix(b"="))
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        self.unset(name);
        self.entries.push([name, b"=", value].concat());
    }

    /// Removes a variable.
    pub fn unset(&mut self, name: &[u8]) {
        self.entries.retain(|entry| entry.strip_prefix(name).is_none_or(|rest| rest.first() != Some(&b'=')));
    }

    /// Sets a variable, or removes it if there is no value.
    pub fn put(&mut self, name: &[u8], value: Option<&[u8]>) {
        match value {
            Some(value) => self.set(name, value),
            None => self.unset(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_any_name_are_set_and_removed() {
        let mut environment = Environment::of(vec![b"A=1".to_vec(), b"AB=2".to_vec(), b"#=3".to_vec()]);
        assert_eq!(
            (environment.get(b"A"), environment.get(b"#"), environment.get(b"B")),
            (Some(&b"1"[..]), Some(&b"3"[..]), None)
        );
        environment.set(b"A", b"x=y");
        environment.put(b"#", None);
        environment.put(b"!", Some(b""));
        assert_eq!(environment.entries(), [b"AB=2".to_vec(), b"A=x=y".to_vec(), b"!=".to_vec()]);
    }
}
