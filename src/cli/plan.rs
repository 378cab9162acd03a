//! `plan`: what a boot would do here and now. Touches nothing.

use std::ffi::OsString;

use super::output::{self, Printed};
use crate::config::{self, key_lines};
use crate::error::Error;
use crate::inspect::source::ConfigPaths;
use crate::inspect::{doctor, facts};
use crate::plan;

/// Reads, plans, and prints the plan.
pub(super) fn run(config_paths: &ConfigPaths, command: Vec<OsString>, json: bool) -> Result<Printed, Error> {
    let sources = super::source::sources(config_paths, command);
    let config = config::read(&sources)?;
    let mut facts = facts::read(&config);
    // A tree elsewhere is for another container: facts about this process are irrelevant.
    // If a stepdown is PID 1 already (`docker exec`), this plans the next start of this container.
    facts.pid_one |= !config_paths.is_installed() || doctor::pid_one().is_some();
    if !config_paths.is_installed() {
        // In an image `COPY` makes them root's.
        facts.named.file_owners.clear();
    }
    let mut plan = plan::preview(&config, &facts).map_err(|error| key_lines::placed(error, &sources))?;
    if config_paths.is_installed() {
        plan::checks::locate_all(&mut plan, doctor::host_context);
    }
    let mut text =
        if json { output::json(&plan::show::json(&plan, &config)) } else { plan::show::text(&plan, &config) };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(Printed { text, code: 0 })
}
