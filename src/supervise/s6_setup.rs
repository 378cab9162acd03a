//! What an image made for s6-overlay says of its start, applied to a [`Setup`]. Must not know its files.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::spec::{LateStart, RereadOrder, Setup, Start};
use super::{StartLimit, StartTimeoutAction};
use crate::config::s6_overlay::{OnFailure, S6Origin, S6Overlay};
use crate::config::service::Service;
use crate::config::values::ServiceName;

impl Setup {
    /// Applies what an image made for s6-overlay says of the start: its limit, that the main command waits for services of
    /// `services.d` only until they were started, and that a longrun of s6-rc which is not up within its `timeout-up` has
    /// failed, as a oneshot (FIELD §2.2, §2.3: s6-rc sends it `-d`). `services` are those that this setup was made of.
    #[must_use]
    pub fn with_overlay(mut self, services: &[Rc<Service>], overlay: Option<&S6Overlay>) -> Self {
        let Some(overlay) = overlay else { return self };
        let then = match overlay.on_failure {
            OnFailure::Stop => StartTimeoutAction::StopContainer,
            OnFailure::Continue | OnFailure::Warn => StartTimeoutAction::StartMain,
        };
        self.start_limit = overlay.start_timeout.map(|timeout| StartLimit { timeout, then });
        let late_start = match overlay.on_failure {
            OnFailure::Stop => LateStart::StopContainer,
            OnFailure::Continue | OnFailure::Warn => LateStart::Fail,
        };
        for (spec, service) in self.specs.iter_mut().zip(services) {
            if let Some(S6Origin::Longrun(_)) = service.s6 {
                spec.late_start = late_start;
            }
            spec.holds_main = overlay.awaits_legacy || !matches!(service.s6, Some(S6Origin::Legacy(_)));
        }
        self
    }

    /// Holds services back whose definitions may not be used. Where a failure of the start ends the container
    /// (`S6_BEHAVIOUR_IF_STAGE2_FAILS` 2), each of them does.
    #[must_use]
    pub fn with_held_back(mut self, held_back: &BTreeSet<ServiceName>, overlay: Option<&S6Overlay>) -> Self {
        let is_fatal = overlay.is_some_and(|overlay| overlay.on_failure == OnFailure::Stop);
        for spec in self.specs.iter_mut().filter(|spec| held_back.contains(&spec.name)) {
            (spec.start, spec.essential) = (Start::HeldBack, spec.essential || is_fatal);
        }
        self
    }

    /// Has the definitions read again when the scripts of `cont-init.d` have ended, if this stage runs them: they may write
    /// `/etc/services.d`, which s6-overlay copies after them (FIELD §2.2). Its services, those that come after it
    /// (`legacy-services`) and the main command wait for that. `services` are those that this setup was made of.
    #[must_use]
    pub fn with_rereading(mut self, services: &[Rc<Service>], overlay: Option<&S6Overlay>) -> Self {
        let Some(overlay) = overlay else { return self };
        let mut specs = self.specs.iter().zip(services);
        if !specs.any(|(spec, service)| service.is_init_script() && spec.start == Start::Wanted) {
            return self;
        }
        for (spec, service) in self.specs.iter_mut().zip(services) {
            let is_legacy = matches!(service.s6, Some(S6Origin::Legacy(_) | S6Origin::LegacyLog(_)));
            spec.reread = if service.is_init_script() {
                RereadOrder::Before
            } else if is_legacy || overlay.after_legacy.contains(&service.name) {
                RereadOrder::After
            } else {
                RereadOrder::Independent
            };
        }
        for main in self.specs.iter_mut().filter(|spec| spec.is_main) {
            main.reread = RereadOrder::After;
        }
        self
    }
}
