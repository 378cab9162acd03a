//! The server of the control socket, in PID 1. Clients are identified by SO_PEERCRED, never by modes: root, the app user
//! and the users of services may connect, nobody else may even read (DESIGN §6); which requests a user may send is decided
//! where they are answered. A client that sends nothing, too much or garbage, or does not read, disturbs no other one;
//! requests that wait for services have slots of their own, so that they do not block short ones.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ffi::CString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::socket::{Backlog, SockFlag, SockType, listen};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::event_history::EarlierEvents;
use super::events::{EventResponse, PastEvent};
use super::protocol::{ControlRequest, MAX_REQUEST, SOCKET};
use super::responses::{LogEvent, LogLine, Response, Snapshot, StepTime};
use super::timings::Moments;
use crate::config::values::{ServiceName, Uid};
use crate::control::runtime_dir::RuntimeDir;
use crate::error::{Refused, cause_text};
use crate::log::followers::Followed;
use crate::log::lines::escape;
use crate::log::tail::{NamedLine, TailLine};
use crate::sys::files::socket;
use crate::text::shown;

/// Most connections of each user at the same time, so that no user blocks another one. For one more, the connection that
/// has sent no request for longest is closed; if there is none, the new one is rejected.
const MAX_CONNECTIONS: usize = 128;
/// Most requests of each user that wait for services.
const MAX_LONG_REQUESTS: usize = 128;
/// A client that has not sent its request, or not read the response, by then is disconnected.
const IO_TIMEOUT: Duration = Duration::from_secs(5);
/// The same for a follower of logs: longer, because a terminal may be paused for a moment.
const FOLLOWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Delay after a failed accept (EMFILE), so that it is not a busy loop.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(200);

/// What responses contain besides the state of the engine.
#[derive(Debug)]
pub struct ControlContext {
    /// The app user, who may send requests, besides root.
    pub app: Uid,
    /// The response to `status`, without the state of the engine.
    pub plan_status: Snapshot,
    /// The boot steps before this stage.
    pub steps: Vec<StepTime>,
    /// The times of services in an earlier stage.
    pub earlier_moments: Vec<(ServiceName, Moments)>,
    /// The events of an earlier stage.
    pub earlier_events: EarlierEvents,
    /// The services of a later stage.
    pub later: BTreeSet<String>,
}

/// What is sent to the client.
enum Outgoing {
    /// One line, complete.
    Line(Vec<u8>),
    /// The last lines of services, and new ones.
    Log(Vec<NamedLine>, Option<mpsc::Receiver<Followed<NamedLine>>>),
    /// The last events, and new ones.
    Events(Vec<PastEvent>, Option<mpsc::Receiver<Followed<PastEvent>>>),
}

/// A request that waits for its response.
pub struct PendingRequest {
    /// The request.
    pub request: ControlRequest,
    /// The user who sent it.
    pub caller: Uid,
    sender: oneshot::Sender<Outgoing>,
}

impl PendingRequest {
    /// Sends the response, unless the client has disconnected.
    pub fn respond<T: Serialize>(self, response: Response<T>) {
        let _sent = self.sender.send(Outgoing::Line(line(&response)));
    }

    /// Sends these lines, and then new ones.
    pub fn respond_lines(self, last: Vec<NamedLine>, events: Option<mpsc::Receiver<Followed<NamedLine>>>) {
        let _sent = self.sender.send(Outgoing::Log(last, events));
    }

    /// Sends these events, and then new ones.
    pub fn respond_events(self, last: Vec<PastEvent>, events: Option<mpsc::Receiver<Followed<PastEvent>>>) {
        let _sent = self.sender.send(Outgoing::Events(last, events));
    }

    /// Returns whether the client has disconnected.
    pub fn is_gone(&self) -> bool {
        self.sender.is_closed()
    }
}

/// Binds the socket in the runtime directory. Everybody may connect: the user's id decides, not modes.
///
/// # Errors
/// When it cannot be bound.
pub fn bind(directory: &RuntimeDir) -> Result<UnixListener, Refused> {
    let open = || {
        let name = CString::new(SOCKET)?;
        let socket = socket::bind_new(directory.handle.as_fd(), &name, SockType::Stream, SockFlag::empty())?;
        listen(&socket, Backlog::MAXALLOWABLE)?;
        Ok(UnixListener::from(socket))
    };
    let path = directory.path.join(SOCKET);
    open().map_err(|cause: io::Error| Refused::new(format!("cannot bind {}", shown(&path)), cause))
}

/// Begins to accept connections. Must be called inside the tokio runtime.
///
/// # Errors
/// When the listener cannot be registered.
pub fn open(listener: UnixListener, allowed_users: AllowedUsers) -> io::Result<mpsc::Receiver<PendingRequest>> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::UnixListener::from_std(listener)?;
    let (requests, receiver) = mpsc::channel(2 * MAX_CONNECTIONS);
    tokio::spawn(accept(listener, requests, allowed_users));
    Ok(receiver)
}

/// The users who may connect, besides root: shared by the accepting task and the event loop, which knows the users of
/// services.
#[derive(Clone, Debug)]
pub struct AllowedUsers {
    app: Uid,
    users: Arc<Mutex<BTreeSet<Uid>>>,
}

impl AllowedUsers {
    /// Returns a set with the app user only.
    pub fn new(app: Uid) -> Self {
        Self { app, users: Arc::new(Mutex::new(BTreeSet::from([app]))) }
    }

    /// Replaces the set.
    pub fn set(&self, users: BTreeSet<Uid>) {
        *self.users.lock().unwrap_or_else(PoisonError::into_inner) = users;
    }

    fn has(&self, user: Uid) -> bool {
        user == Uid::ROOT || self.users.lock().unwrap_or_else(PoisonError::into_inner).contains(&user)
    }
}

/// The connection slots of one user.
struct ConnectionSlots {
    short: Arc<Semaphore>,
    long: Arc<Semaphore>,
    /// Connections that had not sent a request when last checked, the oldest first.
    idle: VecDeque<IdleConnection>,
}

struct IdleConnection {
    task: AbortHandle,
    has_request: Arc<AtomicBool>,
}

impl IdleConnection {
    fn is_idle(&self) -> bool {
        !self.task.is_finished() && !self.has_request.load(Ordering::Relaxed)
    }
}

impl ConnectionSlots {
    fn new() -> Self {
        let [short, long] = [MAX_CONNECTIONS, MAX_LONG_REQUESTS].map(|count| Arc::new(Semaphore::new(count)));
        Self { short, long, idle: VecDeque::new() }
    }

    /// Returns a slot: a free one, or that of the connection that has been idle for longest.
    async fn slot(&mut self) -> Option<OwnedSemaphorePermit> {
        if let Ok(slot) = Arc::clone(&self.short).try_acquire_owned() {
            return Some(slot);
        }
        self.idle.retain(IdleConnection::is_idle);
        self.idle.pop_front()?.task.abort();
        // The slot is released as soon as the task is dropped, which nothing can delay.
        Arc::clone(&self.short).acquire_owned().await.ok()
    }

    fn track(&mut self, task: AbortHandle, has_request: Arc<AtomicBool>) {
        if self.idle.len() >= MAX_CONNECTIONS {
            self.idle.retain(IdleConnection::is_idle);
        }
        self.idle.push_back(IdleConnection { task, has_request });
    }
}

async fn accept(
    listener: tokio::net::UnixListener,
    requests: mpsc::Sender<PendingRequest>,
    allowed_users: AllowedUsers,
) {
    let mut slots_of: HashMap<Uid, ConnectionSlots> = HashMap::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            continue;
        };
        let Ok(caller) = stream.peer_cred().map(|who| Uid(who.uid())) else { continue };
        if !allowed_users.has(caller) {
            reject(&stream, format!("user {caller} may not send requests; root and user {} may", allowed_users.app));
            continue;
        }
        let slots = slots_of.entry(caller).or_insert_with(ConnectionSlots::new);
        let Some(slot) = slots.slot().await else {
            reject(
                &stream,
                format!("user {caller} already has {MAX_CONNECTIONS} requests in progress; try again later"),
            );
            continue;
        };
        let has_request = Arc::new(AtomicBool::new(false));
        let (long, requests) = (Arc::clone(&slots.long), requests.clone());
        let task = ClientConnection { stream, caller, slot, has_request: Arc::clone(&has_request), long, requests };
        // Errors concern only this client: it has disconnected or is too slow.
        let task = tokio::spawn(async move { task.serve().await.ok() });
        slots.track(task.abort_handle(), has_request);
    }
}

/// Responds without waiting: a new connection has space for a line.
fn reject(stream: &UnixStream, why: String) {
    let _gone = stream.try_write(&line(&Response::<()>::Error(why)));
}

fn line<T: Serialize>(response: &Response<T>) -> Vec<u8> {
    let line = serde_json::to_vec(response).or_else(|error| {
        let why = Response::<()>::Error(error.to_string());
        serde_json::to_vec(&why)
    });
    let mut line = line.unwrap_or_default();
    line.push(b'\n');
    line
}

/// One client's connection.
struct ClientConnection {
    stream: UnixStream,
    caller: Uid,
    slot: OwnedSemaphorePermit,
    has_request: Arc<AtomicBool>,
    long: Arc<Semaphore>,
    requests: mpsc::Sender<PendingRequest>,
}

impl ClientConnection {
    async fn serve(self) -> io::Result<()> {
        let Self { mut stream, caller, slot, has_request, long, requests } = self;
        let request = match timeout(IO_TIMEOUT, read_request(&mut stream)).await? {
            Ok(request) => request,
            Err(why) => return write_line(&mut stream, &line(&Response::<()>::Wrong(why)), IO_TIMEOUT).await,
        };
        has_request.store(true, Ordering::Relaxed);
        let is_long = request.is_long();
        let slot = match is_long.then(|| long.try_acquire_owned()).transpose() {
            Ok(Some(other)) => other,
            Ok(None) => slot,
            Err(_) => {
                let why = format!("user {caller} already has {MAX_LONG_REQUESTS} requests waiting; try again later");
                return write_line(&mut stream, &line(&Response::<()>::Error(why)), IO_TIMEOUT).await;
            }
        };
        let (sender, response) = oneshot::channel();
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        timeout(IO_TIMEOUT, requests.send(PendingRequest { request, caller, sender })).await?.map_err(|_| gone())?;
        let response = tokio::select! {
            response = response => response.map_err(|_| gone())?,
            () = closed_by_peer(&mut stream), if is_long => return Ok(()),
        };
        match response {
            Outgoing::Line(line) => write_line(&mut stream, &line, IO_TIMEOUT).await?,
            Outgoing::Log(last, events) => {
                stream_items(&mut stream, last, events, log_event).await?;
            }
            Outgoing::Events(last, events) => stream_items(&mut stream, last, events, past_event).await?,
        }
        drop(slot);
        Ok(())
    }
}

async fn write_line(stream: &mut UnixStream, line: &[u8], limit: Duration) -> io::Result<()> {
    timeout(limit, stream.write_all(line)).await?
}

/// Writes the last items, and new ones until they end, or the client disconnects.
async fn stream_items<T, R: Serialize>(
    stream: &mut UnixStream,
    last: Vec<T>,
    items: Option<mpsc::Receiver<Followed<T>>>,
    response: impl Fn(Followed<T>) -> R,
) -> io::Result<()> {
    for kept in last {
        write_line(stream, &line(&Response::Ok(response(Followed::Item(kept)))), IO_TIMEOUT).await?;
    }
    let Some(mut items) = items else { return Ok(()) };
    loop {
        let item = tokio::select! {
            item = items.recv() => item,
            () = closed_by_peer(stream) => None,
        };
        let Some(item) = item else { return Ok(()) };
        write_line(stream, &line(&Response::Ok(response(item))), FOLLOWER_TIMEOUT).await?;
    }
}

fn past_event(followed: Followed<PastEvent>) -> EventResponse {
    match followed {
        Followed::Item(event) => EventResponse::Event(event),
        Followed::Lost(count) => EventResponse::Lost(count),
    }
}

fn log_event(followed: Followed<NamedLine>) -> LogEvent {
    let NamedLine { service, line } = match followed {
        Followed::Item(named) => named,
        Followed::Lost(count) => return LogEvent::Lost(count),
    };
    let TailLine { time, stream, bytes, more, cut, .. } = line;
    let mut text = Vec::with_capacity(bytes.len());
    escape(bytes.strip_suffix(b"\r").unwrap_or(&bytes), &mut text);
    LogEvent::Line(LogLine {
        service: service.to_string(),
        time: String::from_utf8_lossy(&time.rfc3339()).into_owned(),
        stream,
        text: String::from_utf8_lossy(&text).into_owned(),
        more: more || cut,
    })
}

/// Returns when the client has closed its end, or sends more than a request.
async fn closed_by_peer(stream: &mut UnixStream) {
    let mut chunk = [0; 512];
    let mut said = 0;
    while let Ok(length) = stream.read(&mut chunk).await {
        said += length;
        if length == 0 || said > MAX_REQUEST {
            break;
        }
    }
}

/// Reads one line of JSON.
async fn read_request(stream: &mut UnixStream) -> Result<ControlRequest, String> {
    let mut line = Vec::new();
    let mut chunk = [0; 512];
    while !line.contains(&b'\n') {
        let length = stream.read(&mut chunk).await.map_err(|cause| cause_text(&cause))?;
        if length == 0 {
            break;
        }
        line.extend_from_slice(chunk.get(..length).unwrap_or_default());
        if line.len() > MAX_REQUEST {
            return Err(format!("a request has at most {MAX_REQUEST} bytes"));
        }
    }
    serde_json::from_slice(&line).map_err(|_| "the request is not one that this stepdown knows".to_owned())
}
