//! Which processes may take the [`Shortcut`] of scripts that `with-contenv` interprets. Must not know what it is.

use crate::config::service::{Limit, Resource, Service};
use crate::s6_commands::contenv_script;
use crate::sys::process::launch::Shortcut;

/// Returns it for a process of a service that is started under these limits: only scripts of an image made for s6-overlay have
/// that interpreter. It allocates memory in a copy of PID 1 to which the limits apply already.
pub(super) fn of(service: &Service, limits: &[Limit]) -> Option<Shortcut> {
    let is_short = limits.iter().any(|limit| matches!(limit.resource, Resource::As | Resource::Data));
    if service.s6.is_none() || is_short {
        return None;
    }
    contenv_script::prepare();
    Some(contenv_script::executable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::s6_overlay::S6Origin;
    use crate::config::service::Command;
    use crate::config::values::ServiceName;

    #[test]
    fn scripts_of_s6_have_it_unless_memory_is_limited() {
        let ours = Service::plain(ServiceName::main(), Command::Nothing);
        let of_s6 = Service { s6: Some(S6Origin::Script), ..ours.clone() };
        let has = |service: &Service, resources: &[Resource]| {
            let limits: Vec<_> =
                resources.iter().map(|resource| Limit { resource: *resource, soft: Some(1), hard: None }).collect();
            of(service, &limits).is_some()
        };
        assert!(has(&of_s6, &[]) && has(&of_s6, &[Resource::Nofile]));
        for (service, resources) in
            [(&ours, &[][..]), (&of_s6, &[Resource::As]), (&of_s6, &[Resource::Nofile, Resource::Data])]
        {
            assert!(!has(service, resources), "{resources:?}");
        }
    }
}
