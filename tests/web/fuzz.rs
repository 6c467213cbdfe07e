//! Whatever is asked, the answer is a sentence and the page goes on.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::house::House;

/// Calls with a place for anything.
const PATHS: &[(&str, &str)] = &[
    ("GET", "/api/state"),
    ("GET", "/api/log"),
    ("GET", "/api/settings"),
    ("PATCH", "/api/settings"),
    ("POST", "/api/settings/check"),
    ("POST", "/api/settings/import"),
    ("GET", "/api/settings/export"),
    ("GET", "/api/presets"),
    ("GET", "/api/sessions{}"),
    ("GET", "/api/sessions/{}"),
    ("DELETE", "/api/sessions/{}"),
    ("GET", "/api/sessions/{}/reels/{}/frames{}"),
    ("GET", "/api/sessions/{}/reels/{}/frames/{}"),
    ("GET", "/api/cameras/{}/latest.jpg"),
    ("PATCH", "/api/sessions/{}"),
    ("POST", "/api/sessions/{}/films"),
    ("GET", "/api/sessions/{}/archive.zip{}"),
    ("POST", "/api/sessions{}"),
    ("PATCH", "/api/sessions/{}/reels/{}/frames/{}"),
    ("GET", "/api/films{}"),
    ("GET", "/api/films/{}"),
    ("DELETE", "/api/films/{}"),
    ("GET", "/api/profiles"),
    ("GET", "/api/files"),
    ("GET", "/api/features"),
    ("POST", "/api/plans"),
    ("GET", "/api/plans/{}/layers/{}"),
    ("GET", "/api/drawings/{}/layers{}"),
    ("GET", "/api/print/plan"),
    ("GET", "/api/cameras"),
    ("GET", "/api/cameras/{}/picture.jpg"),
    ("POST", "/api/cameras/{}/probe"),
    ("POST", "/api/cameras/{}/light"),
    ("GET", "/api/pictures/{}"),
    ("GET", "/api/calibration"),
    ("POST", "/api/calibration"),
    ("GET", "/api/health"),
    ("GET", "/api/jobs"),
    ("DELETE", "/api/jobs/{}"),
    ("GET", "/api/access"),
    ("POST", "/api/access"),
    ("DELETE", "/api/access"),
    ("PUT", "/api/{}"),
    ("GET", "/api/{}"),
    ("GET", "/{}"),
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let names = "values|key|token|jwt|park|mode|file|settings|restrictions|profile|dropped|preview|[a-z]{1,6}";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names, inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// What stands in the place of `{}`.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,12}",
        "[0-9]{1,3}\\.jpg",
        "\\?(from|limit|before|token)=[-0-9a-z%]{0,9}",
        "(%[0-9a-fA-F]{2}|\\.|/|[a-z]){0,12}",
        "[!-~]{0,12}".prop_map(|text| text.replace(['#', ' ', '"', '<', '>', '`', '{', '}'], "")),
        Just("SESSION".to_owned()),
        Just("0".to_owned()),
    ]
}

#[test]
fn nothing_that_is_asked_breaks_the_page() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let house = runtime.block_on(House::open());
    let case =
        (prop::sample::select(PATHS), prop::collection::vec(piece(), 3), any_json(), any::<bool>(), any::<bool>());
    let mut runner = TestRunner::new(ProptestConfig { cases: 1200, ..ProptestConfig::default() });
    let outcome = runner.run(&case, |((method, path), pieces, body, with_type, as_text)| {
        let mut path = path.to_owned();
        for piece in pieces {
            path = path.replacen("{}", &piece.replace("SESSION", house.session.as_str()), 1);
        }
        // What the client itself refuses never gets there.
        let Ok(url) = reqwest::Url::parse(&house.url(&path)) else { return Ok(()) };
        // An endless answer, and the only session.
        if url.path() == "/api/events" || (method == "DELETE" && url.path().contains(house.session.as_str())) {
            return Ok(());
        }
        let mut request = house.client.request(method.parse().unwrap(), url);
        if with_type {
            request = request.header("content-type", if as_text { "text/plain" } else { "application/json" });
        }
        if method != "GET" {
            request = request.body(body.to_string());
        }
        let answer = runtime.block_on(request.send());
        let answer = answer.map_err(|problem| TestCaseError::fail(format!("{method} {path} {body}: {problem}")))?;
        let status = answer.status();
        prop_assert!(status.as_u16() < 500 || status == 503, "{method} {path} {body}: {status}");
        if status.is_client_error() || status.is_server_error() {
            let refusal: Value = runtime.block_on(answer.json()).unwrap_or_default();
            let sentence = refusal["message"].as_str().unwrap_or_default();
            prop_assert!(!sentence.is_empty() && refusal["error"].is_string(), "{method} {path}: {refusal}");
        }
        Ok(())
    });
    outcome.unwrap();
    assert!(runtime.block_on(house.get("/api/state")).status().is_success());
}
