//! The schemas of both files against a public validator: what the reader accepts is valid, and what it refuses for a reason
//! that a schema can see is not.

pub mod recorded;
mod validator;

use std::fs;
use std::path::{Path, PathBuf};

use validator::{File, Verdict, verdicts};

use crate::documents::blocks::{Use, blocks};
use crate::documents::pages;

/// What only the reader sees, by words of its messages, and why.
const ONLY_THE_READER_SEES: &[(&str, &str)] = &[
    ("there is no service", "the names of other files"),
    ("runs when its time comes", "another file"),
    ("dependency cycle", "other files"),
    ("is a oneshot: nothing is there", "another file"),
    ("writes its log there, too", "another file"),
    ("names itself", "the name of the file"),
    ("is declared twice", "two entries of an array"),
    ("is forwarded already", "two spellings of one signal"),
    ("means nothing", "two keys that do not go together"),
    ("both `every` and `at` are set", "two keys that do not go together"),
    ("concerns files, and `log` names no directory", "two keys that go together"),
    ("everything steps down to it", "another key, `allow_root`"),
    ("and the whole stop has", "the sizes of two keys"),
    ("is above `restart.max_delay`", "the sizes of two keys"),
    ("`soft` is above `hard`", "the sizes of two keys"),
    ("`ready.status` cannot be \"399-200\"", "the sizes of two numbers"),
    ("; write at most \"365d\"", "the size of a number with a unit"),
    ("; write at least \"1", "the size of a number with a unit"),
    ("4294967295", "the size of a number in a string"),
    ("belongs to the system", "a path of the system, which has many spellings"),
    ("nothing below /proc and /sys", "a path of the system, which has many spellings"),
    ("`at` cannot be", "a calendar event"),
    ("put no user and password into it", "the parts of a URL"),
    ("percent-encoded", "the parts of a URL"),
    ("no variable is expanded here", "the parts of a URL"),
    ("`wait_for` cannot be \"tcp://db\"", "the parts of a URL"),
    ("`script` cannot be \"  \"", "what counts as a blank: not the same to all regular expressions"),
    ("contains a NUL character", "a character that no editor lets in"),
    ("`command` names no program", "what remains of a command with such a character"),
];

fn toml_files(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(toml_files(&path));
        } else if path.extension().is_some_and(|end| end == "toml") {
            found.push(path);
        }
    }
    found
}

fn file_of(path: &Path, text: String) -> File {
    match path.file_name().is_some_and(|name| name == "stepdown.toml") {
        true => File::container(text),
        false => File::service(text),
    }
}

#[track_caller]
fn assert_valid(files: &[(String, File)]) {
    let Some(verdicts) = verdicts(&files.iter().map(|(_, file)| file).collect::<Vec<_>>()) else { return };
    let wrong: Vec<_> = files.iter().zip(verdicts).filter(|(_, verdict)| *verdict != Verdict::Valid).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_example_and_every_file_of_the_book_is_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for path in ["examples", "services.d"].iter().flat_map(|folder| toml_files(&root.join(folder))) {
        files.push((path.display().to_string(), file_of(&path, fs::read_to_string(&path).unwrap())));
    }
    for block in pages().iter().flat_map(blocks) {
        let (Some(Use::File(path)) | Some(Use::Check { path, .. })) = &block.used else { continue };
        if path.ends_with(".toml") && path != ".taplo.toml" {
            files.push((block.place, file_of(Path::new(path), block.text)));
        }
    }
    assert!(files.len() >= 30, "{} files", files.len());
    assert_valid(&files);
}

#[test]
fn the_schema_and_the_reader_agree_about_every_file_of_the_readers_tests() {
    let recorded = recorded::files_of_the_readers_tests();
    let Some(verdicts) = verdicts(&recorded.iter().map(|it| &it.file).collect::<Vec<_>>()) else { return };
    let (mut wrong, mut agreed) = (Vec::new(), [0, 0]);
    let mut used = vec![false; ONLY_THE_READER_SEES.len()];
    for (it, verdict) in recorded.iter().zip(verdicts) {
        match (it.problems.as_slice(), verdict) {
            ([], Verdict::Invalid(why)) => wrong.push(format!("accepted, and invalid ({why}): {}", it.file.text)),
            ([_, ..], Verdict::Valid) => {
                for problem in &it.problems {
                    match ONLY_THE_READER_SEES.iter().position(|(words, _)| problem.contains(words)) {
                        Some(at) => used[at] = true,
                        None => wrong.push(format!("valid, and refused: {problem}: {}", it.file.text)),
                    }
                }
            }
            ([], Verdict::Valid) => agreed[0] += 1,
            ([_, ..], Verdict::Invalid(_)) => agreed[1] += 1,
            // Of a newer TOML than Python's, or of none.
            (_, Verdict::NoToml(_)) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(agreed[0] >= 200 && agreed[1] >= 200, "{agreed:?}");
    let idle: Vec<_> = ONLY_THE_READER_SEES.iter().zip(used).filter(|(_, used)| !used).collect();
    assert!(idle.is_empty(), "nothing is refused for {idle:?}");
}

#[test]
fn a_value_of_a_wrong_type_is_one_error() {
    let files =
        ["environment_file = [\"/x\"]", "ready = true", "health = 1", "reload = \"HUP\"", "ready = { path = 1 }"]
            .map(|line| File::service(format!("command = [\"x\"]\n{line}\n")));
    let Some(found) = verdicts(&files.each_ref()) else { return };
    for (file, verdict) in files.iter().zip(found) {
        let Verdict::Invalid(errors) = &verdict else { panic!("{file:?}: {verdict:?}") };
        assert_eq!(errors.lines().count(), 1, "{file:?}: {errors}");
    }
    // What they exclude is still excluded.
    let both = File::service("command = [\"x\"]\nready = { fd = 3, tcp = 80 }\n");
    let neither = File::service("ready = { timeout = \"1s\" }\n");
    let up = File::service("command = [\"x\"]\ndirectory = \"/x/../y\"\n");
    for verdict in verdicts(&[&both, &neither, &up]).unwrap_or_default() {
        assert!(matches!(verdict, Verdict::Invalid(_)), "{verdict:?}");
    }
}
