//! `status --watch` in a terminal: as high and as wide as its window, scrolled by keys, ended by `q`.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use super::*;
use crate::support::wait::wait_until_or_show;

/// What a terminal has shown.
struct Shown(Arc<Mutex<String>>);

impl Shown {
    fn of(master: &OwnedFd) -> Self {
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut from, to) = (File::from(master.try_clone().unwrap()), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = from.read(&mut bytes) {
                to.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
        });
        Self(shown)
    }

    /// The lines of the last whole picture, without colours.
    fn picture(&self) -> Vec<String> {
        let text = self.0.lock().unwrap().clone();
        let pictures: Vec<&str> = text.split("\x1b[H\x1b[2J").collect();
        let whole = pictures.iter().rev().find(|picture| picture.contains("q: quit")).copied().unwrap_or_default();
        let whole = ["\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[7m", "\x1b[0m"]
            .iter()
            .fold(whole.to_owned(), |text, code| text.replace(code, ""));
        whole.split("\r\n").map(str::to_owned).collect()
    }
}

#[test]
fn the_table_fits_the_window_scrolls_and_ends_by_q() {
    if !possible() {
        return;
    }
    let running = (0..12).fold(app(), |app, at| app.service(&format!("s{at:02}.toml"), SLEEP)).start();
    running.wait_for_line(|line| line.contains("s11: up"), LIMIT);
    let size = nix::pty::Winsize { ws_row: 9, ws_col: 30, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = nix::pty::openpty(&size, None).unwrap();
    let before = nix::sys::termios::tcgetattr(&terminal.slave).unwrap();
    let end = || terminal.slave.try_clone().unwrap();
    let mut watch = inside(&running, 1234, &["status", "--watch"]);
    let mut watch = watch.env("TERM", "xterm").stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
    let shown = Shown::of(&terminal.master);
    let has = |name: &str| shown.picture().iter().any(|line| line.starts_with(name));
    wait_until_or_show("the first rows", || has("s00"), || format!("{:#?}", shown.picture()));
    let picture = shown.picture();
    assert!(picture.len() <= 9 && picture.iter().all(|line| line.chars().count() <= 30), "{picture:#?}");
    assert!(!has("s11") && picture.last().unwrap().starts_with("q: quit"), "{picture:#?}");
    nix::unistd::write(&terminal.master, b"\x1b[F").unwrap();
    wait_until_or_show("the last rows", || has("s11"), || format!("{:#?}", shown.picture()));
    assert!(!has("s00") && has("SERVICE"), "the titles stay: {:#?}", shown.picture());
    nix::unistd::write(&terminal.master, b"q").unwrap();
    assert!(watch.wait().unwrap().success());
    assert_eq!(nix::sys::termios::tcgetattr(&terminal.slave).unwrap(), before, "the terminal is as it was");
    running.stop().expect(0);
}
