//! The reference of every key of both files. The parser uses its keys and examples, the book's tables are generated from
//! it, and tests parse each example and each default.

pub use super::key_reference::{ConfigFile, Expects, KeyDoc, KeyStatus, TableDoc};
use super::{container_keys, service_keys};

/// Returns every table of both files, in the order of the manual.
pub fn reference() -> &'static [TableDoc] {
    &[
        service_keys::SERVICE,
        service_keys::RESTART,
        service_keys::READY,
        service_keys::HEALTH,
        service_keys::STOP,
        service_keys::RELOAD,
        service_keys::LOG,
        service_keys::LIMITS,
        service_keys::LIMIT,
        container_keys::CONTAINER,
        container_keys::LOG,
        container_keys::APP,
        container_keys::OWN,
        container_keys::DIRECTORY,
        container_keys::SIGNAL,
        container_keys::SECRETS,
        container_keys::MAIN,
    ]
}
