//! Carrying out the plan's steps: accounts, directories, the ownership walk, the runtime directory, stdio. Decides nothing:
//! what is to be done stands in the plan.

pub mod accounts;
pub mod append;
pub mod directories;
pub mod own;
pub mod ownership;
pub mod placement;
pub mod stdio;
pub mod steps;
