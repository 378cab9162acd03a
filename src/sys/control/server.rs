//! The control socket's side in PID 1. Who calls is known from SO_PEERCRED, never from modes: root and the app user may
//! ask, nobody else may even read (DESIGN §6). A caller that says nothing, too much or rubbish disturbs nobody.
#![allow(clippy::disallowed_methods)] // the mode of a socket that we have just made in a directory of our own

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::protocol::{Answer, Ask, Begun, MAX_REQUEST, SOCKET, Snapshot};
use super::snapshot;
use crate::config::values::Uid;
use crate::error::Refused;
use crate::supervise::{Request, Supervisor, Time};

/// Callers that are served or wait for it at the same time, of the app user and of root each, so that neither locks the
/// other out; one more is turned away.
const CALLERS: usize = 128;
/// A caller that is not done by then is dropped.
const PATIENCE: Duration = Duration::from_secs(5);
/// After a refused accept (EMFILE), so that it is no busy loop.
const PAUSE: Duration = Duration::from_millis(200);

/// The bound socket and what `status` tells besides the engine's part.
pub struct Desk {
    /// Bound before the drop.
    pub listener: UnixListener,
    /// Who may ask, besides root.
    pub app: Uid,
    /// The answer to `status`, but for the engine's part.
    pub fixed: Snapshot,
}

type Reply = Answer<serde_json::Value>;

/// A question that waits for its answer.
pub struct Call {
    ask: Ask,
    reply: oneshot::Sender<Reply>,
}

/// Binds the socket in the runtime directory, for everybody to connect to: who calls decides, not modes.
///
/// # Errors
/// When it cannot be bound or opened to others.
pub fn bind(directory: &Path) -> Result<UnixListener, Refused> {
    let path = directory.join(SOCKET);
    let open = || {
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
        Ok(listener)
    };
    open().map_err(|cause: io::Error| Refused::new(format!("cannot bind {}", path.display()), cause))
}

/// Begins to accept callers. Must be called inside the runtime.
///
/// # Errors
/// When the listener cannot be registered.
pub fn open(desk: Desk) -> io::Result<(Snapshot, mpsc::Receiver<Call>)> {
    desk.listener.set_nonblocking(true)?;
    let listener = tokio::net::UnixListener::from_std(desk.listener)?;
    let (calls, receiver) = mpsc::channel(2 * CALLERS);
    tokio::spawn(accept(listener, calls, desk.app));
    Ok((desk.fixed, receiver))
}

async fn accept(listener: tokio::net::UnixListener, calls: mpsc::Sender<Call>, app: Uid) {
    let [of_root, of_app] = [(); 2].map(|()| Arc::new(Semaphore::new(CALLERS)));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Ok(caller) = stream.peer_cred().map(|who| Uid(who.uid())) else { continue };
        let places = match caller {
            Uid::ROOT => &of_root,
            _ if caller == app => &of_app,
            _ => {
                turn_away(&stream, format!("user {caller} may not ask; root and user {app} may"));
                continue;
            }
        };
        let Ok(place) = Arc::clone(places).try_acquire_owned() else {
            turn_away(&stream, format!("{CALLERS} callers of user {caller} are being served; try again"));
            continue;
        };
        let calls = calls.clone();
        tokio::spawn(async move {
            // A caller that goes away or is too slow is its own loss.
            let _served = tokio::time::timeout(PATIENCE, serve(stream, calls)).await;
            drop(place);
        });
    }
}

/// Answers without waiting for anything: a new connection has room for a line.
fn turn_away(stream: &UnixStream, why: String) {
    let line = serde_json::to_vec(&Reply::Error(why)).unwrap_or_default();
    let _gone = stream.try_write(&[line.as_slice(), b"\n"].concat());
}

async fn serve(mut stream: UnixStream, calls: mpsc::Sender<Call>) -> io::Result<()> {
    let answer = match request(&mut stream).await {
        Ok(ask) => {
            let (reply, answer) = oneshot::channel();
            let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
            calls.send(Call { ask, reply }).await.map_err(|_| gone())?;
            answer.await.map_err(|_| gone())?
        }
        Err(why) => Answer::Error(why),
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    stream.write_all(&line).await
}

/// Reads one line of JSON.
async fn request(stream: &mut UnixStream) -> Result<Ask, String> {
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

impl Call {
    /// Answers it; returns what the engine must be asked, if anything.
    pub fn answer(self, fixed: &Snapshot, supervisor: &Supervisor, now: Time) -> Option<Request> {
        let (answer, request) = match self.ask {
            Ask::Status {} => (serde_json::to_value(snapshot::now(fixed, supervisor, now)), None),
            Ask::Shutdown { code } => (serde_json::to_value(Begun {}), Some(Request::Shutdown { code })),
        };
        let answer = answer.map_or_else(|error| Answer::Error(error.to_string()), Answer::Ok);
        // A caller that is gone does not need it.
        let _sent = self.reply.send(answer);
        request
    }
}
