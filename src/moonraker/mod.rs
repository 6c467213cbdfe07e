//! JSON-RPC over unix socket or websocket: one ordered stream of incoming messages.
