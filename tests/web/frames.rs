//! Sessions and frames.

use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, ETAG, IF_NONE_MATCH, RANGE};
use serde_json::json;

use crate::house::{FRAMES, House, jpeg, with_print};

#[tokio::test]
async fn a_frame_is_sent_as_it_was_stored() {
    let house = House::open().await;
    let path = format!("/api/sessions/{}/reels/0/frames/2.jpg", house.session);
    let answer = house.get(&path).await;
    assert_eq!(answer.headers()["content-type"], "image/jpeg");
    assert!(answer.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    let etag = answer.headers()[ETAG].clone();
    assert_eq!(answer.bytes().await.unwrap(), jpeg(2));
    let again = house.client.get(house.url(&path)).header(IF_NONE_MATCH, etag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let part = house.client.get(house.url(&path)).header(RANGE, "bytes=1-3").send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()[CONTENT_RANGE], format!("bytes 1-3/{}", jpeg(2).len()));
    assert_eq!(part.bytes().await.unwrap(), jpeg(2)[1..4]);
    let beyond = house.client.get(house.url(&path)).header(RANGE, "bytes=999999-").send().await.unwrap();
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
}

#[tokio::test]
async fn sessions_are_listed_a_page_at_a_time() {
    let house = House::open().await;
    for number in 0..3 {
        with_print(
            &mut house.store.lock().unwrap(),
            &format!("{number}.gcode"),
            moonlapse::session::Outcome::Cancelled,
        );
    }
    let page = house.json("/api/sessions?limit=2").await;
    let names = |page: &serde_json::Value| {
        let list = page["sessions"].as_array().unwrap().iter();
        list.map(|session| session["print_file"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&page), ["2.gcode", "1.gcode"]);
    assert_eq!(page["more"], true);
    let last = page["sessions"][1]["id"].as_str().unwrap();
    let rest = house.json(&format!("/api/sessions?limit=2&before={last}")).await;
    assert_eq!((names(&rest), &rest["more"]), (vec!["0.gcode".to_owned(), "vase.gcode".to_owned()], &json!(false)));
    assert_eq!(rest["sessions"][1]["frames"], FRAMES);
}

#[tokio::test]
async fn frames_are_listed_with_what_is_known_of_them() {
    let house = House::open().await;
    let path = format!("/api/sessions/{}/reels/0/frames", house.session);
    let page = house.json(&format!("{path}?from=2&limit=2")).await;
    assert_eq!(page["next"], 4);
    assert_eq!(page["frames"][0]["number"], 2);
    assert_eq!(page["frames"][1]["layer"], 3);
    assert_eq!(page["frames"][0].get("path"), None, "paths of the host are nobody's business");
    assert_eq!(house.json(&format!("{path}?from=4")).await["next"], json!(null));
}

#[tokio::test]
async fn a_session_under_way_is_not_deleted() {
    let house = House::open().await;
    let running = with_print(&mut house.store.lock().unwrap(), "now.gcode", moonlapse::session::Outcome::Printing);
    let delete = |id: String| house.client.delete(house.url(&format!("/api/sessions/{id}"))).send();
    assert_eq!(delete(running.to_string()).await.unwrap().status(), StatusCode::CONFLICT);
    assert_eq!(delete(house.session.to_string()).await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(delete(house.session.to_string()).await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn no_path_leads_out_of_the_store() {
    let house = House::open().await;
    std::fs::write(house.folder.path().join("secret.jpg"), jpeg(9)).unwrap();
    for path in [
        "/api/sessions/..%2f..%2fsecret/reels/0/frames/1.jpg",
        "/api/sessions/../../secret.jpg",
        "/api/sessions/%2e%2e/reels/0/frames/1.jpg",
        "/api/sessions/x/reels/0/frames/..%2f..%2f..%2fsecret.jpg",
        "/api/sessions/x/reels/..%2f0/frames/1.jpg",
        "/..%2f..%2fsecret.jpg",
        "/assets/..%2f..%2f..%2fetc%2fpasswd",
        "//etc/passwd",
        "/%00",
        "/api/sessions/%ff/reels/0/frames/1.jpg",
    ] {
        let status = raw_status(&house, path).await;
        assert!(status == 404 || status == 400, "{path}: {status}");
    }
}

/// By hand, as a good client tidies such paths.
async fn raw_status(house: &House, path: &str) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(house.at).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer)[9..12].parse().unwrap()
}
