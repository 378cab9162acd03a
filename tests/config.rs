//! Sources in, a `Config` or the exact text of every problem out: one module for each kind of source.
#![allow(clippy::disallowed_methods)] // a test measures that bombs end soon

#[path = "config/container.rs"]
mod container;
#[path = "config/depth.rs"]
mod depth;
#[path = "config/env.rs"]
mod env;
#[path = "config/given.rs"]
mod given;
#[path = "config/graph.rs"]
mod graph;
#[path = "config/hostile.rs"]
mod hostile;
#[path = "config/main_command.rs"]
mod main_command;
#[path = "config/probe.rs"]
mod probe;
#[path = "config/reference.rs"]
mod reference;
#[path = "config/s6.rs"]
mod s6;
#[path = "config/service.rs"]
mod service;
#[path = "config/service_bad.rs"]
mod service_bad;
#[path = "config/syntax.rs"]
mod syntax;
#[path = "config/tree.rs"]
mod tree;
