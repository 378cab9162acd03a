//! Our hard limits, for the resources that services limit. Changes none.

use std::collections::BTreeMap;

use nix::sys::resource::{RLIM_INFINITY, Resource as Kernel, getrlimit};

use crate::config::Config;
use crate::config::service::Resource;

/// Asks for each once; what the kernel does not know is left out.
pub(super) fn read(config: &Config) -> BTreeMap<Resource, Option<u64>> {
    let mut limits = BTreeMap::new();
    for limit in config.services.iter().flat_map(|service| &service.limits) {
        if !limits.contains_key(&limit.resource)
            && let Ok((_, hard)) = getrlimit(kernel(limit.resource))
        {
            limits.insert(limit.resource, (hard != RLIM_INFINITY).then_some(hard));
        }
    }
    limits
}

fn kernel(resource: Resource) -> Kernel {
    match resource {
        Resource::As => Kernel::RLIMIT_AS,
        Resource::Core => Kernel::RLIMIT_CORE,
        Resource::Cpu => Kernel::RLIMIT_CPU,
        Resource::Data => Kernel::RLIMIT_DATA,
        Resource::Fsize => Kernel::RLIMIT_FSIZE,
        Resource::Memlock => Kernel::RLIMIT_MEMLOCK,
        Resource::Msgqueue => Kernel::RLIMIT_MSGQUEUE,
        Resource::Nice => Kernel::RLIMIT_NICE,
        Resource::Nofile => Kernel::RLIMIT_NOFILE,
        Resource::Nproc => Kernel::RLIMIT_NPROC,
        Resource::Rtprio => Kernel::RLIMIT_RTPRIO,
        Resource::Rttime => Kernel::RLIMIT_RTTIME,
        Resource::Sigpending => Kernel::RLIMIT_SIGPENDING,
        Resource::Stack => Kernel::RLIMIT_STACK,
    }
}
