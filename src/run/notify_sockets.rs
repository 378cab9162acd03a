//! Notification sockets of services (sd_notify(3)): each has a [`Receiver`], whose messages become events, or the text in
//! `status`.

use std::collections::{HashMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::rc::Rc;

use nix::errno::Errno;

use super::fd_watcher::{FdWatcher, Key};
use super::service_entry::ServiceEntry;
use crate::config::service::{Kind, Ready, Service};
use crate::config::values::ServiceName;
use crate::control::runtime_dir::RuntimeDir;
use crate::plan::ServicePlan;
use crate::run::notify::{self, Notification, Receiver};
use crate::supervise::{Event, Id};

/// Sockets that were opened before the drop, by service: the address and the receiver.
pub type Sockets = HashMap<ServiceName, (OsString, Receiver)>;

/// One service's socket and its last status.
pub struct NotifySocket {
    address: OsString,
    receiver: Receiver,
    key: Key,
    status: Option<String>,
    /// Whether it was logged that MAINPID= is refused.
    is_mainpid_logged: bool,
}

impl NotifySocket {
    /// Watches the socket of a service and puts its address into the service's environment.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn watched(
        id: Id,
        entry: &mut ServiceEntry,
        (address, receiver): (OsString, Receiver),
        fd_watcher: &mut FdWatcher,
    ) -> Result<Self, Errno> {
        let key = fd_watcher.notify_socket(id, &receiver)?;
        entry.notify_variables = variables(&entry.service, &address);
        Ok(Self { address, receiver, key, status: None, is_mainpid_logged: false })
    }

    /// Returns the socket of a changed service, `known` if it had one. A new one gets an address that the kernel chooses,
    /// because the directory for such sockets may be root's.
    pub fn changed(known: Option<Self>, id: Id, entry: &mut ServiceEntry, fd_watcher: &mut FdWatcher) -> Option<Self> {
        if !uses_notify_socket(&entry.service) {
            known.into_iter().for_each(|socket| socket.close(fd_watcher));
            return None;
        }
        if let Some(mut socket) = known {
            socket.receiver.accept_only(entry.plan.credentials.uid);
            entry.notify_variables = variables(&entry.service, &socket.address);
            return Some(socket);
        }
        match notify::open(None, &entry.service.name, entry.plan.credentials.uid) {
            Ok(socket) => Self::watched(id, entry, socket, fd_watcher).ok(),
            Err(refused) => {
                tracing::warn!("{refused}");
                None
            }
        }
    }

    /// Closes it.
    pub fn close(self, fd_watcher: &mut FdWatcher) {
        fd_watcher.remove(self.key, &self.receiver);
    }

    /// Discards what an earlier process sent.
    pub fn begin(&mut self) {
        self.receiver.clear();
        self.status = None;
    }

    /// Returns what a service last said about itself.
    pub fn status(&self) -> Option<&str> {
        self.status.as_deref()
    }

    /// Reads the messages of a service.
    pub fn receive(&mut self, id: Id, name: &ServiceName, events: &mut VecDeque<Event>) {
        for notification in self.receiver.receive() {
            match notification {
                Notification::Ready => events.push_back(Event::Ready { id }),
                Notification::Watchdog => events.push_back(Event::KeepAlive { id, within: None }),
                Notification::WatchdogUsec(within) => events.push_back(Event::KeepAlive { id, within: Some(within) }),
                Notification::WatchdogTrigger => events.push_back(Event::WatchdogTrigger { id }),
                Notification::ExtendTimeout(by) => events.push_back(Event::ExtendTimeout { id, by }),
                Notification::Status(text) => self.status = Some(text),
                Notification::Reloading => self.status = Some("reloading".to_owned()),
                Notification::Stopping => self.status = Some("stopping".to_owned()),
                Notification::Errno(errno) => tracing::info!("{name}: says error {errno}"),
                Notification::MainPid if self.is_mainpid_logged => {}
                Notification::MainPid => {
                    self.is_mainpid_logged = true;
                    tracing::warn!(
                        "{name}: MAINPID= is not accepted: the process that was started is the service; start \
                        it in the foreground"
                    );
                }
                Notification::Rejected(why) => {
                    tracing::warn!("{name}: a message to its notification socket was ignored: {why}")
                }
            }
        }
    }
}

/// Opens the sockets of the services with `ready.notify`: before the drop, in a directory that is root's.
pub fn open<'a>(
    services: impl Iterator<Item = (&'a Rc<Service>, &'a Rc<ServicePlan>)>,
    directory: Option<&RuntimeDir>,
) -> Sockets {
    let mut sockets = Sockets::new();
    for (service, plan) in services.filter(|(service, _)| uses_notify_socket(service)) {
        match notify::open(directory, &service.name, plan.credentials.uid) {
            Ok(socket) => drop(sockets.insert(service.name.clone(), socket)),
            Err(refused) => tracing::warn!("{refused}"),
        }
    }
    sockets
}

fn uses_notify_socket(service: &Service) -> bool {
    service.kind == Kind::Longrun
        && match service.ready {
            Ready::Notify { .. } => true,
            Ready::Executed | Ready::Fd { .. } | Ready::Probe { .. } | Ready::Delay(_) => false,
        }
}

fn variables(service: &Service, address: &OsStr) -> Vec<(&'static str, OsString)> {
    let mut variables = vec![(notify::VARIABLE, address.to_owned())];
    if let Ready::Notify { watchdog: Some(within), .. } = &service.ready {
        variables.push(("WATCHDOG_USEC", within.as_micros().to_string().into()));
    }
    variables
}
