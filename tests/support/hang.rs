//! A directory in a container that does not respond: who asks it anything waits. Must not know who that is.

use std::fs::File;
use std::os::fd::AsRawFd;

use crate::support::try_container::Running;

/// Mounts a file system without a server on a directory inside: a process that asks it anything waits, and can only be killed.
pub fn hang(running: &Running, place: &'static str) -> File {
    let device = File::options().read(true).write(true).open("/dev/fuse").expect("the kernel has FUSE");
    let options = format!("fd={},rootmode=40000,user_id=0,group_id=0,allow_other", device.as_raw_fd());
    let view = File::open(format!("/proc/{}/ns/mnt", running.pid_one())).unwrap();
    let mounts = std::thread::spawn(move || {
        // A thread with a file system view of its own may look at the mounts of another process.
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_FS).unwrap();
        nix::sched::setns(view, nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
        let none = nix::mount::MsFlags::empty();
        nix::mount::mount(Some("hangs"), place, Some("fuse"), none, Some(options.as_str())).expect("it can be mounted");
    });
    mounts.join().unwrap();
    device
}
