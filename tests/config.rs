//! Sources in, a `Config` or the exact text of every problem out: one module for each kind of source.

mod container;
mod env;
mod foreign;
mod foreign_meanings;
mod graph;
mod hostile;
mod main_command;
mod probe;
mod reference;
mod s6;
mod s6_bad_input;
mod s6_bundles;
mod s6_definitions;
mod s6_image;
mod s6_legacy;
mod s6_table;
mod s6_version_two;
mod service;
mod service_bad;
mod service_features;
pub mod sources_builder;
mod syntax;
mod tree;
