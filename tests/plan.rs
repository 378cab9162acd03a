//! The planner as a whole: configuration and facts in, the printed plan out; every mode of the contract, and the
//! property that a plan which was carried out leaves nothing to plan.

#![allow(clippy::unwrap_used)] // helpers of tests; clippy.toml excuses the test functions alone

#[path = "support/facts.rs"]
mod support;

#[path = "plan/accounts.rs"]
mod accounts;
#[path = "plan/doctor.rs"]
mod doctor;
#[path = "plan/golden.rs"]
mod golden;
#[path = "plan/identity.rs"]
mod identity;
#[path = "plan/privilege.rs"]
mod privilege;
#[path = "plan/steps.rs"]
mod steps;
#[path = "plan/trust.rs"]
mod trust;
