//! What will be done: configuration + facts → [`BootPlan`], a list of steps as plain values. The same values are what
//! `plan` prints, what the book's list is generated from and what degraded mode is made of. Pure.
//!
//! # Terms
//! - A *problem* ([`crate::error::Problem`]) is a fault of what was written: place, fault, fix. It stops the boot.
//! - An *issue* ([`finding::Issue`]) is a fault of the machine or the runtime: cause, consequence, fix.
//! - A *finding* ([`finding::Finding`]) is the result of a check: ok, or degraded or fatal with an issue.
//! - A *notice* ([`notice::Notice`]) is what a boot reports besides its steps: a restriction with its issue, or a sentence.

mod access;
pub mod accounts;
pub mod arguments;
mod boot;
mod boot_parts;
mod boot_plan;
pub mod checks;
pub mod code_variables;
mod env_scripts;
pub mod exec_failure;
mod exec_rights;
pub mod facts;
pub mod finding;
pub mod fix;
mod groups;
pub mod home;
mod host_ids;
mod identity;
pub mod inherited;
mod lint;
mod login;
pub mod machine_notices;
mod notes;
pub mod notice;
pub mod order;
mod owner;
mod prepare;
mod printable;
mod privilege;
mod program_fact;
mod restricted_scripts;
mod root_facts;
mod runs_as;
mod script_facts;
mod services;
mod setuid_gain;
pub mod show;
mod steps;
mod switch;
mod trust_check;
pub mod trusted_writers;

pub use boot::{boot, boot_after_scripts, held_back, preview};
pub use boot_parts::boot_parts;
pub use boot_plan::{
    AccountWrite, BootPlan, Credentials, Decision, DeclaredBy, DropLevel, Identity, MakeDirectory, Mode, OwnTree,
    PlannedStep, Privilege, ReadSecret, S6Base, S6Directory, S6DirectoryKind, S6DirectoryNames, S6Layout, SecretReader,
    ServicePlan, StdioAccess, Step,
};
pub use lint::{daemons, undecided_daemons};
pub use login::Login;
pub use owner::Owner;
pub use services::{SHELL, main_is_missing, main_is_still_missing};
pub use trusted_writers::TrustedWriters;
