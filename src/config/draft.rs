//! [`Draft`]: a service as read, its requirements still names that may not exist. Whichever format it came from.

use super::service::Service;
use crate::error::Place;

/// A service whose `requires` and `after` are still words.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Everything else.
    pub service: Service,
    /// What it requires and what it comes after, as written.
    pub links: Vec<Link>,
    /// Where `stop.timeout` stands in a file of ours; `None` for an s6 directory, whose times were made for another budget.
    pub stop_timeout_at: Option<Place>,
    /// Remarks.
    pub notices: Vec<String>,
}

/// One name in `requires` or `after`.
#[derive(Clone, Debug)]
pub struct Link {
    /// Which of the two.
    pub relation: Relation,
    /// The other service.
    pub to: String,
    /// Where it stands.
    pub at: Place,
    /// What it stands in, for messages: `` `requires` ``, `dependencies.d`.
    pub written: String,
}

/// What a service has to do with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// The other must be up or done first, and stops later.
    Requires,
    /// Order only.
    After,
}
