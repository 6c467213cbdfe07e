//! Text messages over a unix socket or a websocket.

use std::io;
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_util::codec::{AnyDelimiterCodec, FramedRead};

use super::endpoint::Endpoint;
use super::error::LinkError;

/// Ends each message on Moonraker's unix socket.
const END_OF_MESSAGE: u8 = 0x03;
/// Moonraker's own limit for one message on its unix socket.
const MAX_MESSAGE: usize = 20 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What Moonraker sends, in order; an error or the end closes the connection.
pub(super) type Messages = BoxStream<'static, Result<String, String>>;

/// The sending half.
pub(super) enum Sender {
    Unix(OwnedWriteHalf),
    WebSocket(futures_util::stream::SplitSink<WebSocket, Message>),
}

type WebSocket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

impl Sender {
    pub(super) async fn send(&mut self, text: String) -> Result<(), String> {
        match self {
            Self::Unix(socket) => {
                let mut bytes = text.into_bytes();
                bytes.push(END_OF_MESSAGE);
                socket.write_all(&bytes).await.map_err(|e| e.to_string())
            }
            Self::WebSocket(sink) => sink.send(Message::text(text)).await.map_err(|e| e.to_string()),
        }
    }
}

/// Opens the connection.
pub(super) async fn connect(endpoint: &Endpoint) -> Result<(Sender, Messages), LinkError> {
    let attempt = async {
        match endpoint {
            Endpoint::Unix(path) => {
                let stream = UnixStream::connect(path).await;
                let stream = stream.map_err(|source| LinkError::Connect { endpoint: endpoint.to_string(), source })?;
                Ok(unix(stream))
            }
            Endpoint::WebSocket { url, api_key } => websocket(endpoint, url.as_str(), api_key.as_deref()).await,
        }
    };
    tokio::time::timeout(CONNECT_TIMEOUT, attempt).await.unwrap_or_else(|_| {
        let source = io::Error::new(io::ErrorKind::TimedOut, "no answer within 10 s");
        Err(LinkError::Connect { endpoint: endpoint.to_string(), source })
    })
}

fn unix(stream: UnixStream) -> (Sender, Messages) {
    let (read, write) = stream.into_split();
    let codec = AnyDelimiterCodec::new_with_max_length(vec![END_OF_MESSAGE], Vec::new(), MAX_MESSAGE);
    let messages = FramedRead::new(read, codec).map(|frame| {
        let bytes = frame.map_err(|e| e.to_string())?;
        String::from_utf8(bytes.to_vec()).map_err(|e| e.to_string())
    });
    (Sender::Unix(write), messages.boxed())
}

async fn websocket(endpoint: &Endpoint, url: &str, api_key: Option<&str>) -> Result<(Sender, Messages), LinkError> {
    let refused = |reason: String| LinkError::Handshake { endpoint: endpoint.to_string(), reason };
    let mut request = url.into_client_request().map_err(|e| refused(e.to_string()))?;
    if let Some(key) = api_key {
        let key = HeaderValue::from_str(key).map_err(|_| refused("the API key holds strange characters".to_owned()))?;
        request.headers_mut().insert("X-Api-Key", key);
    }
    // Only one TLS provider is linked in; a second call finds it installed.
    rustls::crypto::ring::default_provider().install_default().ok();
    let config = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
    let (socket, _) = tokio_tungstenite::connect_async_with_config(request, Some(config), true).await.map_err(
        |error| match error {
            tungstenite::Error::Io(source) => LinkError::Connect { endpoint: endpoint.to_string(), source },
            tungstenite::Error::Http(answer) => refused(format!("HTTP status {}", answer.status())),
            other => refused(other.to_string()),
        },
    )?;
    let (sink, stream) = socket.split();
    let messages = stream.filter_map(|message| async {
        match message {
            Ok(Message::Text(text)) => Some(Ok(text.to_string())),
            // Pings are answered by tungstenite; Moonraker sends no binary messages.
            Ok(_) => None,
            Err(error) => Some(Err(error.to_string())),
        }
    });
    Ok((Sender::WebSocket(sink), messages.boxed()))
}
