//! The control socket's side in PID 1. Who calls is known from SO_PEERCRED, never from modes: root, the app user and the
//! users of services may ask, nobody else may even read (DESIGN §6); who may ask what is decided where it is
//! answered. A caller that says nothing, too much or rubbish, or that does not read, disturbs nobody; one that waits for services has a place of another kind, so that it holds up nobody who does not.

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

use super::answers::{LogEvent, LogLine, Response, Snapshot, StepTime};
use super::protocol::{MAX_REQUEST, Query, SOCKET};
use super::timings::Moments;
use crate::config::values::{ServiceName, Uid};
use crate::control::runtime_dir::RuntimeDir;
use crate::error::Refused;
use crate::log::lines::escape;
use crate::log::tail::{FollowEvent, TailLine};
use crate::sys::files::socket;
use crate::text::shown;

/// Callers that are served or wait for it at the same time, of each user, so that none locks another one out. For one
/// more, who has been silent for longest goes; if none is silent, the new one is turned away.
const CALLERS: usize = 128;
/// Callers that wait for services, of each user.
const WAITING: usize = 128;
/// A caller that has not said what it wants, or not read its answer, by then is dropped.
const PATIENCE: Duration = Duration::from_secs(5);
/// A follower that reads nothing for so long is dropped: a terminal that was halted for a moment is none.
const FOLLOWER_PATIENCE: Duration = Duration::from_secs(60);
/// After a refused accept (EMFILE), so that it is no busy loop.
const PAUSE: Duration = Duration::from_millis(200);

/// What callers are told besides the engine's part.
#[derive(Debug)]
pub struct ControlContext {
    /// Who may ask, besides root.
    pub app: Uid,
    /// The answer to `status`, but for the engine's part.
    pub fixed: Snapshot,
    /// What was done before this stage.
    pub steps: Vec<StepTime>,
    /// What services did in an earlier stage.
    pub before: Vec<(ServiceName, Moments)>,
}

/// What comes back.
enum Reply {
    /// One line, complete.
    Line(Vec<u8>),
    /// The last lines of a service, and those that come.
    Log(Vec<TailLine>, Option<mpsc::Receiver<FollowEvent>>),
}

/// A question that waits for its answer.
pub struct Call {
    /// What is asked.
    pub ask: Query,
    /// By whom.
    pub caller: Uid,
    reply: oneshot::Sender<Reply>,
}

impl Call {
    /// Answers it. A caller that is gone does not need it.
    pub fn answer<T: Serialize>(self, answer: Response<T>) {
        let _sent = self.reply.send(Reply::Line(line(&answer)));
    }

    /// Answers it with these lines, and then with what comes.
    pub fn answer_lines(self, last: Vec<TailLine>, coming: Option<mpsc::Receiver<FollowEvent>>) {
        let _sent = self.reply.send(Reply::Log(last, coming));
    }

    /// Returns whether nobody waits for the answer any more.
    pub fn is_gone(&self) -> bool {
        self.reply.is_closed()
    }
}

/// Binds the socket in the runtime directory, for everybody to connect to: who calls decides, not modes.
///
/// # Errors
/// When it cannot be bound.
pub fn bind(directory: &RuntimeDir) -> Result<UnixListener, Refused> {
    let open = || {
        let name = CString::new(SOCKET)?;
        let socket = socket::bound(directory.handle.as_fd(), &name, SockType::Stream, SockFlag::empty())?;
        listen(&socket, Backlog::MAXALLOWABLE)?;
        Ok(UnixListener::from(socket))
    };
    let path = directory.path.join(SOCKET);
    open().map_err(|cause: io::Error| Refused::new(format!("cannot bind {}", shown(&path)), cause))
}

/// Begins to accept callers. Must be called inside the runtime.
///
/// # Errors
/// When the listener cannot be registered.
pub fn open(listener: UnixListener, callers: Callers) -> io::Result<mpsc::Receiver<Call>> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::UnixListener::from_std(listener)?;
    let (calls, receiver) = mpsc::channel(2 * CALLERS);
    tokio::spawn(accept(listener, calls, callers));
    Ok(receiver)
}

/// Who is answered, besides root: shared by who accepts and by the loop, which knows whose the services are.
#[derive(Clone, Debug)]
pub struct Callers {
    app: Uid,
    users: Arc<Mutex<BTreeSet<Uid>>>,
}

impl Callers {
    /// Returns the app user alone.
    pub fn new(app: Uid) -> Self {
        Self { app, users: Arc::new(Mutex::new(BTreeSet::from([app]))) }
    }

    /// From now on it is these.
    pub fn set(&self, users: BTreeSet<Uid>) {
        *self.users.lock().unwrap_or_else(PoisonError::into_inner) = users;
    }

    fn has(&self, user: Uid) -> bool {
        user == Uid::ROOT || self.users.lock().unwrap_or_else(PoisonError::into_inner).contains(&user)
    }
}

/// The places that one user's callers share.
struct ConnectionSlots {
    short: Arc<Semaphore>,
    long: Arc<Semaphore>,
    /// Those who came and had not said what they want when they were last looked at, in that order.
    silent: VecDeque<Silent>,
}

struct Silent {
    visit: AbortHandle,
    has_asked: Arc<AtomicBool>,
}

impl Silent {
    fn is_silent(&self) -> bool {
        !self.visit.is_finished() && !self.has_asked.load(Ordering::Relaxed)
    }
}

impl ConnectionSlots {
    fn new() -> Self {
        let [short, long] = [CALLERS, WAITING].map(|count| Arc::new(Semaphore::new(count)));
        Self { short, long, silent: VecDeque::new() }
    }

    /// Returns a place: a free one, or that of whoever has been silent for longest.
    async fn place(&mut self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.short).try_acquire_owned() {
            return Some(place);
        }
        self.silent.retain(Silent::is_silent);
        self.silent.pop_front()?.visit.abort();
        // It is given back as soon as the task has been dropped, which nothing can hold up.
        Arc::clone(&self.short).acquire_owned().await.ok()
    }

    fn note(&mut self, visit: AbortHandle, has_asked: Arc<AtomicBool>) {
        if self.silent.len() >= CALLERS {
            self.silent.retain(Silent::is_silent);
        }
        self.silent.push_back(Silent { visit, has_asked });
    }
}

async fn accept(listener: tokio::net::UnixListener, calls: mpsc::Sender<Call>, callers: Callers) {
    let mut places_of: HashMap<Uid, ConnectionSlots> = HashMap::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Ok(caller) = stream.peer_cred().map(|who| Uid(who.uid())) else { continue };
        if !callers.has(caller) {
            turn_away(&stream, format!("user {caller} may not ask; root and user {} may", callers.app));
            continue;
        }
        let places = places_of.entry(caller).or_insert_with(ConnectionSlots::new);
        let Some(place) = places.place().await else {
            turn_away(&stream, format!("{CALLERS} callers of user {caller} are being served; try again"));
            continue;
        };
        let has_asked = Arc::new(AtomicBool::new(false));
        let (long, calls) = (Arc::clone(&places.long), calls.clone());
        let visit = ClientConnection { stream, caller, place, has_asked: Arc::clone(&has_asked), long, calls };
        // A caller that goes away or is too slow is its own loss.
        let task = tokio::spawn(async move { visit.serve().await.ok() });
        places.note(task.abort_handle(), has_asked);
    }
}

/// Answers without waiting for anything: a new connection has room for a line.
fn turn_away(stream: &UnixStream, why: String) {
    let _gone = stream.try_write(&line(&Response::<()>::Error(why)));
}

fn line<T: Serialize>(answer: &Response<T>) -> Vec<u8> {
    let line = serde_json::to_vec(answer).or_else(|error| {
        let why = Response::<()>::Error(error.to_string());
        serde_json::to_vec(&why)
    });
    let mut line = line.unwrap_or_default();
    line.push(b'\n');
    line
}

/// One caller, from its first word to its last.
struct ClientConnection {
    stream: UnixStream,
    caller: Uid,
    place: OwnedSemaphorePermit,
    has_asked: Arc<AtomicBool>,
    long: Arc<Semaphore>,
    calls: mpsc::Sender<Call>,
}

impl ClientConnection {
    async fn serve(self) -> io::Result<()> {
        let Self { mut stream, caller, place, has_asked, long, calls } = self;
        let ask = match timeout(PATIENCE, request(&mut stream)).await? {
            Ok(ask) => ask,
            Err(why) => return tell(&mut stream, &line(&Response::<()>::Wrong(why)), PATIENCE).await,
        };
        has_asked.store(true, Ordering::Relaxed);
        let is_long = ask.is_long();
        let place = match is_long.then(|| long.try_acquire_owned()).transpose() {
            Ok(Some(other)) => other,
            Ok(None) => place,
            Err(_) => {
                let why = format!("{WAITING} callers of user {caller} are waiting; try again");
                return tell(&mut stream, &line(&Response::<()>::Error(why)), PATIENCE).await;
            }
        };
        let (reply, answer) = oneshot::channel();
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        timeout(PATIENCE, calls.send(Call { ask, caller, reply })).await?.map_err(|_| gone())?;
        let answer = tokio::select! {
            answer = answer => answer.map_err(|_| gone())?,
            () = hung_up(&mut stream), if is_long => return Ok(()),
        };
        match answer {
            Reply::Line(line) => tell(&mut stream, &line, PATIENCE).await?,
            Reply::Log(last, coming) => {
                for kept in last {
                    tell(&mut stream, &line(&Response::Ok(logged(FollowEvent::Line(kept)))), PATIENCE).await?;
                }
                pass_on(&mut stream, coming).await?;
            }
        }
        drop(place);
        Ok(())
    }
}

async fn tell(stream: &mut UnixStream, line: &[u8], patience: Duration) -> io::Result<()> {
    timeout(patience, stream.write_all(line)).await?
}

/// Writes what comes until it ends, or the caller has gone.
async fn pass_on(stream: &mut UnixStream, coming: Option<mpsc::Receiver<FollowEvent>>) -> io::Result<()> {
    let Some(mut coming) = coming else { return Ok(()) };
    loop {
        let came = tokio::select! {
            came = coming.recv() => came,
            () = hung_up(stream) => None,
        };
        let Some(came) = came else { return Ok(()) };
        tell(stream, &line(&Response::Ok(logged(came))), FOLLOWER_PATIENCE).await?;
    }
}

fn logged(followed: FollowEvent) -> LogEvent {
    let TailLine { time, stream, bytes, more, cut, .. } = match followed {
        FollowEvent::Line(line) => line,
        FollowEvent::Lost(count) => return LogEvent::Lost(count),
    };
    let mut text = Vec::with_capacity(bytes.len());
    escape(bytes.strip_suffix(b"\r").unwrap_or(&bytes), &mut text);
    LogEvent::Line(LogLine {
        time: String::from_utf8_lossy(&time.rfc3339()).into_owned(),
        stream,
        text: String::from_utf8_lossy(&text).into_owned(),
        more: more || cut,
    })
}

/// Returns once the caller has closed its side, or says more than there is to say.
async fn hung_up(stream: &mut UnixStream) {
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
async fn request(stream: &mut UnixStream) -> Result<Query, String> {
    let mut line = Vec::new();
    let mut chunk = [0; 512];
    while !line.contains(&b'\n') {
        let length = stream.read(&mut chunk).await.map_err(|cause| cause.to_string())?;
        if length == 0 {
            break;
        }
        line.extend_from_slice(chunk.get(..length).unwrap_or_default());
        if line.len() > MAX_REQUEST {
            return Err(format!("a request has at most {MAX_REQUEST} bytes"));
        }
    }
    serde_json::from_slice(&line).map_err(|error| format!("cannot read the request: {error}"))
}
