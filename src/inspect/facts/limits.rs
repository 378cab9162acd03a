//! Our hard limits, for the resources that services limit. Changes none.

use std::collections::BTreeMap;

use nix::sys::resource::{RLIM_INFINITY, getrlimit};

use crate::config::Config;
use crate::config::service::Resource;
use crate::sys::process::resource::kernel_resource;

/// Reads each once; resources that the kernel does not know are omitted.
pub(super) fn read(config: &Config) -> BTreeMap<Resource, Option<u64>> {
    let mut limits = BTreeMap::new();
    for limit in config.services.iter().flat_map(|service| &service.limits) {
        if !limits.contains_key(&limit.resource)
            && let Ok((_, hard)) = getrlimit(kernel_resource(limit.resource))
        {
            limits.insert(limit.resource, (hard != RLIM_INFINITY).then_some(hard));
        }
    }
    limits
}
