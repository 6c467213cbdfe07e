//! JSON-RPC 2.0 messages, as Moonraker writes them.

use jsonrpsee_types::{ErrorObjectOwned, Id};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// One message from Moonraker.
#[derive(Debug)]
pub(super) enum Message {
    /// The answer to one of our requests.
    Response { id: u64, outcome: Result<Json, ErrorObjectOwned> },
    /// Somebody asks us something (`server.extensions.request`).
    Request { id: Id<'static>, method: String, params: Json },
    /// An event, or a remote method that Klipper called.
    Notification { method: String, params: Json },
}

/// Absent and `null` differ for `result` only by the presence of `error`, so plain options do.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Option<Id<'a>>,
    method: Option<String>,
    #[serde(default)]
    params: Json,
    #[serde(default)]
    result: Json,
    error: Option<ErrorObjectOwned>,
}

/// Reads one message; the sentence of an error is for the log.
pub(super) fn decode(text: &str) -> Result<Message, String> {
    let envelope: Envelope = serde_json::from_str(text).map_err(|e| e.to_string())?;
    match (envelope.method, envelope.id) {
        (Some(method), Some(id)) if id != Id::Null => {
            Ok(Message::Request { id: id.into_owned(), method, params: envelope.params })
        }
        (Some(method), _) => Ok(Message::Notification { method, params: envelope.params }),
        (None, Some(Id::Number(id))) => {
            let outcome = envelope.error.map_or(Ok(envelope.result), Err);
            Ok(Message::Response { id, outcome })
        }
        (None, id) => {
            let said = envelope.error.map_or_else(|| "nothing".to_owned(), |e| e.message().to_owned());
            Err(format!("answer to a request that we did not make (id {id:?}): {said}"))
        }
    }
}

/// A request, or a notification where `id` is `None`.
pub(super) fn encode_request(id: Option<u64>, method: &str, params: &Json) -> String {
    let mut message = json!({"jsonrpc": "2.0", "method": method});
    if !params.is_null() {
        message["params"] = params.clone();
    }
    if let Some(id) = id {
        message["id"] = id.into();
    }
    message.to_string()
}

/// The answer to a request that we were sent.
pub(super) fn encode_response(id: &Id<'_>, outcome: Result<Json, (i32, String)>) -> String {
    match outcome {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err((code, message)) => json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}),
    }
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remote_methods_without_parameters_are_notifications() {
        let message = decode(r#"{"jsonrpc": "2.0", "method": "timelapse_saveFrames"}"#).unwrap();
        assert!(
            matches!(&message, Message::Notification { method, params } if method == "timelapse_saveFrames" && params.is_null()),
            "{message:?}"
        );
    }

    #[test]
    fn answers_and_errors_find_their_request() {
        let message = decode(r#"{"jsonrpc": "2.0", "result": null, "id": 7}"#).unwrap();
        assert!(matches!(message, Message::Response { id: 7, outcome: Ok(Json::Null) }));
        let message = decode(r#"{"jsonrpc":"2.0","error":{"code":400,"message":"no"},"id":8}"#).unwrap();
        assert!(
            matches!(message, Message::Response { id: 8, outcome: Err(e) } if e.code() == 400 && e.message() == "no")
        );
    }

    #[test]
    fn requests_keep_their_id_whatever_its_type() {
        let message = decode(r#"{"jsonrpc":"2.0","method":"timelapse.render","id":"a"}"#).unwrap();
        let Message::Request { id, .. } = message else { panic!("{message:?}") };
        assert_eq!(encode_response(&id, Ok(json!({"ok": true}))), r#"{"jsonrpc":"2.0","id":"a","result":{"ok":true}}"#);
    }

    #[test]
    fn junk_is_an_error_and_not_a_panic() {
        for junk in
            ["", "[]", "{}", "\u{0}", r#"{"id":null,"error":{"code":1,"message":"x"}}"#, r#"{"id":-1,"result":1}"#]
        {
            assert!(decode(junk).is_err(), "{junk}");
        }
    }
}
