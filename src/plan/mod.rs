//! What will be done: configuration + facts → [`BootPlan`], a list of steps as plain values. The same values are what
//! `plan` prints, what the README's list is tested against and what degraded mode is made of. Pure.

mod access;
pub mod accounts;
pub mod arguments;
mod boot;
mod boot_plan;
mod by_env;
pub mod checks;
pub mod facts;
pub mod finding;
pub mod fix;
mod gains;
mod groups;
pub mod home;
mod identity;
pub mod inherited;
mod judge;
mod notes;
pub mod notice;
pub mod obstacle;
pub mod order;
mod outside;
mod owner;
mod prepare;
mod privilege;
mod program_fact;
pub mod remarks;
mod root_facts;
mod runs_as;
mod services;
pub mod show;
mod steps;
mod story;
mod switch;
pub mod trust;
mod words;

pub use boot::{boot, preview};
pub use boot_plan::{
    BootPlan, Credentials, Decision, DeclaredBy, DropLevel, GiveStdio, Identity, MakeDirectory, Mode, OwnTree, Planned,
    Privilege, ServicePlan, Step, Write,
};
pub use owner::Owner;
pub use services::{SHELL, main_is_missing, main_is_still_missing};
pub use story::story;
pub use trust::Trust;
