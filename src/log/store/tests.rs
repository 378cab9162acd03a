//! Log files on a real file system: rotation, restarts, what is hostile, what is full, what is gone.
#![allow(clippy::disallowed_methods)] // the files are the test's own

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::unistd::{getegid, geteuid, mkfifo};
use proptest::prelude::*;

use super::super::split::{Piece, Splitter, StreamJoiner};
use super::names::{FileState, name, parse};
use super::*;
use crate::config::values::{Gid, Uid};

const NOON: u64 = 1_771_063_872_000_000;

fn config(path: &Path, max_size: u64) -> LogDirectory {
    LogDirectory { path: path.into(), max_size, keep: 1_000_000, max_age: None, compress: false }
}

fn ourselves() -> FileUser {
    FileUser::new(Uid(geteuid().as_raw()), Gid(getegid().as_raw()), None)
}

fn store(config: LogDirectory) -> Store {
    Store::new("web", config, ourselves())
}

fn after(seconds: u64) -> Now {
    let now = Now::read();
    Now { at: now.at + Duration::from_secs(seconds), wall: Timestamp(NOON + seconds * 1_000_000) }
}

/// Appends a piece as `FileLog` does.
fn push(store: &mut Store, joiner: &mut StreamJoiner, stream: u64, piece: Piece<'_>) {
    let mut text = Vec::new();
    joiner.append(stream, piece, &mut text);
    store.append(&text);
}

fn say(store: &mut Store, lines: impl IntoIterator<Item = String>, now: Now) {
    let mut joiner = StreamJoiner::default();
    for line in lines {
        push(store, &mut joiner, 0, Piece { bytes: line.as_bytes(), continued: false, more: false });
        store.flush(now);
    }
}

/// What older files and `current` hold, in order.
fn files(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |path: PathBuf| {
        let mut bytes = fs::read(&path).unwrap();
        if path.extension().is_some_and(|end| end == "gz") {
            let packed = std::mem::take(&mut bytes);
            flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).unwrap();
        }
        (path.file_name().unwrap().into(), bytes)
    };
    fs::read_dir(path).unwrap().map(|entry| read(entry.unwrap().path())).collect()
}

fn whole(path: &Path) -> Vec<u8> {
    // "current" sorts after every digit.
    files(path).into_values().collect::<Vec<_>>().concat()
}

fn numbered(range: std::ops::Range<usize>) -> impl Iterator<Item = String> {
    range.map(|number| format!("line {number} {}", "x".repeat(number * 7 % 90)))
}

fn text(range: std::ops::Range<usize>) -> Vec<u8> {
    numbered(range).map(|line| line + "\n").collect::<String>().into_bytes()
}

#[test]
fn a_file_is_renamed_before_it_grows_too_large_and_no_line_is_split() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("made/here");
    let mut store = store(config(&path, 300));
    say(&mut store, numbered(0..500), after(0));
    assert_eq!(whole(&path), text(0..500));
    let files = files(&path);
    assert!(files.len() > 70, "{}", files.len());
    assert!(files.values().all(|bytes| bytes.len() <= 300 && bytes.ends_with(b"\n")));
    let stamps: Vec<_> = fs::read_dir(&path)
        .unwrap()
        .filter_map(|entry| parse(&std::ffi::CString::new(entry.unwrap().file_name().into_encoded_bytes()).unwrap()))
        .collect();
    assert_eq!(stamps.len(), files.len() - 1, "every other name is ours");
}

#[test]
fn the_smallest_size_gives_every_line_its_file() {
    let place = tempfile::tempdir().unwrap();
    let mut store = store(config(place.path(), 1));
    // The clock stands still, and then goes back: names still follow each other.
    say(&mut store, numbered(0..30), after(10));
    say(&mut store, numbered(30..60), after(0));
    assert_eq!(whole(place.path()), text(0..60));
    assert_eq!(files(place.path()).len(), 60);
}

#[test]
fn so_many_older_files_are_kept_and_nobody_elses_is_touched() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    fs::write(at("access.log"), "not ours").unwrap();
    fs::write(at("20260230T000000.000000Z.log"), "no such day").unwrap();
    fs::create_dir(at("20260101T000000.000000Z.log")).unwrap();
    symlink(at("access.log"), at("20260102T000000.000000Z.log")).unwrap();
    let mut store = store(LogDirectory { keep: 3, ..config(place.path(), 1) });
    say(&mut store, numbered(0..30), after(0));
    assert_eq!(fs::read(at("access.log")).unwrap(), b"not ours");
    assert!(at("20260230T000000.000000Z.log").exists() && at("20260101T000000.000000Z.log").is_dir());
    assert!(fs::symlink_metadata(at("20260102T000000.000000Z.log")).is_err(), "the link is gone, not what it led to");
    fs::remove_dir(at("20260101T000000.000000Z.log")).unwrap();
    fs::remove_file(at("access.log")).unwrap();
    fs::remove_file(at("20260230T000000.000000Z.log")).unwrap();
    assert_eq!(whole(place.path()), text(26..30));
}

#[test]
fn files_go_when_they_are_too_old() {
    let place = tempfile::tempdir().unwrap();
    let mut store = store(LogDirectory { max_age: Some(Duration::from_secs(60)), ..config(place.path(), 1) });
    say(&mut store, numbered(0..2), after(0));
    say(&mut store, numbered(2..4), after(50));
    assert_eq!(files(place.path()).len(), 4);
    let due = store.deadline().unwrap();
    let now = after(61);
    assert!(due <= now.at && due > after(50).at, "it wakes when the oldest is too old, not before");
    store.on_deadline(now);
    // Line 0 was full at 0 s; line 1 when line 2 came, at 50 s.
    assert_eq!(whole(place.path()), text(1..4));
    store.on_deadline(after(300));
    assert_eq!(whole(place.path()), text(3..4), "`current` is never too old");
    assert_eq!(store.deadline(), None);
}

#[test]
fn a_start_continues_what_is_there_and_ends_a_torn_line() {
    let place = tempfile::tempdir().unwrap();
    let mut first = store(config(place.path(), 1000));
    say(&mut first, numbered(0..10), after(0));
    drop(first);
    let mut again = store(config(place.path(), 1000));
    say(&mut again, numbered(10..20), after(1));
    assert_eq!(whole(place.path()), text(0..20));
    drop(again);
    let current = place.path().join("current");
    let torn = [fs::read(&current).unwrap().as_slice(), b"torn by a ki"].concat();
    fs::write(&current, torn).unwrap();
    let mut third = store(config(place.path(), 1000));
    say(&mut third, numbered(20..21), after(2));
    assert!(whole(place.path()).ends_with(&[b"torn by a ki\n", text(20..21).as_slice()].concat()));
}

#[test]
fn what_somebody_does_to_current_loses_nothing_that_is_written_later() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("web");
    let current = path.join("current");
    let mut store = store(config(&path, 100_000));
    say(&mut store, numbered(0..5), after(0));
    fs::rename(&current, place.path().join("moved")).unwrap();
    say(&mut store, numbered(5..10), after(0));
    assert_eq!((fs::read(place.path().join("moved")).unwrap(), whole(&path)), (text(0..5), text(5..10)));
    fs::remove_file(&current).unwrap();
    say(&mut store, numbered(10..15), after(0));
    assert_eq!(whole(&path), text(10..15));
    fs::write(&current, "").unwrap();
    say(&mut store, numbered(15..20), after(0));
    assert_eq!(whole(&path), text(15..20), "emptied in place");
    fs::remove_dir_all(&path).unwrap();
    say(&mut store, numbered(20..25), after(0));
    assert_eq!(whole(&path), text(20..25), "the directory is created again");
}

#[test]
fn a_directory_that_cannot_be_made_again_makes_the_lines_wait() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("web");
    let mut store = store(config(&path, 100_000));
    say(&mut store, numbered(0..5), after(0));
    fs::remove_dir_all(&path).unwrap();
    fs::write(&path, "in the way").unwrap();
    say(&mut store, numbered(5..3000), after(0));
    assert!(store.write_error.is_some() && !store.has_room() && store.deadline().is_some());
    let size = store.waiting.len();
    store.on_deadline(after(0));
    assert_eq!(store.waiting.len(), size, "not tried again before a second is over");
    fs::remove_file(&path).unwrap();
    store.on_deadline(after(2));
    assert!(store.write_error.is_none() && store.has_room() && store.waiting.capacity() <= MAX_IDLE_CAPACITY);
    assert_eq!(whole(&path), text(5..3000));
}

#[test]
fn nothing_but_a_regular_file_is_written() {
    let place = tempfile::tempdir().unwrap();
    let (path, elsewhere) = (place.path().join("web"), place.path().join("elsewhere"));
    fs::create_dir(&path).unwrap();
    fs::write(&elsewhere, "kept").unwrap();
    let current = path.join("current");
    let kinds: [&dyn Fn(); 4] = [
        &|| symlink(&elsewhere, &current).unwrap(),
        &|| mkfifo(&current, nix::sys::stat::Mode::S_IRWXU).unwrap(),
        &|| fs::create_dir(&current).unwrap(),
        &|| fs::hard_link(&elsewhere, &current).unwrap(),
    ];
    for (number, make) in kinds.iter().enumerate() {
        make();
        let mut store = store(config(&path, 1));
        say(&mut store, numbered(0..3), after(0));
        assert!(store.write_error.is_some(), "kind {number}");
        assert_eq!(fs::read(&elsewhere).unwrap(), b"kept");
        let _other = fs::remove_file(&current).or_else(|_| fs::remove_dir(&current));
        store.on_deadline(after(2));
        assert_eq!(whole(&path), text(0..3));
        fs::remove_dir_all(&path).unwrap();
        fs::create_dir(&path).unwrap();
    }
}

#[test]
fn a_very_long_line_is_whole_unless_another_stream_speaks_in_between() {
    let place = tempfile::tempdir().unwrap();
    let mut store = store(config(place.path(), 1_000_000));
    let mut splitter = Splitter::new(MAX_FILE_LINE);
    let long = vec![b'x'; 300_000];
    let mut joiner = StreamJoiner::default();
    let mut feed = |store: &mut Store, joiner: &mut StreamJoiner, bytes: &[u8]| {
        splitter.feed(bytes, |piece| push(store, joiner, 1, piece));
        store.flush(after(0));
    };
    for chunk in long.chunks(50_000) {
        feed(&mut store, &mut joiner, chunk);
    }
    feed(&mut store, &mut joiner, b"\nshort\n");
    assert_eq!(whole(place.path()), [long.as_slice(), b"\nshort\n"].concat());
    feed(&mut store, &mut joiner, &long);
    push(&mut store, &mut joiner, 2, Piece { bytes: b"other", continued: false, more: false });
    feed(&mut store, &mut joiner, b"end\n");
    let all = whole(place.path());
    let lines: Vec<_> = all.split(|byte| *byte == b'\n').skip(2).collect();
    assert_eq!(lines[1], b"other");
    assert_eq!([lines[0], lines[2]].concat(), [long.as_slice(), b"end"].concat());
}

#[test]
fn an_endless_line_fills_no_disk_and_no_memory() {
    let place = tempfile::tempdir().unwrap();
    let mut store = store(LogDirectory { keep: 2, ..config(place.path(), 100_000) });
    let mut joiner = StreamJoiner::default();
    for _ in 0..200 {
        push(&mut store, &mut joiner, 1, Piece { bytes: &[b'x'; MAX_FILE_LINE], continued: true, more: true });
        store.flush(after(0));
        assert!(store.waiting.len() <= MAX_REWRITE + MAX_FILE_LINE);
    }
    assert!(whole(place.path()).len() < 1_000_000);
}

fn pack_all(store: &mut Store) {
    let mut turns = 0;
    while store.has_compression() {
        store.compress_piece();
        turns += 1;
        assert!(turns < 10_000, "it never ends");
    }
}

#[test]
fn older_files_are_compressed_piece_by_piece() {
    let place = tempfile::tempdir().unwrap();
    let mut store = store(LogDirectory { compress: true, ..config(place.path(), 200_000) });
    say(&mut store, numbered(0..10_000), after(0));
    assert!(store.has_compression());
    store.compress_piece();
    store.compress_piece();
    assert!(store.compressor.is_some(), "one turn does not do it all");
    pack_all(&mut store);
    let names: Vec<_> = files(place.path()).into_keys().collect();
    assert!(names.len() > 2 && names.iter().rev().skip(1).all(|name| name.to_str().unwrap().ends_with(".log.gz")));
    assert_eq!(whole(place.path()), text(0..10_000));
    say(&mut store, numbered(10_000..15_000), after(1));
    pack_all(&mut store);
    assert_eq!(whole(place.path()), text(0..15_000));
}

#[test]
fn a_compression_that_was_killed_anywhere_is_done_again() {
    let place = tempfile::tempdir().unwrap();
    let file = |stamp, form| place.path().join(name(Timestamp(stamp), form).to_str().unwrap());
    let packed = |bytes: &[u8]| {
        let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        to.write_all(bytes).unwrap();
        to.finish().unwrap()
    };
    fs::write(file(NOON, FileState::Plain), "killed while it was packed\n").unwrap();
    fs::write(file(NOON, FileState::Partial), "half").unwrap();
    fs::write(file(NOON + 1, FileState::Plain), "killed before the plain one was removed\n").unwrap();
    fs::write(file(NOON + 1, FileState::Compressed), packed(b"killed before the plain one was removed\n")).unwrap();
    let mut store = store(LogDirectory { compress: true, ..config(place.path(), 10) });
    store.open(after(0));
    pack_all(&mut store);
    let names: Vec<_> = files(place.path()).into_keys().collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(
        String::from_utf8(whole(place.path())).unwrap(),
        "killed while it was packed\nkilled before the plain one was removed\n"
    );
}

#[test]
fn a_file_that_cannot_be_compressed_stays_and_is_no_busy_loop() {
    let place = tempfile::tempdir().unwrap();
    let mut store = store(LogDirectory { compress: true, ..config(place.path(), 1) });
    say(&mut store, numbered(0..3), after(0));
    let first = files(place.path()).into_keys().next().unwrap();
    fs::create_dir(place.path().join(format!("{}.gz.tmp", first.display()))).unwrap();
    pack_all(&mut store);
    fs::remove_dir(place.path().join(format!("{}.gz.tmp", first.display()))).unwrap();
    assert_eq!(whole(place.path()), text(0..3));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is written, however it is read, wherever it is cut by files and by restarts: it is all there, in order.
    #[test]
    fn every_byte_is_in_a_file_once(chunks in proptest::collection::vec((any::<bool>(), proptest::collection::vec(
        prop_oneof![Just(b'\n'), any::<u8>()], 0..200)), 1..12), max_size in 1_u64..400) {
        let place = tempfile::tempdir().unwrap();
        let mut log = store(config(place.path(), max_size));
        let mut splitter = Splitter::new(MAX_FILE_LINE);
        let mut joiner = StreamJoiner::default();
        for (restarts, bytes) in &chunks {
            splitter.feed(bytes, |piece| push(&mut log, &mut joiner, 0, piece));
            log.flush(after(0));
            if *restarts {
                log = store(config(place.path(), max_size));
            }
        }
        splitter.finish(|piece| push(&mut log, &mut joiner, 0, piece));
        log.flush(after(0));
        let mut expected = chunks.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>().concat();
        if expected.last().is_some_and(|byte| *byte != b'\n') {
            expected.push(b'\n');
        }
        prop_assert_eq!(whole(place.path()), expected);
        for bytes in files(place.path()).into_values().filter(|bytes| bytes.len() as u64 > max_size) {
            prop_assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 1, "one line that is longer than a file");
        }
    }
}
