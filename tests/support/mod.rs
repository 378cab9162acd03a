//! What several test binaries share. Each of them uses a part of it only, hence the `allow`.
#![allow(dead_code)]

pub mod draft;
pub mod lived;
pub mod natures;
pub mod oracle;
pub mod oracle_asks;
pub mod oracle_checks;
pub mod oracle_events;
pub mod oracle_judge;
pub mod oracle_reload;
pub mod oracle_stop;
pub mod processes;
pub mod reloads;
pub mod rng;
pub mod scene;
pub mod transitions;
pub mod world;
