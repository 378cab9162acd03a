//! How fast services' lines pass: bytes of 100-byte lines a second of our own CPU time, by format, from a pipe to a pipe
//! (or to files). Run by hand:
//!
//! ```text
//! cargo bench --bench logs -- [MEGABYTES]
//! ```
//!
//! (DESIGN §12: tagged ≥ 500 MB/s on one core.)
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)] // measures
#![allow(unsafe_code)] // dup2

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::unistd::{getegid, geteuid, pipe};
use stepdown::config::service::LogDirectory;
use stepdown::config::values::{Gid, Uid};
use stepdown::log::logs::{Logs, OutputKind};
use stepdown::log::own_messages::{Stream, with_outputs};
use stepdown::log::service_log::LogRoute;
use stepdown::supervise::Id;
use stepdown::sys::file_user::FileUser;

fn main() {
    let given = std::env::args().skip(1).find(|word| !word.starts_with("--"));
    let bytes = given.map_or(1000, |word| word.parse::<usize>().expect("a number")) * 1_000_000;
    let (reader, writer) = pipe().unwrap();
    // SAFETY: numbers only; what was there is not needed any more.
    unsafe { libc::dup2(writer.as_raw_fd(), 1) };
    // Reads until this process ends: the outputs are never closed.
    std::thread::spawn(move || swallow(File::from(reader)));
    let place = tempfile::tempdir().unwrap();
    let directory =
        LogDirectory { path: place.path().into(), max_size: 10 << 20, keep: 2, max_age: None, compress: false };
    let user = FileUser::new(Uid(geteuid().as_raw()), Gid(getegid().as_raw()), None);
    for (name, output, route) in [
        ("tagged", OutputKind::Stdout, LogRoute::Tagged("web".to_owned())),
        ("json", OutputKind::Stdout, LogRoute::Json("web".to_owned())),
        (
            "directory",
            OutputKind::Files,
            LogRoute::Files { name: "web".to_owned(), to: directory, user, fallback: Box::new(LogRoute::Plain) },
        ),
    ] {
        let (user, kernel) = pass(bytes, output, route);
        let rate = |seconds: f64| bytes as f64 / seconds / 1e6;
        let mut err = std::io::stderr();
        writeln!(err, "{name:10} {:>6.0} MB/s; ours alone, without the kernel: {:.0}", rate(user + kernel), rate(user))
            .unwrap();
    }
}

/// Passes so many bytes, and returns the seconds that this thread was busy: itself, and in the kernel.
fn pass(bytes: usize, output: OutputKind, route: LogRoute) -> (f64, f64) {
    let mut logs = Logs::new([route]).unwrap();
    let (reader, writer) = pipe().unwrap();
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    logs.add_pipe(Id(0), Stream::Stdout, reader).unwrap();
    let printed = std::thread::spawn(move || {
        let line = [[b'x'; 99].as_slice(), b"\n"].concat();
        let block = line.repeat(640);
        let mut directory = File::from(writer);
        for _ in 0..bytes.div_ceil(block.len()) {
            directory.write_all(&block).unwrap();
        }
    });
    let busy = || {
        let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
        [usage.user_time(), usage.system_time()].map(|time| time.num_microseconds() as f64 / 1e6)
    };
    let before = busy();
    while !printed.is_finished() {
        if logs.may_read(output) {
            wait(logs.pipe_group(output), PollFlags::POLLIN);
            logs.read_and_write(output);
        } else {
            with_outputs(|outputs| {
                let sink = outputs.sink(Stream::Stdout);
                sink.watch().into_iter().for_each(|output| wait(output, PollFlags::POLLOUT));
                sink.flush();
            });
        }
    }
    logs.finish(std::time::Instant::now() + std::time::Duration::from_secs(5));
    printed.join().unwrap();
    let after = busy();
    (after[0] - before[0], after[1] - before[1])
}

fn wait(fd: BorrowedFd<'_>, flags: PollFlags) {
    poll(&mut [PollFd::new(fd, flags)], PollTimeout::from(5_u8)).unwrap();
}

fn swallow(mut from: File) {
    let mut chunk = vec![0; 1 << 20];
    while from.read(&mut chunk).is_ok_and(|length| length > 0) {}
}
