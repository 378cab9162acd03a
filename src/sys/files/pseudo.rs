//! Kernel file systems: interfaces of the kernel without files on a disk. Must not know what this is used for.

use std::os::fd::AsFd;

use nix::libc;
use nix::sys::statfs::{FsType, fstatfs};

/// Their magic numbers (statfs(2), linux/magic.h). tmpfs, devtmpfs and overlay contain users' files and are not listed.
const MAGIC_NUMBERS: [FsType; 13] = [
    FsType(libc::PROC_SUPER_MAGIC),
    FsType(libc::CGROUP_SUPER_MAGIC),
    FsType(libc::CGROUP2_SUPER_MAGIC),
    FsType(libc::DEBUGFS_MAGIC),
    FsType(libc::TRACEFS_MAGIC),
    FsType(libc::SECURITYFS_MAGIC),
    FsType(libc::SELINUX_MAGIC),
    FsType(libc::BPF_FS_MAGIC),
    FsType(libc::SYSFS_MAGIC),
    FsType(libc::DEVPTS_SUPER_MAGIC),
    FsType(0x1980_0202), // mqueue
    FsType(0x6165_676c), // pstore
    FsType(0xde5e_81e4), // efivarfs
];

/// Returns whether the file of a handle is on such a file system.
pub fn is_kernel_filesystem(handle: impl AsFd) -> bool {
    fstatfs(handle).is_ok_and(|found| MAGIC_NUMBERS.contains(&found.filesystem_type()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn proc_is_one_and_a_temporary_directory_is_none() {
        assert!(is_kernel_filesystem(File::open("/proc/self").unwrap()));
        assert!(!is_kernel_filesystem(File::open(std::env::temp_dir()).unwrap()));
    }
}
