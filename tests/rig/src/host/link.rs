//! The driver's own line to Moonraker: JSON-RPC over its unix socket, with a running picture of the printer.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::machine::monotonic;

/// Ends each message, both ways.
const END: u8 = 0x03;

/// How often the socket is tried while Moonraker is away, and Klipper's state asked for while it is not ready; nothing
/// tells about either.
const RETRY: Duration = Duration::from_millis(100);

/// What is subscribed to.
const OBJECTS: [&str; 15] = [
    "webhooks",
    "print_stats",
    "virtual_sdcard",
    "gcode_move",
    "toolhead",
    "motion_report",
    "extruder",
    "heater_bed",
    "pause_resume",
    "idle_timeout",
    "display_status",
    "exclude_object",
    "gcode_macro TIMELAPSE_TAKE_FRAME",
    "gcode_macro _TIMELAPSE_WATCH",
    "fan",
];

/// Something that happened, with its time in seconds on `CLOCK_MONOTONIC`.
#[derive(Clone, Debug)]
pub struct Stamped {
    /// When it was heard of.
    pub at: f64,
    /// What.
    pub text: String,
}

/// The printer as Moonraker tells it.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Whether Moonraker is there.
    pub connected: bool,
    /// Klipper's state: `ready` (with `objects` filled), `startup`, `error`, `shutdown` or `disconnected`.
    pub klippy: String,
    /// The subscribed objects by name; their last known values while Klipper is away.
    pub objects: Map<String, Value>,
    /// Each change of `print_stats.state` since the rig's start.
    pub print_states: Vec<Stamped>,
    /// Each line on the console since the rig's start.
    pub console: Vec<Stamped>,
    /// Each event of the timelapse component since the rig's start, as Mainsail and Fluidd get it.
    pub timelapse_events: Vec<Value>,
}

impl Status {
    /// A value of an object, such as `get("toolhead", "homed_axes")`; `Null` when it is not there.
    #[must_use]
    pub fn get(&self, object: &str, field: &str) -> &Value {
        self.objects.get(object).map_or(&Value::Null, |object| &object[field])
    }

    /// `print_stats.state`, or the empty text.
    #[must_use]
    pub fn print_state(&self) -> &str {
        self.get("print_stats", "state").as_str().unwrap_or_default()
    }

    fn merge(&mut self, update: &Value) {
        let before = self.print_state().to_owned();
        for (name, fields) in update.as_object().into_iter().flatten() {
            let object = self.objects.entry(name.clone()).or_insert_with(|| json!({}));
            for (field, value) in fields.as_object().into_iter().flatten() {
                object[field] = value.clone();
            }
        }
        if self.print_state() != before {
            self.print_states.push(Stamped { at: monotonic(), text: self.print_state().to_owned() });
        }
    }
}

struct Call {
    method: String,
    params: Value,
    reply: oneshot::Sender<anyhow::Result<Value>>,
}

/// The line; it connects again and again until dropped.
#[derive(Debug)]
pub(super) struct Link {
    calls: mpsc::Sender<Call>,
    status: watch::Receiver<Status>,
    task: JoinHandle<()>,
}

impl Link {
    pub(super) fn open(socket: &Path) -> Self {
        let (calls, inbox) = mpsc::channel(16);
        let (status, watcher) = watch::channel(Status::default());
        let task = tokio::spawn(Task { socket: socket.to_owned(), inbox, status }.run());
        Self { calls, status: watcher, task }
    }

    pub(super) async fn call(&self, method: &str, params: Value, limit: Duration) -> anyhow::Result<Value> {
        let (reply, answer) = oneshot::channel();
        let work = async {
            self.calls.send(Call { method: method.to_owned(), params, reply }).await.map_err(|_| anyhow!("no link"))?;
            answer.await.context("the connection was lost")?
        };
        let done = tokio::time::timeout(limit, work).await;
        done.map_err(|_| anyhow!("no answer within {limit:?}")).flatten().with_context(|| format!("calling {method}"))
    }

    pub(super) fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Task {
    socket: PathBuf,
    inbox: mpsc::Receiver<Call>,
    status: watch::Sender<Status>,
}

impl Task {
    async fn run(mut self) {
        loop {
            if let Ok(stream) = UnixStream::connect(&self.socket).await {
                self.status.send_modify(|status| status.connected = true);
                if let Err(error) = self.serve(stream).await {
                    tracing::debug!(%error, "the rig's line to Moonraker ended");
                }
                self.status.send_modify(|status| {
                    status.connected = false;
                    "disconnected".clone_into(&mut status.klippy);
                });
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Serves one connection until it ends.
    async fn serve(&mut self, stream: UnixStream) -> anyhow::Result<()> {
        let (read, write) = stream.into_split();
        let mut connection = Connection { write, next_id: 0, pending: HashMap::new(), info: None, subscription: None };
        let (messages, mut incoming) = mpsc::channel(64);
        // Reading a message is not cancel safe, so it has a task of its own.
        let reader = AbortOnDrop(tokio::spawn(read_messages(read, messages)));
        connection.ask_info().await?;
        let mut poll = tokio::time::interval(RETRY);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let ready = self.status.borrow().klippy == "ready";
            tokio::select! {
                message = incoming.recv() => {
                    let Some(message) = message else { break };
                    self.take(&mut connection, message).await?;
                }
                call = self.inbox.recv() => {
                    let Some(call) = call else { break };
                    connection.send(&call.method, call.params, Some(call.reply)).await?;
                }
                _ = poll.tick(), if !ready => connection.ask_info().await?,
            }
        }
        drop(reader);
        Ok(())
    }

    async fn take(&mut self, connection: &mut Connection, message: Value) -> anyhow::Result<()> {
        if let Some(id) = message["id"].as_u64() {
            if connection.info == Some(id) {
                connection.info = None;
                let state = message["result"]["klippy_state"].as_str().unwrap_or_default();
                self.klippy_is(connection, state).await?;
            } else if connection.subscription == Some(id) {
                connection.subscription = None;
                // Klipper may have gone again; then the question for its state finds that.
                if message.get("result").is_some() {
                    self.status.send_modify(|status| {
                        status.merge(&message["result"]["status"]);
                        "ready".clone_into(&mut status.klippy);
                    });
                }
            } else if let Some(reply) = connection.pending.remove(&id) {
                let result = match message.get("error") {
                    Some(error) => Err(anyhow!("{}", error["message"].as_str().unwrap_or("an error without words"))),
                    None => Ok(message["result"].clone()),
                };
                // Who asked may have stopped waiting.
                drop(reply.send(result));
            }
            return Ok(());
        }
        match message["method"].as_str().unwrap_or_default() {
            "notify_klippy_ready" => self.klippy_is(connection, "ready").await?,
            "notify_klippy_shutdown" => self.klippy_is(connection, "shutdown").await?,
            "notify_klippy_disconnected" => self.klippy_is(connection, "disconnected").await?,
            "notify_status_update" => self.status.send_modify(|status| status.merge(&message["params"][0])),
            "notify_timelapse_event" => {
                self.status.send_modify(|status| status.timelapse_events.push(message["params"][0].clone()));
            }
            "notify_gcode_response" => self.status.send_modify(|status| {
                let text = message["params"][0].as_str().unwrap_or_default().to_owned();
                status.console.push(Stamped { at: monotonic(), text });
            }),
            _ => {}
        }
        Ok(())
    }

    async fn klippy_is(&mut self, connection: &mut Connection, state: &str) -> anyhow::Result<()> {
        if state == "ready" {
            if self.status.borrow().klippy != "ready" && connection.subscription.is_none() {
                connection.subscribe().await?;
            }
        } else {
            self.status.send_if_modified(|status| {
                let changed = status.klippy != state;
                state.clone_into(&mut status.klippy);
                changed
            });
        }
        Ok(())
    }
}

struct Connection {
    write: OwnedWriteHalf,
    next_id: u64,
    pending: HashMap<u64, oneshot::Sender<anyhow::Result<Value>>>,
    /// The question for Klipper's state that is on its way.
    info: Option<u64>,
    /// The subscription that is on its way.
    subscription: Option<u64>,
}

impl Connection {
    async fn send(
        &mut self,
        method: &str,
        params: Value,
        reply: Option<oneshot::Sender<anyhow::Result<Value>>>,
    ) -> anyhow::Result<u64> {
        self.next_id += 1;
        let mut bytes =
            json!({"jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params}).to_string().into_bytes();
        bytes.push(END);
        if let Some(reply) = reply {
            self.pending.insert(self.next_id, reply);
        }
        match tokio::time::timeout(Duration::from_secs(10), self.write.write_all(&bytes)).await {
            Ok(done) => done?,
            Err(_) => bail!("Moonraker does not read"),
        }
        Ok(self.next_id)
    }

    async fn ask_info(&mut self) -> anyhow::Result<()> {
        if self.info.is_none() {
            self.info = Some(self.send("server.info", json!({}), None).await?);
        }
        Ok(())
    }

    async fn subscribe(&mut self) -> anyhow::Result<()> {
        let objects: Map<String, Value> = OBJECTS.iter().map(|&name| (name.to_owned(), Value::Null)).collect();
        self.subscription = Some(self.send("printer.objects.subscribe", json!({"objects": objects}), None).await?);
        Ok(())
    }
}

async fn read_messages(read: OwnedReadHalf, messages: mpsc::Sender<Value>) {
    let mut read = BufReader::new(read);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match read.read_until(END, &mut bytes).await {
            Ok(length) if length > 0 && bytes.pop() == Some(END) => {}
            _ => return,
        }
        match serde_json::from_slice(&bytes) {
            Ok(message) => {
                if messages.send(message).await.is_err() {
                    return;
                }
            }
            Err(error) => tracing::warn!(%error, "Moonraker sent something that is no JSON"),
        }
    }
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
