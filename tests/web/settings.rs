//! Settings, as far as they need no Moonraker.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::house::House;

#[tokio::test]
async fn every_setting_is_shown_with_all_that_a_form_needs() {
    let house = House::open().await;
    let settings = house.json("/api/settings").await;
    let groups = settings["groups"].as_array().unwrap();
    assert!(groups.iter().all(|group| group["id"] != "more"), "a setting has no place");
    let all: Vec<&Value> = groups.iter().flat_map(|group| group["settings"].as_array().unwrap()).collect();
    assert_eq!(all.len(), moonlapse::config::schema::specs().len());
    let of = |name: &str| *all.iter().find(|setting| setting["name"] == name).unwrap();
    let hold = of("park_time");
    assert_eq!((&hold["unit"], &hold["min"], &hold["max"]), (&json!("s"), &json!(0.0), &json!(5.0)));
    assert_eq!((&hold["editable"], &hold["fixed_by"]), (&json!(false), &json!("away")), "Moonraker is not there");
    assert_eq!(of("mode")["choices"][0], json!({"value": "auto", "title": "Auto"}));
    assert_eq!(of("hook_after_film")["fixed_by"], "conf_only");
}

#[tokio::test]
async fn wrong_values_are_named_and_nothing_is_saved() {
    let house = House::open().await;
    let body = json!({"values": {"park_time": 99, "enabled": true}});
    let patch = house.client.patch(house.url("/api/settings")).json(&body).send().await.unwrap();
    assert_eq!(patch.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let refusal: Value = patch.json().await.unwrap();
    assert_eq!((&refusal["error"], &refusal["field"]), (&json!("invalid"), &json!("park_time")));
    assert_eq!(refusal["problems"], json!({"park_time": "expected a number from 0 to 5 s"}));
    let body = json!({"values": {"park": "shelf", "restrictions": "avoid the clip"}});
    let check = house.client.post(house.url("/api/settings/check")).json(&body).send().await.unwrap();
    let problems: Value = check.json().await.unwrap();
    assert_eq!(problems["problems"].as_object().unwrap().len(), 2, "{problems}");
}

#[tokio::test]
async fn what_cannot_be_saved_says_why() {
    let house = House::open().await;
    for (name, status) in [("hook_after_film", StatusCode::CONFLICT), ("parkpos", StatusCode::SERVICE_UNAVAILABLE)] {
        let body = json!({"values": {name: "custom"}});
        let patch = house.client.patch(house.url("/api/settings")).json(&body).send().await.unwrap();
        assert_eq!(patch.status(), status, "{name}");
    }
}

#[tokio::test]
async fn an_export_holds_what_can_be_set_and_no_secrets() {
    let house = House::open().await;
    let export = house.json("/api/settings/export").await;
    let values = export["values"].as_object().unwrap();
    assert!(values.contains_key("park_time"));
    assert!(!values.contains_key("webhook_url") && !values.contains_key("hook_after_film"));
}

#[tokio::test]
async fn bodies_are_bounded_and_must_be_json() {
    let house = House::open().await;
    let post = |body: Vec<u8>| {
        house.client.post(house.url("/api/settings/check")).header("content-type", "application/json").body(body).send()
    };
    let status = async |body: Vec<u8>| post(body).await.unwrap().status();
    assert_eq!(status(vec![b' '; 300 << 10]).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(status(b"{\"values\": ".to_vec()).await, StatusCode::BAD_REQUEST);
    assert_eq!(status(b"[]".to_vec()).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(status(b"\xff\xfe".to_vec()).await, StatusCode::BAD_REQUEST);
    assert_eq!(
        status([b"{\"values\": {\"a\": ".to_vec(), b"[".repeat(100_000)].concat()).await,
        StatusCode::BAD_REQUEST
    );
}
