//! One connection: requests with their answers, and everything else in the order it came.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use jsonrpsee_types::{ErrorObjectOwned, Id};
use serde_json::Value as Json;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::debug;

use super::endpoint::Endpoint;
use super::error::LinkError;
use super::transport;
use super::wire::{self, Message};
use crate::clock::{Clock, MonoTime};

/// Messages that may wait for the agent. It reads them in microseconds, and Moonraker sends some ten a second; a full
/// queue means that the agent hangs.
const INCOMING_QUEUE: usize = 1024;
const OUTGOING_QUEUE: usize = 64;

/// How long Moonraker may take for an ordinary request. G-code may take longer, see [`Link::request`].
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Something that Moonraker sent.
#[derive(Debug)]
pub struct Incoming {
    /// When it arrived.
    pub received: MonoTime,
    /// What it is.
    pub body: Body,
}

/// The kinds of [`Incoming`].
#[derive(Debug)]
pub enum Body {
    /// An event, or a remote method that Klipper called.
    Call {
        /// Such as `notify_status_update`, or the name of a remote method.
        method: String,
        /// An array for notifications of Moonraker, an object (or null) for remote methods.
        params: Json,
        /// Present where an answer is expected: see [`Link::reply`].
        reply_to: Option<ReplyTo>,
    },
    /// The answer to [`Link::ask`], in its place among the other messages.
    Answer {
        /// As given by [`Link::ask`].
        ticket: Ticket,
        /// The result, or the code and sentence of the refusal.
        outcome: Result<Json, (i32, String)>,
    },
}

/// Tells which of our questions an answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

/// The address of an answer.
#[derive(Debug)]
pub struct ReplyTo(Id<'static>);

/// What comes in, ending when the connection does.
pub type Inbox = mpsc::Receiver<Incoming>;

type Answer = Result<Json, ErrorObjectOwned>;

/// Where an answer goes.
#[derive(Debug)]
enum Asker {
    Waiting(oneshot::Sender<Answer>),
    InOrder,
}

/// A handle on one connection; clones share it. When the last one is dropped the connection closes.
#[derive(Clone, Debug)]
pub struct Link {
    outgoing: mpsc::Sender<String>,
    shared: Arc<Shared>,
    _close_on_drop: Arc<DropGuard>,
}

#[derive(Debug)]
struct Shared {
    next_id: AtomicU64,
    /// Requests under way. An entry leaves when its answer comes, its asker gives up, or the connection ends.
    pending: Mutex<HashMap<u64, Asker>>,
    /// Why the connection ended, once it has.
    ended: Mutex<Option<String>>,
    closed: CancellationToken,
}

impl Shared {
    fn pending(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Asker>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, reason: String) {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
        self.closed.cancel();
        self.pending().clear();
    }

    fn end_reason(&self) -> LinkError {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        LinkError::Closed(ended.clone().unwrap_or_else(|| "closed by us".to_owned()))
    }
}

impl Link {
    /// Connects.
    ///
    /// # Errors
    ///
    /// Nobody answers there, or the handshake is refused.
    pub async fn connect(endpoint: &Endpoint, clock: Clock) -> Result<(Self, Inbox), LinkError> {
        let (sender, messages) = transport::connect(endpoint).await?;
        let (outgoing, queue) = mpsc::channel(OUTGOING_QUEUE);
        let (inbox_in, inbox) = mpsc::channel(INCOMING_QUEUE);
        let closed = CancellationToken::new();
        let shared = Arc::new(Shared {
            next_id: AtomicU64::new(1),
            pending: Mutex::default(),
            ended: Mutex::default(),
            closed: closed.clone(),
        });
        tokio::spawn(write(sender, queue, Arc::clone(&shared)));
        tokio::spawn(read(messages, inbox_in, Arc::clone(&shared), clock));
        Ok((Self { outgoing, shared, _close_on_drop: Arc::new(closed.drop_guard()) }, inbox))
    }

    /// Asks and waits for the answer, at most `timeout`.
    ///
    /// The answer to `printer.gcode.script` comes when Klipper has taken all of its lines, which a running macro or a
    /// heat-up can delay by minutes.
    ///
    /// # Errors
    ///
    /// Refused, no answer in time, or the connection ended.
    pub async fn request(&self, method: &str, params: Json, timeout: Duration) -> Result<Json, LinkError> {
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        let (answer_in, answer) = oneshot::channel();
        self.shared.pending().insert(id, Asker::Waiting(answer_in));
        if self.shared.closed.is_cancelled() {
            self.shared.pending().remove(&id);
            return Err(self.shared.end_reason());
        }
        let asked = async {
            let message = wire::encode_request(Some(id), method, &params);
            self.outgoing.send(message).await.map_err(|_| self.shared.end_reason())?;
            answer.await.map_err(|_| self.shared.end_reason())
        };
        let outcome = tokio::time::timeout(timeout, asked).await;
        self.shared.pending().remove(&id);
        match outcome {
            Err(_) => Err(LinkError::Timeout { method: method.to_owned(), timeout }),
            Ok(Err(error)) => Err(error),
            Ok(Ok(Ok(result))) => Ok(result),
            Ok(Ok(Err(refusal))) => Err(LinkError::Refused {
                method: method.to_owned(),
                code: refusal.code(),
                message: refusal.message().to_owned(),
            }),
        }
    }

    /// Asks without waiting; the answer comes through the inbox in its place among the other messages. For a
    /// subscription, whose full state must not overtake the changes that follow it.
    ///
    /// # Errors
    ///
    /// The connection ended or is jammed.
    pub fn ask(&self, method: &str, params: &Json) -> Result<Ticket, LinkError> {
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        self.shared.pending().insert(id, Asker::InOrder);
        self.outgoing.try_send(wire::encode_request(Some(id), method, params)).map_err(|_| {
            self.shared.pending().remove(&id);
            self.shared.end_reason()
        })?;
        Ok(Ticket(id))
    }

    /// Answers a request that came in; an error is a code as HTTP has them and a sentence.
    pub fn reply(&self, to: &ReplyTo, outcome: Result<Json, (i32, String)>) {
        if self.outgoing.try_send(wire::encode_response(&to.0, outcome)).is_err() {
            debug!("an answer could not be sent: the connection ended or is jammed");
        }
    }

    /// Ends the connection, for all clones.
    pub fn close(&self, reason: String) {
        self.shared.end(reason);
    }

    /// Returns when the connection has ended, with the reason.
    pub async fn closed(&self) -> LinkError {
        self.shared.closed.cancelled().await;
        self.shared.end_reason()
    }
}

async fn write(mut sender: transport::Sender, mut queue: mpsc::Receiver<String>, shared: Arc<Shared>) {
    let work = async {
        while let Some(message) = queue.recv().await {
            sender.send(message).await?;
        }
        Ok::<(), String>(())
    };
    tokio::select! {
        () = shared.closed.cancelled() => {}
        outcome = work => if let Err(reason) = outcome {
            shared.end(reason);
        }
    }
}

async fn read(mut messages: transport::Messages, inbox: mpsc::Sender<Incoming>, shared: Arc<Shared>, clock: Clock) {
    let reason = loop {
        let message = tokio::select! {
            () = shared.closed.cancelled() => break "closed by us".to_owned(),
            message = messages.next() => message,
        };
        let received = clock.monotonic();
        let text = match message {
            None => break "Moonraker closed it".to_owned(),
            Some(Err(reason)) => break reason,
            Some(Ok(text)) => text,
        };
        let body = match wire::decode(&text) {
            Err(reason) => {
                debug!(reason, "a message was passed over");
                continue;
            }
            Ok(Message::Response { id, outcome }) => match shared.pending().remove(&id) {
                Some(Asker::InOrder) => {
                    let outcome = outcome.map_err(|refusal| (refusal.code(), refusal.message().to_owned()));
                    Body::Answer { ticket: Ticket(id), outcome }
                }
                Some(Asker::Waiting(asker)) => {
                    // Nobody listens any more where the asker gave up just now.
                    asker.send(outcome).ok();
                    continue;
                }
                None => continue,
            },
            Ok(Message::Notification { method, params }) => Body::Call { method, params, reply_to: None },
            Ok(Message::Request { id, method, params }) => Body::Call { method, params, reply_to: Some(ReplyTo(id)) },
        };
        let incoming = Incoming { received, body };
        match inbox.try_send(incoming) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => break "the agent did not keep up with its messages".to_owned(),
            Err(mpsc::error::TrySendError::Closed(_)) => break "closed by us".to_owned(),
        }
    };
    shared.end(reason);
}
