//! The plan as people and programs read it. Must not decide anything.

mod diagnosis;
mod json;
pub mod labels;
mod report;
mod service_details;
mod text;

pub use diagnosis::{ColorMode, diagnosis};
pub use json::json;
pub use report::{LineKind, ReportLine, report};
pub use text::text;
