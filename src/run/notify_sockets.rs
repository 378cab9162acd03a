//! Notification sockets of services (sd_notify(3)): each has a [`Receiver`], whose messages become events, or text for
//! `status`.

use std::collections::{HashMap, VecDeque};
use std::ffi::{OsStr, OsString};

use super::watch::{Key, Watch};
use crate::config::service::{Kind, Ready, Service};
use crate::config::values::ServiceName;
use crate::control::runtime_dir::RuntimeDir;
use crate::plan::ServicePlan;
use crate::run::ServiceEntry;
use crate::run::notify::{self, Notification, Receiver};
use crate::supervise::{Event, Id};

/// Sockets that were opened before the drop, by service: the address, and what hears.
pub type Sockets = HashMap<ServiceName, (OsString, Receiver)>;

/// One service's socket and its last status.
struct NotifySocket {
    address: OsString,
    receiver: Receiver,
    key: Key,
    status: Option<String>,
    refused: bool,
}

/// The sockets by service.
#[derive(Default)]
pub struct NotifySockets(HashMap<Id, NotifySocket>);

impl NotifySockets {
    /// Watches the sockets of those services that have one, and puts its address into their environment.
    pub fn new(members: &mut [ServiceEntry], mut sockets: Sockets, watch: &mut Watch) -> Self {
        let mut notify_sockets = HashMap::new();
        for (at, member) in members.iter_mut().enumerate() {
            let Some((address, receiver)) = sockets.remove(&member.plan.name) else { continue };
            match watch.notify_socket(Id(at), &receiver) {
                Ok(key) => {
                    member.notify_variables = variables(&member.service, &address);
                    notify_sockets
                        .insert(Id(at), NotifySocket { address, receiver, key, status: None, refused: false });
                }
                Err(errno) => {
                    tracing::warn!("{}: cannot watch its notification socket: {}", member.plan.name, errno.desc())
                }
            }
        }
        Self(notify_sockets)
    }

    /// Adds a service, if it uses a socket and has none yet: at an address that the kernel chooses, because the
    /// directory for such sockets may be root's.
    pub fn add(&mut self, id: Id, member: &mut ServiceEntry, watch: &mut Watch) {
        let service = &member.service;
        if !uses_notify_socket(service) {
            return self.remove(id, watch);
        }
        if let Some(socket) = self.0.get_mut(&id) {
            socket.receiver.accept_only(member.plan.credentials.uid);
            member.notify_variables = variables(service, &socket.address);
            return;
        }
        match notify::open(None, &service.name, member.plan.credentials.uid) {
            Ok((address, receiver)) => {
                if let Ok(key) = watch.notify_socket(id, &receiver) {
                    member.notify_variables = variables(service, &address);
                    self.0.insert(id, NotifySocket { address, receiver, key, status: None, refused: false });
                }
            }
            Err(refused) => tracing::warn!("{refused}"),
        }
    }

    /// Closes the socket of a service.
    pub fn remove(&mut self, id: Id, watch: &mut Watch) {
        if let Some(NotifySocket { key, receiver, .. }) = self.0.remove(&id) {
            watch.forget(key, &receiver);
        }
    }

    /// Discards what an earlier process sent.
    pub fn begin(&mut self, id: Id) {
        if let Some(socket) = self.0.get_mut(&id) {
            socket.receiver.clear();
            socket.status = None;
        }
    }

    /// Returns what a service last said about itself.
    pub fn status(&self, id: Id) -> Option<&str> {
        self.0.get(&id).and_then(|socket| socket.status.as_deref())
    }

    /// Reads the messages of a service.
    pub fn receive(&mut self, id: Id, name: &ServiceName, events: &mut VecDeque<Event>) {
        let Some(socket) = self.0.get_mut(&id) else { return };
        for said in socket.receiver.receive() {
            match said {
                Notification::Ready => events.push_back(Event::Ready { id }),
                Notification::Watchdog => events.push_back(Event::Alive { id, within: None }),
                Notification::WatchdogUsec(within) => events.push_back(Event::Alive { id, within: Some(within) }),
                Notification::WatchdogTrigger => events.push_back(Event::Trouble { id }),
                Notification::ExtendTimeout(by) => events.push_back(Event::Extend { id, by }),
                Notification::Status(text) => socket.status = Some(text),
                Notification::Reloading => socket.status = Some("reloading".to_owned()),
                Notification::Stopping => socket.status = Some("stopping".to_owned()),
                Notification::Errno(errno) => tracing::info!("{name}: says error {errno}"),
                Notification::MainPid if socket.refused => {}
                Notification::MainPid => {
                    socket.refused = true;
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

/// Opens the sockets of the services that say something of themselves: before the drop, in a directory that is root's.
pub fn open<'a>(
    services: impl Iterator<Item = (&'a Service, &'a ServicePlan)>,
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
    matches!(service.ready, Ready::Notify { .. }) && service.kind == Kind::Longrun
}

fn variables(service: &Service, address: &OsStr) -> Vec<(&'static str, OsString)> {
    let mut variables = vec![(notify::VARIABLE, address.to_owned())];
    if let Ready::Notify { watchdog: Some(within), .. } = &service.ready {
        variables.push(("WATCHDOG_USEC", within.as_micros().to_string().into()));
    }
    variables
}
