//! [`Draft`]: a service as read, its requirements still names that may not exist. Whichever format it came from.

use super::service::Service;
use crate::error::Place;

/// A service whose links to others are still words.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Everything else.
    pub service: Service,
    /// What it requires, what it comes after, and to whom it pipes, as written.
    pub links: Vec<Link>,
    /// Where `stop.timeout` stands in a file of ours; `None` for an s6 directory, whose times were made for another budget.
    pub stop_timeout_at: Option<Place>,
    /// Remarks.
    pub notices: Vec<String>,
}

/// One name in `requires`, `after` or `pipe_to`.
#[derive(Clone, Debug)]
pub struct Link {
    /// Which of them.
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
    /// Its output is the other's input: the other starts first and stops last.
    PipesTo,
    /// The other pipes to it (s6-rc `consumer-for`): said twice, so that it is only checked.
    FedBy,
}
