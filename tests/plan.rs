//! The planner as a whole: configuration and facts in, the printed plan out; every mode of the contract, and the
//! property that a plan which was carried out leaves nothing to plan.

mod accounts;
mod doctor;
mod golden;
mod identity;
mod privilege;
mod s6_layout;
mod s6_programs;
mod secrets;
mod steps;
mod trust;
