//! Ctrl-C and TERM: the work ends at its next step with an error, so that everything is removed on the way out. The second
//! one ends the process at once.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use super::Outcome;

static ASKED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Begins to note the signals.
pub fn listen() -> Outcome<()> {
    let asked = ASKED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register_conditional_default(signal, Arc::clone(asked))?;
        flag::register(signal, Arc::clone(asked))?;
    }
    Ok(())
}

/// Fails once the run was asked to end.
pub fn check() -> Outcome<()> {
    if ASKED.get().is_some_and(|asked| asked.load(Ordering::Relaxed)) {
        return Err("interrupted; everything was removed".into());
    }
    Ok(())
}
