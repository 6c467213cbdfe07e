//! Mainsail and Fluidd on a websocket: what each makes of the events. Their forms are tested in `tests/shim`.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

const LIMIT: Duration = Duration::from_secs(120);

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ui {
    Mainsail,
    Fluidd,
}

/// What somebody sees on the timelapse page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Frames of the print; the page shows buttons and picture when there are any.
    pub(crate) frames: i64,
    /// The newest frame's file.
    pub(crate) file: String,
    /// A film is being made.
    pub(crate) rendering: bool,
    /// What popped up.
    pub(crate) toasts: Vec<String>,
    /// The files of the root `timelapse`, without hidden ones.
    pub(crate) films: BTreeSet<String>,
}

impl Seen {
    fn event(&mut self, ui: Ui, event: &Value) {
        let (action, status) = (event["action"].as_str(), event["status"].as_str());
        match (action, status, ui) {
            (Some("newframe"), Some("error"), Ui::Fluidd) => self.toasts.push("newframe".to_owned()),
            (Some("newframe"), ..) => {
                let number = event["frame"].as_str().and_then(|text| text.parse().ok());
                self.frames = number.unwrap_or_else(|| panic!("the page shows NaN frames: {event}"));
                self.file = event["framefile"].as_str().unwrap_or_else(|| panic!("no file: {event}")).to_owned();
                if ui == Ui::Fluidd {
                    self.rendering = false;
                }
            }
            (Some("render"), Some("error"), Ui::Mainsail) => {
                self.toasts.push(event["msg"].as_str().unwrap_or_else(|| panic!("no reason: {event}")).to_owned());
                self.rendering = false;
            }
            (Some("render"), Some("success"), _) => {
                let film = event["filename"].as_str().unwrap_or_else(|| panic!("no film: {event}"));
                self.toasts.push(film.to_owned());
                self.rendering = false;
            }
            // Mainsail shows a bar only while there is progress.
            (Some("render"), Some(status), Ui::Mainsail) => self.rendering = status == "running",
            (Some("render"), Some("started" | "running"), Ui::Fluidd) => self.rendering = true,
            (Some("render"), ..) => {}
            _ => panic!("neither page knows {event}"),
        }
    }

    fn file(&mut self, change: &Value) {
        let path = |item: &Value| {
            let shown = item["root"] == "timelapse" && item["path"].as_str().is_some_and(|path| !path.starts_with('.'));
            shown.then(|| item["path"].as_str().unwrap_or_default().to_owned())
        };
        let (item, source) = (path(&change["item"]), path(&change["source_item"]));
        match change["action"].as_str() {
            Some("create_file" | "modify_file") => self.films.extend(item),
            Some("delete_file") => self.films.retain(|film| Some(film) != item.as_ref()),
            Some("move_file") => {
                self.films.retain(|film| Some(film) != source.as_ref());
                self.films.extend(item);
            }
            _ => {}
        }
    }
}

struct Call {
    method: String,
    params: Option<Value>,
    answer: oneshot::Sender<Result<Value, Value>>,
}

/// An open page; closed when dropped.
pub(crate) struct Page {
    pub(crate) ui: Ui,
    calls: mpsc::Sender<Call>,
    seen: watch::Receiver<Seen>,
    task: JoinHandle<()>,
}

impl Drop for Page {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Page {
    /// Opens it: connects, and asks for all that it shows.
    pub(crate) async fn open(ui: Ui, moonraker: &str) -> Self {
        let url = format!("{}/websocket", moonraker.replace("http://", "ws://"));
        let (socket, _) = connect_async(url).await.unwrap();
        let (calls, inbox) = mpsc::channel(8);
        let (seen_in, seen) = watch::channel(Seen::default());
        let task = tokio::spawn(serve(ui, socket, inbox, seen_in.clone()));
        let page = Self { ui, calls, seen, task };
        let name = if ui == Ui::Mainsail { "mainsail" } else { "fluidd" };
        let me = json!({"client_name": name, "version": "1", "type": "web", "url": "https://example.org"});
        page.call("server.connection.identify", me).await.unwrap();
        let info = page.call("server.info", json!({})).await.unwrap();
        assert!(info["components"].as_array().unwrap().contains(&json!("timelapse")), "no timelapse page");
        page.call("server.config", json!({})).await.unwrap();
        for root in info["registered_directories"].as_array().unwrap() {
            let listed = page.call("server.files.get_directory", json!({"path": root})).await.unwrap();
            if root == "timelapse" {
                seen_in.send_modify(|seen| seen.films = shown(&listed));
            }
        }
        // Fluidd sends no parameters where it has none.
        let none = (ui == Ui::Mainsail).then(|| json!({}));
        let settings = page.send("machine.timelapse.get_settings", none.clone()).await.unwrap();
        assert!(settings["blockedsettings"].is_array(), "{settings}");
        let last = page.send("machine.timelapse.lastframeinfo", none).await.unwrap();
        seen_in.send_modify(|seen| {
            seen.frames = last["framecount"].as_i64().unwrap();
            seen.file = last["lastframefile"].as_str().unwrap().to_owned();
        });
        page
    }

    /// Calls a method; the error is Moonraker's, and never one that shows the printer as broken.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Result<Value, Value> {
        self.send(method, Some(params)).await
    }

    async fn send(&self, method: &str, params: Option<Value>) -> Result<Value, Value> {
        let (answer, result) = oneshot::channel();
        let call = Call { method: method.to_owned(), params, answer };
        self.calls.send(call).await.ok().unwrap();
        let result = tokio::time::timeout(LIMIT, result).await.unwrap().unwrap();
        assert!(result.as_ref().err().is_none_or(|error| error["code"] != 503), "{result:?}");
        assert!(result.as_ref().ok().is_none_or(|answer| !answer.is_null()), "Fluidd fails over null: {method}");
        result
    }

    /// Presses a button.
    pub(crate) async fn press(&self, button: &str) -> Result<Value, Value> {
        let params = (self.ui == Ui::Mainsail).then(|| json!({}));
        self.send(&format!("machine.timelapse.{button}"), params).await
    }

    /// What it shows now.
    pub(crate) fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Waits until it shows something.
    pub(crate) async fn wait(&self, what: &str, holds: impl Fn(&Seen) -> bool) -> Seen {
        let mut seen = self.seen.clone();
        let found = tokio::time::timeout(LIMIT, seen.wait_for(|seen| holds(seen))).await;
        match found {
            Ok(found) => found.unwrap().clone(),
            Err(_) => panic!("{:?} waited in vain for {what}: {:?}", self.ui, self.seen()),
        }
    }
}

/// What a list of files shows.
pub(crate) fn shown(listed: &Value) -> BTreeSet<String> {
    let names = listed["files"].as_array().unwrap().iter().map(|file| file["filename"].as_str().unwrap().to_owned());
    names.filter(|name| !name.starts_with('.')).collect()
}

async fn serve(
    ui: Ui,
    mut socket: tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>,
    mut inbox: mpsc::Receiver<Call>,
    seen: watch::Sender<Seen>,
) {
    let mut pending: HashMap<u64, oneshot::Sender<Result<Value, Value>>> = HashMap::new();
    let mut id = 0;
    loop {
        tokio::select! {
            call = inbox.recv() => {
                let Some(Call { method, params, answer }) = call else { return };
                id += 1;
                pending.insert(id, answer);
                let mut request = json!({"jsonrpc": "2.0", "method": method, "id": id});
                if let Some(params) = params {
                    request["params"] = params;
                }
                socket.send(Message::text(request.to_string())).await.unwrap();
            }
            message = socket.next() => {
                let Some(Ok(Message::Text(text))) = message else {
                    if matches!(message, Some(Ok(_))) { continue } else { return }
                };
                let mut message: Value = serde_json::from_str(&text).unwrap();
                if let Some(answer) = message["id"].as_u64().and_then(|id| pending.remove(&id)) {
                    let result = match message.get_mut("error") {
                        Some(error) => Err(error.take()),
                        None => Ok(message["result"].take()),
                    };
                    answer.send(result).ok();
                } else if message["method"] == "notify_timelapse_event" {
                    seen.send_modify(|seen| seen.event(ui, &message["params"][0]));
                } else if message["method"] == "notify_filelist_changed" {
                    seen.send_modify(|seen| seen.file(&message["params"][0]));
                }
            }
        }
    }
}
