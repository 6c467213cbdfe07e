//! Who gets in, and from where.

use reqwest::StatusCode;
use reqwest::header::{COOKIE, HOST, ORIGIN, SET_COOKIE};
use serde_json::{Value, json};

use crate::house::{House, KEY, TOKEN};

const CALLS: [&str; 6] =
    ["/api/state", "/api/events", "/api/settings", "/api/sessions", "/api/cameras/0/latest.jpg", "/api/log"];

async fn status(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
}

#[tokio::test]
async fn a_stranger_gets_nothing_but_the_page_itself() {
    let house = House::new(json!(["10.0.0.0/8"])).await;
    for call in CALLS {
        let (status, body) = status(house.client.get(house.url(call))).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{call}");
        assert_eq!(body["error"], "unauthorized", "{call}");
    }
    let (answer, _) = status(house.client.patch(house.url("/api/settings")).json(&json!({"values": {}}))).await;
    assert_eq!(answer, StatusCode::UNAUTHORIZED);
    assert_eq!(house.json("/api/access").await, json!({"allowed": false, "by": null, "moonraker": false}));
    assert_eq!(house.get("/").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_address_counts_as_moonraker_has_it() {
    let house = House::new(json!(["127.0.0.1", "192.168.1.0/24"])).await;
    assert_eq!(house.json("/api/access").await["by"], "address");
    // A proxy on this host speaks for others.
    for (address, right) in [("192.168.1.7", true), ("192.168.2.7", false), ("8.8.8.8", false), ("nonsense", false)] {
        for header in ["x-real-ip", "x-forwarded-for"] {
            let (answer, _) = status(house.client.get(house.url("/api/state")).header(header, address)).await;
            let wanted = if right { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
            assert_eq!(answer, wanted, "{header}: {address}");
        }
    }
}

#[tokio::test]
async fn what_moonraker_accepts_is_accepted_and_nothing_else() {
    let house = House::new(json!([])).await;
    let get = |path: &str| house.client.get(house.url(path));
    assert_eq!(status(get("/api/state").header("x-api-key", KEY)).await.0, StatusCode::OK);
    assert_eq!(status(get("/api/state").header("x-api-key", "wrong")).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(status(get("/api/state").bearer_auth("jwt")).await.0, StatusCode::OK);
    // Moonraker answers as to somebody it trusts by address, which proves nothing.
    assert_eq!(status(get("/api/state").bearer_auth("wrong")).await.0, StatusCode::UNAUTHORIZED);
    let with_token = format!("/api/state?token={TOKEN}");
    assert_eq!(status(get(&with_token)).await.0, StatusCode::OK);
    assert_eq!(status(get(&with_token)).await.0, StatusCode::UNAUTHORIZED, "a token is good once");
    assert_eq!(status(get("/api/state?token=a%0d%0ab")).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_key_buys_a_cookie_until_it_is_given_back() {
    let house = House::new(json!([])).await;
    let enter = |body: Value| status(house.client.post(house.url("/api/access")).json(&body));
    assert_eq!(enter(json!({"key": "wrong"})).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(enter(json!({})).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(enter(json!({"key": "a\nb"})).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let answer = house.client.post(house.url("/api/access")).json(&json!({"key": KEY})).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let cookie = answer.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let get = || house.client.get(house.url("/api/state")).header(COOKIE, &cookie);
    assert_eq!(status(get()).await.0, StatusCode::OK);
    house.client.delete(house.url("/api/access")).header(COOKIE, &cookie).send().await.unwrap();
    assert_eq!(status(get()).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_name_that_is_not_ours_is_refused() {
    let house = House::open().await;
    for path in ["/", "/api/state", "/api/access"] {
        let (answer, body) = status(house.client.get(house.url(path)).header(HOST, "evil.example.com")).await;
        assert_eq!((answer, &body["error"]), (StatusCode::FORBIDDEN, &json!("forbidden")), "{path}");
        let (answer, _) = status(house.client.get(house.url(path)).header(HOST, "voron.local:7190")).await;
        assert_eq!(answer, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn pages_of_other_sites_can_do_nothing() {
    let house = House::open().await;
    let own = format!("http://{}", house.at);
    let patch = || house.client.patch(house.url("/api/settings")).json(&json!({"values": {}}));
    assert_eq!(status(patch().header(ORIGIN, &own)).await.0, StatusCode::OK);
    for origin in ["http://evil.example.com", "null", "http://127.0.0.1", "http://127.0.0.1:1"] {
        assert_eq!(status(patch().header(ORIGIN, origin)).await.0, StatusCode::FORBIDDEN, "{origin}");
    }
    let get = || house.client.get(house.url("/api/cameras/0/latest.jpg"));
    assert_eq!(status(get().header("sec-fetch-site", "cross-site")).await.0, StatusCode::FORBIDDEN);
    // A form of another site can only send such bodies.
    let form = house.client.patch(house.url("/api/settings")).header("content-type", "text/plain");
    assert_eq!(status(form.body("{\"values\": {}}")).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let asked = house.client.request(reqwest::Method::OPTIONS, house.url("/api/settings"));
    let answer = asked.header(ORIGIN, "http://evil.example.com").send().await.unwrap();
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn every_answer_says_what_browsers_may_do_with_it() {
    let house = House::open().await;
    for path in ["/", "/nothing", "/api/state", "/api/nothing", "/api/cameras/0/latest.jpg"] {
        let answer = house.get(path).await;
        let header = |name: &str| answer.headers().get(name).map(|v| v.to_str().unwrap()).unwrap_or_default();
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin", "{path}");
        assert!(header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        if path.starts_with("/api") {
            assert!(!header("cache-control").is_empty(), "{path}");
        }
    }
}
