//! The commands of s6 and execline: compared with Debian's originals, argument by argument and script by script.

mod both;
mod container_environment;
mod differences;
mod eltest;
mod execline_rest;
mod ids;
mod lexer;
mod lock;
mod log;
mod notify_on_check;
mod s6_overlay;
mod utilities;
mod words;
