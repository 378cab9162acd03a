//! `stepdown`: the first process of a container.
//!
//! # The story
//! read (`sys::source`, [`config`]) → plan ([`plan`]) → boot → step down → supervise ([`supervise`]); `sys` acts.
//!
//! # Layout
//! Imports run one way only: cli → sys → supervise, plan → config → error. `config`, `plan` and `supervise` are pure:
//! plain values in, plain values out.

pub mod cli;
pub mod config;
pub mod error;
pub mod plan;
pub mod supervise;
pub mod sys;
