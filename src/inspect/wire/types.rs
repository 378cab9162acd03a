//! The types that are sent, field by field: a missing field does not compile.

use super::{Decoder, Message, Wire, encode_bytes};
use crate::config::service::AUXILIARY_KEYS;
use crate::config::values::{CapSet, Gid, Uid};
use crate::config::{Content, Tree};
use crate::config::{S6Sources, VersionTwoFiles};
use crate::inspect::facts::NamedPaths;
use crate::inspect::source::{KINDS, ReloadSources};
use crate::plan::exec_failure::{ExecFailure, FilePermissions};
use crate::plan::facts::{
    Access, EnvLookup, Executable, FileOwner, NamedFiles, PathEntry, PathFact, PathKind, ProgramFact, RestrictedScript,
    SearchPath,
};
use crate::sys::exec_failure::NATIVE_ARCHITECTURE;

/// A constant text: the other process has the same.
impl Wire for &'static str {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(out, self.as_bytes());
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        let text = from.bytes()?;
        constants().find(|known| known.as_bytes() == text)
    }
}

/// Every text that such a field can be; `""` is the key of a service's command.
fn constants() -> impl Iterator<Item = &'static str> {
    KINDS.into_iter().chain(AUXILIARY_KEYS).chain([NATIVE_ARCHITECTURE.0, ""])
}

macro_rules! structs {
    ($($name:ident { $($field:tt),* $(,)? })*) => { $(
        impl Wire for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                let $name { $($field: _),* } = self;
                $(self.$field.encode(out);)*
            }

            fn decode(from: &mut Decoder<'_>) -> Option<Self> {
                Some($name { $($field: Wire::decode(from)?),* })
            }
        }
    )* };
}

macro_rules! enums {
    ($($name:ident { $($variant:ident $(($($item:ident),*))? $({ $($field:ident),* })?),* $(,)? })*) => { $(
        impl Wire for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                match self { $(
                    Self::$variant $(($($item),*))? $({ $($field),* })? => {
                        encode_bytes(out, stringify!($variant).as_bytes());
                        $($($item.encode(out);)*)?
                        $($($field.encode(out);)*)?
                    }
                )* }
            }

            fn decode(from: &mut Decoder<'_>) -> Option<Self> {
                let variant = from.bytes()?;
                $(if variant == stringify!($variant).as_bytes() {
                    return from.nested(|from| {
                        let _no_field = &from;
                        $($(let $item = Wire::decode(from)?;)*)?
                        $($(let $field = Wire::decode(from)?;)*)?
                        Some(Self::$variant $(($($item),*))? $({ $($field),* })?)
                    });
                })*
                None
            }
        }
    )* };
}

structs! {
    Uid { 0 }
    Gid { 0 }
    CapSet { 0 }
    Message { sources, named_paths, present_paths }
    ReloadSources { untrusted, container, trees, s6 }
    S6Sources {
        identifying_directories, definitions, user_bundles, init_scripts, finish_scripts, fix_attrs, has_linuxserver_account,
        custom_scripts, custom_services, version_two,
    }
    VersionTwoFiles { variables, services }
    Tree { path, entries, unreadable }
    NamedPaths { files, paths }
    NamedFiles {
        programs, auxiliary_programs, candidates, interpreters, by_env, executables, restricted_scripts, resolved, file_owners, search,
    }
    RestrictedScript { argv, interpreter }
    EnvLookup { name, found }
    Executable { restricted, file, capabilities, setuid, setgid }
    FilePermissions { path, uid, gid, mode }
    FileOwner { path, uid, gid, unmapped, mode, directory, has_acl, read_only }
    SearchPath { container, default, declared }
    PathEntry { path, file_owners, end }
}

enums! {
    Content { File { bytes, executable }, Dir(entries), TooLarge(size), Unreadable(why), Other(kind) }
    Access { Yes, ReadOnly, Denied, Missing, Unfit }
    PathFact { Missing(access), Found { kind, uid, gid, mode, read_only }, Unknown(access) }
    PathKind { File, Directory, Link, Other }
    ProgramFact {
        Found(path), NotExecutable(path), NoExec(path), NoInterpreter { program, interpreter },
        Refused { program, why }, NotFound, Unknown(path),
    }
    ExecFailure {
        Missing, DanglingLink(target), NotADirectory(place), UnsearchableDirectory(seen), Directory, NotAFile,
        NoExecuteBit(seen), NotForThisUser(seen), NoExecMount, Empty, NoShebang, EmptyShebang,
        Architecture { built_for, here }, UnknownFormat, Needs { path, why }, FileCapabilities { wants, missing },
        TooLong { longest, length, all }, Busy, Loop, NameTooLong, TooManyProcesses, TooManyFiles, OutOfMemory,
        ReadError, Policy { label }, Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    use std::path::PathBuf;

    use super::super::{decode_message, encode_message};
    use super::*;

    fn bytes(name: &[u8]) -> OsString {
        OsString::from_vec(name.to_vec())
    }

    fn read() -> ReloadSources {
        let all = KINDS.iter().map(|kind| (OsString::from(kind), Content::Other(kind)));
        let file = Content::File { bytes: vec![0, 255, b'\n'], executable: true };
        let inner = BTreeMap::from([(bytes(b"\xff\x01"), file), ("big".into(), Content::TooLarge(7))]);
        let more = [("dir".into(), Content::Dir(inner)), ("no".into(), Content::Unreadable("denied".to_owned()))];
        ReloadSources {
            untrusted: named_paths().files.file_owners.into_values().flatten().collect(),
            container: Some((PathBuf::from("/etc/stepdown.toml"), Content::Unreadable(String::new()))),
            trees: vec![
                Tree { path: "/t".into(), entries: all.chain(more).collect(), unreadable: None },
                Tree { path: "/u".into(), entries: BTreeMap::new(), unreadable: Some("gone".to_owned()) },
            ],
            s6: S6Sources {
                identifying_directories: vec!["/etc/s6-overlay".into()],
                definitions: Tree { path: "/d".into(), ..Tree::default() },
                user_bundles: Tree { unreadable: Some(String::new()), ..Tree::default() },
                init_scripts: Tree { path: "/i".into(), ..Tree::default() },
                version_two: Some(VersionTwoFiles {
                    variables: vec![bytes(b"\xff")],
                    services: vec!["a".into(), "b".into()],
                }),
                ..S6Sources::default()
            },
        }
    }

    fn named_paths() -> NamedPaths {
        let path = PathBuf::from(bytes(b"/caf\xe9/\xff"));
        let (uid, gid, mode) = (Uid(7), Gid(u32::MAX - 1), 0o4755);
        let seen = FilePermissions { path: path.clone(), uid, gid, mode };
        let architecture = ExecFailure::Architecture { built_for: "s390x".to_owned(), here: NATIVE_ARCHITECTURE.0 };
        let why = ExecFailure::Needs { path: path.clone(), why: Box::new(architecture) };
        let refused = ProgramFact::Refused { program: path.clone(), why };
        let keys = AUXILIARY_KEYS.into_iter().chain([""]);
        let owner = FileOwner {
            path: path.clone(),
            uid,
            gid,
            unmapped: [true, false],
            mode,
            directory: true,
            has_acl: false,
            read_only: true,
        };
        let entry = PathEntry { path: path.clone(), file_owners: vec![owner.clone()], end: path.clone() };
        let capabilities = CapSet(u64::MAX);
        let executable =
            Executable { restricted: vec![seen], file: path.clone(), capabilities, setuid: Some(uid), setgid: None };
        let script = RestrictedScript { argv: vec![bytes(b"/bin/sh"), bytes(b"-\xff")], interpreter: refused.clone() };
        let found = PathFact::Found { kind: PathKind::Link, uid, gid, mode, read_only: true };
        let files = NamedFiles {
            programs: BTreeMap::from([("web".to_owned(), refused.clone()), ("db".to_owned(), ProgramFact::NotFound)]),
            auxiliary_programs: BTreeMap::from([("web".to_owned(), keys.map(|key| (key, refused.clone())).collect())]),
            candidates: BTreeMap::from([("web".to_owned(), BTreeMap::from([("", vec![(3, refused.clone())])]))]),
            by_env: BTreeMap::from([(
                "web".to_owned(),
                BTreeMap::from([(
                    path.clone(),
                    EnvLookup { name: bytes(b"py\xff"), found: vec![(0, refused.clone())] },
                )]),
            )]),
            interpreters: BTreeMap::from([(path.clone(), vec![path.clone(), PathBuf::new()])]),
            executables: BTreeMap::from([(path.clone(), executable)]),
            restricted_scripts: BTreeMap::from([(path.clone(), script)]),
            resolved: BTreeMap::from([(path.clone(), vec![path.clone()])]),
            file_owners: BTreeMap::from([(path.clone(), vec![owner])]),
            search: SearchPath {
                container: vec![entry.clone()],
                default: Vec::new(),
                declared: BTreeMap::from([("web".to_owned(), vec![entry])]),
            },
        };
        let paths = BTreeMap::from([(path, found), ("/b".into(), PathFact::Missing(Access::Denied))]);
        NamedPaths { files, paths }
    }

    fn message() -> Message {
        Message { sources: read(), named_paths: Some(named_paths()), present_paths: Some(named_paths()) }
    }

    #[test]
    fn what_was_read_and_looked_up_arrives_as_it_is_and_never_in_part() {
        let message = message();
        let sent = encode_message(&message);
        assert_eq!(format!("{:?}", decode_message(&sent).unwrap()), format!("{message:?}"));
        for cut in 0..sent.len() {
            assert!(decode_message(&sent[..cut]).is_none(), "{cut}");
        }
        assert!(decode_message(&[&sent[..], b"."].concat()).is_none(), "there is more than was sent");
    }

    #[test]
    fn a_broken_message_is_none() {
        let sent = encode_message(&message());
        // Whatever is changed, it is either another message or none: no panic, no request for memory that is not there.
        for at in 0..sent.len() {
            let mut broken = sent.clone();
            broken[at] ^= 0xff;
            let taken = decode_message(&broken).map(|message| encode_message(&message));
            assert!(taken.is_none_or(|taken| taken != sent), "{at}");
        }
        let mut deep = Content::Dir(BTreeMap::new());
        for _ in 0..100 {
            deep = Content::Dir(BTreeMap::from([("d".into(), deep)]));
        }
        let deep = ReloadSources { container: Some(("/a".into(), deep)), ..ReloadSources::default() };
        assert!(decode_message(&encode_message(&Message { sources: deep, ..Message::default() })).is_none());
    }
}
