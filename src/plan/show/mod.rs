//! The plan as people and programs read it. Must not decide anything.

mod depth;
mod diagnosis;
mod json;
mod report;
mod text;
pub mod words;

pub use diagnosis::{Paint, diagnosis};
pub use json::json;
pub use report::{About, Line, report};
pub use text::text;
