//! The link against a server of the test's own: order, answers, faults.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]
use std::path::Path;
use std::time::Duration;

use moonlapse::clock::Clock;
use moonlapse::moonraker::{Body, Endpoint, Inbox, Link, LinkError};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// The far end of a link over the unix socket.
struct Server {
    stream: BufReader<UnixStream>,
}

impl Server {
    async fn read(&mut self) -> Json {
        let mut bytes = Vec::new();
        self.stream.read_until(3, &mut bytes).await.unwrap();
        assert_eq!(bytes.pop(), Some(3), "the link closed");
        serde_json::from_slice(&bytes).unwrap()
    }

    async fn write(&mut self, message: Json) {
        self.write_raw(format!("{message}\u{3}").as_bytes()).await;
    }

    async fn write_raw(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).await.unwrap();
    }
}

async fn linked(dir: &Path) -> (Link, Inbox, Server) {
    let path = dir.join("moonraker.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let endpoint = Endpoint::Unix(path);
    let (link, accepted) = tokio::join!(Link::connect(&endpoint, Clock::real()), listener.accept());
    let (link, inbox) = link.unwrap();
    (link, inbox, Server { stream: BufReader::new(accepted.unwrap().0) })
}

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn answers_reach_their_askers_in_any_order() {
    let dir = tempfile::tempdir().unwrap();
    let (link, _inbox, mut server) = linked(dir.path()).await;
    let asked = tokio::spawn(async move {
        tokio::join!(link.request("first", json!({"n": 1}), LONG), link.request("second", Json::Null, LONG))
    });
    let (one, two) = (server.read().await, server.read().await);
    assert_eq!(one["params"], json!({"n": 1}));
    assert!(two.get("params").is_none(), "{two}");
    server.write(json!({"jsonrpc": "2.0", "id": two["id"], "error": {"code": 503, "message": "gone"}})).await;
    server.write(json!({"jsonrpc": "2.0", "id": one["id"], "result": "ok"})).await;
    let (first, second) = asked.await.unwrap();
    assert_eq!(first.unwrap(), "ok");
    assert!(second.unwrap_err().is_klipper_away());
}

#[tokio::test]
async fn everything_unasked_arrives_in_order_between_strange_messages() {
    let dir = tempfile::tempdir().unwrap();
    let (link, mut inbox, mut server) = linked(dir.path()).await;
    server.write(json!({"jsonrpc": "2.0", "method": "notify_status_update", "params": [{}, 1.0]})).await;
    server.write_raw(b"not json\x03\x03").await;
    server.write(json!({"jsonrpc": "2.0", "id": 999, "result": "nobody asked"})).await;
    server.write(json!({"jsonrpc": "2.0", "method": "timelapse_newframe", "params": {"eta": 0.5}})).await;
    server.write(json!({"jsonrpc": "2.0", "method": "timelapse.render", "params": {}, "id": 5})).await;
    let mut methods = Vec::new();
    for _ in 0..3 {
        let Body::Call { method, reply_to, .. } = inbox.recv().await.unwrap().body else { panic!("an answer") };
        methods.push(method);
        if let Some(to) = reply_to {
            link.reply(&to, Ok(json!({"started": true})));
        }
    }
    assert_eq!(methods, ["notify_status_update", "timelapse_newframe", "timelapse.render"]);
    assert_eq!(server.read().await, json!({"jsonrpc": "2.0", "id": 5, "result": {"started": true}}));
}

#[tokio::test]
async fn an_answer_in_order_keeps_its_place_between_notifications() {
    let dir = tempfile::tempdir().unwrap();
    let (link, mut inbox, mut server) = linked(dir.path()).await;
    let asked = link.ask("printer.objects.subscribe", &json!({"objects": {}})).unwrap();
    let id = server.read().await["id"].clone();
    server.write(json!({"jsonrpc": "2.0", "method": "before"})).await;
    server.write(json!({"jsonrpc": "2.0", "id": id, "result": {"status": {}}})).await;
    server.write(json!({"jsonrpc": "2.0", "method": "after"})).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(match inbox.recv().await.unwrap().body {
            Body::Call { method, .. } => method,
            Body::Answer { ticket, outcome } => format!("{} {}", ticket == asked, outcome.unwrap()),
        });
    }
    assert_eq!(seen, ["before", r#"true {"status":{}}"#, "after"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_times_out_and_its_late_answer_is_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let (link, _inbox, mut server) = linked(dir.path()).await;
    let error = link.request("printer.gcode.script", json!({"script": "M109"}), LONG).await.unwrap_err();
    assert!(matches!(error, LinkError::Timeout { .. }), "{error}");
    let id = server.read().await["id"].clone();
    server.write(json!({"jsonrpc": "2.0", "id": id, "result": "late"})).await;
    let asked = tokio::spawn(async move { link.request("server.info", Json::Null, LONG).await });
    let id = server.read().await["id"].clone();
    server.write(json!({"jsonrpc": "2.0", "id": id, "result": 2})).await;
    assert_eq!(asked.await.unwrap().unwrap(), 2);
}

#[tokio::test]
async fn a_lost_connection_fails_waiting_and_later_requests_and_ends_the_inbox() {
    let dir = tempfile::tempdir().unwrap();
    let (link, mut inbox, mut server) = linked(dir.path()).await;
    let waiting = tokio::spawn({
        let link = link.clone();
        async move { link.request("server.info", Json::Null, LONG).await }
    });
    server.read().await;
    drop(server);
    assert!(matches!(waiting.await.unwrap(), Err(LinkError::Closed(_))));
    assert!(inbox.recv().await.is_none());
    assert!(link.closed().await.to_string().contains("Moonraker closed it"));
    assert!(matches!(link.request("server.info", Json::Null, LONG).await, Err(LinkError::Closed(_))));
}

#[tokio::test]
async fn an_agent_that_does_not_read_is_cut_off_instead_of_growing_without_bound() {
    let dir = tempfile::tempdir().unwrap();
    let (link, inbox, mut server) = linked(dir.path()).await;
    let message = format!("{}\u{3}", json!({"jsonrpc": "2.0", "method": "notify_gcode_response", "params": ["x"]}));
    server.write_raw(message.repeat(1100).as_bytes()).await;
    assert!(link.closed().await.to_string().contains("did not keep up"));
    assert_eq!(inbox.len(), 1024);
}

#[tokio::test]
async fn nobody_at_the_address_is_told_with_the_address() {
    let endpoint: Endpoint = "/nonexistent/moonraker.sock".parse().unwrap();
    let error = Link::connect(&endpoint, Clock::real()).await.unwrap_err().to_string();
    assert!(error.starts_with("Moonraker does not answer at /nonexistent/moonraker.sock"), "{error}");
}

#[tokio::test]
async fn the_websocket_carries_the_key_and_the_same_messages() {
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut seen = None;
        #[allow(clippy::result_large_err, reason = "tungstenite's own signature")]
        let note = |request: &Request, response: Response| {
            seen = request.headers().get("X-Api-Key").map(|k| k.to_str().unwrap().to_owned());
            Ok(response)
        };
        let mut socket = tokio_tungstenite::accept_hdr_async(stream, note).await.unwrap();
        let asked: Json = serde_json::from_str(socket.next().await.unwrap().unwrap().to_text().unwrap()).unwrap();
        let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"connection_id": 1}}).to_string();
        socket.send(Message::text(answer)).await.unwrap();
        (seen, asked)
    });
    let endpoint: Endpoint = format!("http://{address}").parse().unwrap();
    let endpoint = endpoint.with_api_key(Some("k3y".to_owned()));
    let (link, _inbox) = Link::connect(&endpoint, Clock::real()).await.unwrap();
    link.identify(&endpoint).await.unwrap();
    let (key, asked) = server.await.unwrap();
    assert_eq!(key.as_deref(), Some("k3y"));
    assert_eq!(asked["params"]["type"], "agent");
    assert_eq!(asked["params"]["api_key"], "k3y");
}
