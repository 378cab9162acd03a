//! Carrying out the plan's steps: accounts, directories, the ownership walk, the runtime directory, stdio. Decides nothing:
//! the plan says what to do.

pub mod account_files;
pub mod append_account;
pub mod chown_policy;
pub mod directories;
pub mod own;
pub mod ownership_log;
pub mod s6_layout;
pub mod secrets;
pub mod stdio;
pub mod steps;
