//! Who is let in: Moonraker's trusted clients, and whoever shows what Moonraker accepts. No list of users is kept here.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::{info, warn};

use super::SharedApp;
use super::body::Body;
use super::error::{Answer, Problem};
use super::trust::Trust;

/// The cookie's name.
const COOKIE_NAME: &str = "moonlapse_access";
/// How long a cookie holds.
const COOKIE_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// More cookies are not kept; the oldest goes.
const MOST_COOKIES: usize = 256;
/// How long Moonraker may take to say whether a key is right.
const PATIENCE: Duration = Duration::from_secs(5);
/// So many may show a key at a time; Moonraker shall not be held up by strangers.
const ASKING: usize = 8;
/// Moonraker's name for those whom it knows by their address only.
const BY_ADDRESS: &str = "_TRUSTED_USER_";

/// How somebody was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum By {
    Address,
    Credentials,
    Cookie,
}

/// The address that calls, as the connection or a proxy on this host says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller(pub(super) IpAddr);

/// What somebody shows for himself.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    key: Option<String>,
    token: Option<String>,
    jwt: Option<String>,
}

/// The cookies that were given out.
#[derive(Debug)]
pub(super) struct Doors {
    cookies: Mutex<HashMap<String, Instant>>,
    /// Asks Moonraker.
    client: Option<reqwest::Client>,
    /// Strangers that are asked about at a time.
    asking: Semaphore,
}

impl Doors {
    pub(super) fn new() -> Self {
        // Fails when another part of the agent has installed it before.
        rustls::crypto::ring::default_provider().install_default().ok();
        // A key is shown to Moonraker and to nobody that it may point to.
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        if let Err(problem) = &client {
            warn!(error = %problem, "nobody can log in to the page");
        }
        Self { cookies: Mutex::default(), client: client.ok(), asking: Semaphore::new(ASKING) }
    }

    /// Whether, and how, a request is let in.
    pub(super) async fn admit(
        &self,
        trust: &Trust,
        caller: IpAddr,
        headers: &HeaderMap,
        query: Option<&str>,
    ) -> Option<By> {
        if trust.covers(caller) {
            return Some(By::Address);
        }
        if cookie(headers).is_some_and(|cookie| self.knows(cookie)) {
            return Some(By::Cookie);
        }
        let shown = Credentials::of(headers, query)?;
        self.ask(trust, caller, &shown).await.ok().filter(|right| *right).map(|_| By::Credentials)
    }

    fn knows(&self, cookie: &str) -> bool {
        let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        cookies.get(cookie).is_some_and(|given| given.elapsed() < COOKIE_LIFE)
    }

    fn give(&self) -> Result<String, Problem> {
        let mut bytes = [0_u8; 32];
        let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
        if filled != Ok(bytes.len()) {
            return Err(Problem::failed("The system gives no random numbers"));
        }
        let cookie: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        cookies.retain(|_, given| given.elapsed() < COOKIE_LIFE);
        if cookies.len() >= MOST_COOKIES {
            let oldest = cookies.iter().min_by_key(|(_, given)| **given).map(|(cookie, _)| cookie.clone());
            oldest.map(|oldest| cookies.remove(&oldest));
        }
        cookies.insert(cookie.clone(), Instant::now());
        Ok(cookie)
    }

    fn forget(&self, cookie: &str) {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner).remove(cookie);
    }

    /// Asks Moonraker who this is. It answers for everybody whose address it trusts, so only a name counts.
    async fn ask(&self, trust: &Trust, caller: IpAddr, shown: &Credentials) -> Result<bool, Problem> {
        #[derive(Deserialize)]
        struct Reply {
            result: User,
        }
        #[derive(Deserialize)]
        struct User {
            username: Option<String>,
        }
        let _place = self.asking.try_acquire().map_err(|_| Problem::busy("Too many log in at once: try again"))?;
        let url = trust.http.as_ref().and_then(|base| base.join("access/user").ok());
        let (Some(mut url), Some(client)) = (url, &self.client) else {
            return Err(Problem::unavailable("Moonraker is away, so nobody can say whether the key is right"));
        };
        if let Some(token) = &shown.token {
            url.query_pairs_mut().append_pair("token", token);
        }
        // A one-shot token is bound to the address that asked for it.
        let mut request = client.get(url).timeout(PATIENCE).header("X-Real-IP", caller.to_string());
        if let Some(key) = &shown.key {
            request = request.header("X-Api-Key", sensitive(key)?);
        }
        if let Some(jwt) = &shown.jwt {
            request = request.header(AUTHORIZATION, sensitive(&format!("Bearer {jwt}"))?);
        }
        let reply = request.send().await.map_err(|problem| {
            warn!(error = %problem.without_url(), "Moonraker does not say whether a key is right");
            Problem::unavailable("Moonraker does not answer, so nobody can say whether the key is right")
        })?;
        if !reply.status().is_success() {
            return Ok(false);
        }
        let user = reply.json::<Reply>().await.ok().and_then(|reply| reply.result.username);
        Ok(user.is_some_and(|name| name != BY_ADDRESS))
    }
}

impl Credentials {
    fn of(headers: &HeaderMap, query: Option<&str>) -> Option<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let bearer = text("authorization").and_then(|value| Some(value.strip_prefix("Bearer ")?.to_owned()));
        let in_query = |query: &str| {
            url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "token").map(|(_, v)| v.into_owned())
        };
        let token = query.and_then(in_query);
        let shown = Self { key: text("x-api-key"), token, jwt: bearer };
        (shown.key.is_some() || shown.token.is_some() || shown.jwt.is_some()).then_some(shown)
    }
}

fn sensitive(text: &str) -> Answer<HeaderValue> {
    let mut value = HeaderValue::from_str(text).map_err(|_| Problem::invalid("No key looks like this"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|line| line.split(';')).find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == COOKIE_NAME).then_some(value)
    })
}

#[derive(Serialize)]
pub(super) struct Access {
    allowed: bool,
    by: Option<By>,
    moonraker: bool,
}

/// `GET /api/access`
pub(super) async fn show(
    State(app): State<SharedApp>,
    Extension(Caller(caller)): Extension<Caller>,
    headers: HeaderMap,
) -> Json<Access> {
    let setup = app.board.setup();
    // A token is good for one request; this one is none to spend it on.
    let by = app.doors.admit(&setup.trust, caller, &headers, None).await;
    Json(Access { allowed: by.is_some(), by, moonraker: setup.link.is_some() })
}

/// `POST /api/access`
pub(super) async fn enter(
    State(app): State<SharedApp>,
    Extension(Caller(caller)): Extension<Caller>,
    Body(shown): Body<Credentials>,
) -> Answer<Response> {
    let setup = app.board.setup();
    if shown.key.is_none() && shown.token.is_none() && shown.jwt.is_none() {
        return Err(Problem::invalid("Give a key, a token or a jwt"));
    }
    let by_address = setup.trust.covers(caller);
    if !by_address && !app.doors.ask(&setup.trust, caller, &shown).await? {
        warn!(%caller, "a wrong key for the page");
        return Err(Problem::unauthorized());
    }
    info!(%caller, "let in by a key");
    let cookie = app.doors.give()?;
    let life = COOKIE_LIFE.as_secs();
    let cookie = format!("{COOKIE_NAME}={cookie}; HttpOnly; SameSite=Strict; Path=/; Max-Age={life}");
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response())
}

/// `DELETE /api/access`
pub(super) async fn leave(State(app): State<SharedApp>, headers: HeaderMap) -> Response {
    if let Some(cookie) = cookie(&headers) {
        app.doors.forget(cookie);
    }
    let cookie = format!("{COOKIE_NAME}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_and_forgotten() {
        let doors = Doors::new();
        let given = doors.give().unwrap();
        assert_ne!(given, doors.give().unwrap());
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(&format!("a=b; {COOKIE_NAME}={given}")).unwrap());
        assert!(cookie(&headers).is_some_and(|cookie| doors.knows(cookie)));
        doors.forget(&given);
        assert!(!doors.knows(&given) && !doors.knows(""));
    }

    #[test]
    fn only_so_many_cookies_are_kept() {
        let doors = Doors::new();
        let first = doors.give().unwrap();
        (0..MOST_COOKIES).for_each(|_| drop(doors.give().unwrap()));
        assert!(!doors.knows(&first));
        assert_eq!(doors.cookies.lock().unwrap().len(), MOST_COOKIES);
    }
}
