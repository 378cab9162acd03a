//! Account files as bytes, over arbitrary files (SECURITY 1.2, T09, T11).

use proptest::prelude::*;
use stepdown::config::values::*;
use stepdown::plan::accounts::{group, passwd, shadow};

use crate::support::plan_inputs::*;

const APP: &str = "app";

/// Lines as they are found: good, odd, ours, of others with our number, and plain noise.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        Just("root:x:0:0:root:/root:/bin/bash".to_owned()),
        Just("ubuntu:x:1000:1000::/home/ubuntu:/bin/sh".to_owned()),
        Just("node:x:1000:1000".to_owned()),
        Just("app:x:999:999:App:/srv:/bin/sh".to_owned()),
        Just("app:!:1000:1000:::".to_owned()),
        Just("app".to_owned()),
        Just(" app:x:5:5:::".to_owned()),
        Just("users:x:1000:app,root".to_owned()),
        Just("video:x:44:".to_owned()),
        Just("+::::::".to_owned()),
        Just("-bad:x:1000:1000:::".to_owned()),
        Just("# app:x:1000:1000:::".to_owned()),
        Just("\t".to_owned()),
        Just(String::new()),
        "[a-z:,0-9#+ -]{0,30}",
    ];
    let noise = proptest::collection::vec(any::<u8>().prop_filter("no newline", |byte| *byte != b'\n'), 0..40);
    prop_oneof![4 => text.prop_map(String::into_bytes), 1 => noise]
}

fn file() -> impl Strategy<Value = Vec<u8>> {
    let end = prop_oneof![3 => Just("\n"), 1 => Just("\r\n")];
    (proptest::collection::vec((line(), end), 0..12), any::<bool>()).prop_map(|(lines, last)| {
        let mut bytes = Vec::new();
        for (line, end) in &lines {
            bytes.extend_from_slice(line);
            bytes.extend_from_slice(end.as_bytes());
        }
        if last && bytes.ends_with(b"\n") {
            bytes.pop();
        }
        bytes
    })
}

/// Lines without their newline, but for those of which `is_ours` says so.
fn others(bytes: &[u8], is_ours: impl Fn(&[u8]) -> bool) -> Vec<&[u8]> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.map(|line| line.strip_suffix(b"\n").unwrap_or(line)).filter(|line| !is_ours(line)).collect()
}

fn named(line: &[u8], name: &str) -> bool {
    line.trim_ascii_start().split(|byte| *byte == b':').next() == Some(name.as_bytes())
}

fn rewrite(bytes: &[u8], uid: u32) -> stepdown::plan::accounts::Rewrite {
    let app = user(APP);
    let wanted = passwd::DesiredAccount { user: &app, uid: Uid(uid), gid: Gid(1000), home: None, shell: None };
    passwd::rewrite(bytes, &wanted)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_other_line_of_passwd_stays_and_ours_answers(bytes in file(), uid in prop_oneof![Just(1000u32), Just(77)]) {
        let once = rewrite(&bytes, uid).contents;
        let ours = |line: &[u8]| named(line, APP);
        prop_assert_eq!(others(&bytes, ours), others(&once, ours));
        prop_assert_eq!(&rewrite(&once, uid).contents, &once, "twice is once");
        prop_assert!(rewrite(&once, uid).changes.is_empty());
        let by_uid = passwd::by_uid(&once, Uid(uid)).unwrap();
        prop_assert_eq!(by_uid.name.as_str(), APP);
        let by_name = passwd::by_name(&once, &user(APP)).unwrap();
        prop_assert_eq!((by_name.uid, by_name.gid), (Uid(uid), Gid(1000)));
        let count = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').filter(|line| ours(line)).count();
        prop_assert!(count(&once) <= count(&bytes) + 1, "at most one line is new");
        if rewrite(&bytes, uid).changes.is_empty() {
            prop_assert_eq!(once, bytes);
        }
    }

    #[test]
    fn every_other_line_of_group_stays_and_ours_answers(bytes in file(), gid in prop_oneof![Just(1000u32), Just(77)]) {
        let once = group::rewrite(&bytes, &group(APP), Gid(gid)).contents;
        let ours = |line: &[u8]| named(line, APP);
        prop_assert_eq!(others(&bytes, ours), others(&once, ours));
        prop_assert_eq!(&group::rewrite(&once, &group(APP), Gid(gid)).contents, &once, "twice is once");
        prop_assert_eq!(group::by_name(&once, &group(APP)), Some(Gid(gid)));
        prop_assert_eq!(group::by_gid(&once, Gid(gid)), Some(APP.to_owned()));
    }

    #[test]
    fn joining_a_group_touches_its_line_alone(bytes in file()) {
        let once = group::join(&bytes, &group("video"), &user(APP)).contents;
        let video = |line: &[u8]| named(line, "video");
        prop_assert_eq!(others(&bytes, video), others(&once, video));
        prop_assert_eq!(&group::join(&once, &group("video"), &user(APP)).contents, &once);
        if let Some(gid) = group::by_name(&once, &group("video")) {
            let first = bytes.split(|byte| *byte == b'\n').find(|line| video(line));
            // A malformed first line of that name is not healed: only what parses can be joined.
            if first.is_some_and(|line| group::by_name(line, &group("video")).is_some()) {
                prop_assert!(group::memberships(&once, APP).contains(&gid));
            }
        }
    }

    #[test]
    fn a_locked_line_is_all_that_shadow_gets(bytes in file()) {
        let once = shadow::lock_user(&bytes, &user(APP)).contents;
        let locked = |line: &[u8]| line == b"app:!:::::::";
        prop_assert_eq!(others(&bytes, locked), others(&once, locked));
        prop_assert_eq!(&shadow::lock_user(&once, &user(APP)).contents, &once);
    }
}

#[test]
fn a_megabyte_of_lines_takes_linear_time() {
    // Not a clock but a size: were a pass quadratic, this would not come back.
    let many: Vec<u8> =
        (0..200_000).flat_map(|index| format!("u{index}:x:{index}:{index}:::\n").into_bytes()).collect();
    let once = rewrite(&many, 199_999).contents;
    assert_eq!(once.len(), many.len() + "app:x:199999:1000::/:/sbin/nologin\n".len());
    assert_eq!(passwd::by_uid(&once, Uid(199_999)).unwrap().name, APP);
    let endless = vec![b':'; 1 << 20];
    assert!(rewrite(&endless, 5).contents.starts_with(&endless));
}

#[test]
fn no_name_is_there_twice_and_every_record_is_whole() {
    // What pwck(8) and grpck(8) object to: names twice, field counts, members that shadow does not know.
    for uid in [0, 1, 999, 1000] {
        let once = String::from_utf8(rewrite(PASSWD.as_bytes(), uid).contents).unwrap();
        let mut names: Vec<_> = once.lines().map(|line| line.split(':').next().unwrap()).collect();
        assert!(once.lines().all(|line| line.split(':').count() == 7), "{once}");
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
    let once = String::from_utf8(shadow::lock_user(SHADOW.as_bytes(), &user(APP)).contents).unwrap();
    assert!(once.lines().all(|line| line.split(':').count() == 9), "{once}");
    let once = String::from_utf8(shadow::lock_group(GSHADOW.as_bytes(), &group(APP)).contents).unwrap();
    assert!(once.lines().all(|line| line.split(':').count() == 4), "{once}");
}
