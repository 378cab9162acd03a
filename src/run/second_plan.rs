//! The second plan of an image made for s6-overlay: its hook and its scripts may change the definitions, which are read again
//! after them. Must not know how those programs are run.

use std::path::Path;

use super::boot_context::{Author, BootContext, format_own_messages};
use super::kill_remaining;
use super::notify_sockets::Sockets;
use super::process_manager::ProcessManager;
use crate::config::service::Resource;
use crate::config::{self, Config, Sources, key_lines};
use crate::error::{Error, Refused};
use crate::inspect::{doctor, facts, source};
use crate::log::own_messages;
use crate::plan::checks::locate_all;
use crate::plan::facts::Facts;
use crate::plan::show::ReportLine;
use crate::plan::{self, BootPlan, S6Directory, Step};
use crate::sys::descriptors;
use crate::sys::process::launch::Parent;

impl BootContext {
    /// Reads the configuration of an image made for s6-overlay again, which its programs may have changed, and plans with it.
    /// Returns the plan before.
    ///
    /// # Errors
    /// When it has become wrong.
    pub(super) fn read_again(&mut self, author: Author) -> Result<BootPlan, Error> {
        let read = source::read(&source::ConfigPaths::installed(), self.given.clone(), self.given_main.clone());
        let sources = self.with_init_scripts(read);
        let on_host = |path: &Path| self.origin.as_ref().and_then(|tree| tree.on_host(path));
        let config = match author {
            Author::Hook => config::read_after_hook(&sources),
            Author::Scripts => config::read_after_scripts(&sources),
        };
        self.config = config.map_err(|problems| problems.files_at(on_host))?;
        let previous = self.replan(Some((&sources, author)), &format!("after {author}"))?;
        self.init_scripts.get_or_insert_with(|| sources.s6.fixed_by_start());
        format_own_messages(&self.plan);
        let programs = |plan: &BootPlan| plan.services.len() + usize::from(plan.main.is_some());
        if programs(&self.plan) > programs(&previous) {
            let raised = descriptors::raise_limit(programs(&self.plan));
            if !self.limits.iter().any(|limit| limit.resource == Resource::Nofile) {
                self.limits.extend(raised);
            }
        }
        if let Some(s6) = &mut self.s6 {
            // None of them runs: what has changed in a definition is linked anew.
            s6_directories(&previous).for_each(|service| s6.remove(service));
            let all: Vec<_> = s6_directories(&self.plan).cloned().collect();
            s6.add(&all);
        }
        Ok(previous)
    }

    /// Returns sources that were read again with the scripts of `cont-init.d` of this boot.
    pub(super) fn with_init_scripts(&self, read: Sources) -> Sources {
        match &self.init_scripts {
            Some(fixed) => Sources { s6: read.s6.with_fixed(fixed), ..read },
            None => read,
        }
    }

    /// Returns facts that were read again with what was found before about the scripts of `cont-init.d`: a script that has
    /// removed itself is not missing.
    pub(super) fn with_facts_of_init_scripts(&self, mut facts: Facts, config: &Config) -> Facts {
        if self.init_scripts.is_none() {
            return facts;
        }
        for script in config.services.iter().filter(|service| service.is_init_script()) {
            facts.named.keep_script(script, &self.facts.named);
        }
        facts
    }

    /// Reads the facts again and plans with them, and says what is different from the plan before, which it returns.
    /// `read_again`: what the configuration was read from again, whose lines errors then name, and after which programs.
    ///
    /// # Errors
    /// When there is no plan any more with what has become of the machine.
    pub(super) fn replan(&mut self, read_again: Option<(&Sources, Author)>, when: &str) -> Result<BootPlan, Error> {
        self.facts = self.with_facts_of_init_scripts(facts::read(&self.config), &self.config);
        let on_host = |path: &Path| self.origin.as_ref().and_then(|tree| tree.on_host(path));
        let plan = match read_again {
            Some((_, Author::Scripts)) => plan::boot_after_scripts(&self.config, &self.facts),
            Some((_, Author::Hook)) | None => plan::boot(&self.config, &self.facts),
        };
        let mut plan = plan.map_err(|error| match read_again {
            Some((sources, _)) => key_lines::placed(error, sources).files_at(on_host),
            None => error,
        })?;
        locate_all(&mut plan, doctor::host_context);
        let before = std::mem::replace(&mut self.plan, plan);
        let reported = plan::show::report(&before);
        for ReportLine { level, text, .. } in
            plan::show::report(&self.plan).into_iter().filter(|line| !reported.contains(line))
        {
            own_messages::say(level, &format!("{when}: {text}"));
        }
        Ok(before)
    }

    /// Ends every process that the oneshots before the step down have left.
    ///
    /// # Errors
    /// When no epoll descriptor can be created.
    pub(super) fn end_leftovers(&self) -> Result<(), Refused> {
        let refused = |cause| descriptors::refused_at_limit("cannot end what the oneshots have left", cause);
        let launch_context = self.launch_context(Parent::Root, None);
        let mut processes = ProcessManager::new(Vec::new(), launch_context, Sockets::new()).map_err(refused)?;
        kill_remaining::end_leftovers(&mut processes, self.config.container.stop_timeout);
        Ok(())
    }
}

/// Returns the directories that services of s6-overlay have at run time.
fn s6_directories(plan: &BootPlan) -> impl Iterator<Item = &S6Directory> {
    let layouts = plan.steps.iter().filter_map(|planned| match &planned.step {
        Step::S6Layout(layout) => Some(&layout.services),
        _ => None,
    });
    layouts.flatten()
}
