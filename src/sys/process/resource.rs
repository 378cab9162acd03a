//! Resource limits by the kernel's names (getrlimit(2)), and our own niceness. Sets none.
#![allow(unsafe_code)] // getpriority(2) has no wrapper in nix

use nix::libc;
use nix::sys::resource::Resource as KernelResource;

use crate::config::service::Resource;

/// Returns the kernel's resource for a configured one.
pub fn kernel_resource(resource: Resource) -> KernelResource {
    match resource {
        Resource::As => KernelResource::RLIMIT_AS,
        Resource::Core => KernelResource::RLIMIT_CORE,
        Resource::Cpu => KernelResource::RLIMIT_CPU,
        Resource::Data => KernelResource::RLIMIT_DATA,
        Resource::Fsize => KernelResource::RLIMIT_FSIZE,
        Resource::Memlock => KernelResource::RLIMIT_MEMLOCK,
        Resource::Msgqueue => KernelResource::RLIMIT_MSGQUEUE,
        Resource::Nice => KernelResource::RLIMIT_NICE,
        Resource::Nofile => KernelResource::RLIMIT_NOFILE,
        Resource::Nproc => KernelResource::RLIMIT_NPROC,
        Resource::Rtprio => KernelResource::RLIMIT_RTPRIO,
        Resource::Rttime => KernelResource::RLIMIT_RTTIME,
        Resource::Sigpending => KernelResource::RLIMIT_SIGPENDING,
        Resource::Stack => KernelResource::RLIMIT_STACK,
    }
}

/// Returns our nice value. The system call returns 20 - nice, so that no result looks like an error (getpriority(2)).
pub fn nice() -> i32 {
    // SAFETY: takes numbers only.
    let result = unsafe { libc::syscall(libc::SYS_getpriority, libc::PRIO_PROCESS, 0) };
    i32::try_from(result).ok().filter(|result| (1..=40).contains(result)).map_or(0, |result| 20 - result)
}
