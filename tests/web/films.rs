//! Films, what is left out of them, and archives.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, RANGE};
use serde_json::{Value, json};

use crate::house::{FRAMES, House, jpeg};

async fn send(house: &House, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
    let request = house.client.request(method.parse().unwrap(), house.url(path)).json(&body);
    let answer = request.send().await.unwrap();
    let status = answer.status();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
}

#[tokio::test]
async fn a_film_is_sent_in_parts_and_deleted_with_what_is_beside_it() {
    let house = House::open().await;
    let folder = house.folder.path().join("films");
    let notes = json!({"made_at": "2026-11-23T10:00:00Z", "session": "s", "frames": 5, "duration_s": 0.5, "fps": 10.0});
    for (name, text) in [("vase 1.mp4", "film"), ("vase 1.jpg", "picture"), (".vase 1.mp4.json", &notes.to_string())] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let films = house.json("/api/films").await["films"].clone();
    let film = films.as_array().unwrap().iter().find(|film| film["kind"] == "film").unwrap();
    assert_eq!((&film["frames"], &film["picture"], &film["session"]), (&json!(5), &json!("vase 1.jpg"), &json!("s")));
    let url = film["url"].as_str().unwrap().to_owned();
    let part = house.client.get(house.url(&url)).header(RANGE, "bytes=1-2").send().await.unwrap();
    assert_eq!(
        (part.status(), &part.headers()[CONTENT_RANGE]),
        (StatusCode::PARTIAL_CONTENT, &"bytes 1-2/4".parse().unwrap())
    );
    assert_eq!(part.headers()["content-type"], "video/mp4");
    assert_eq!(part.text().await.unwrap(), "il");
    let saved = house.get(&format!("{url}?download=1")).await;
    assert!(saved.headers()["content-disposition"].to_str().unwrap().contains("vase%201.mp4"));
    assert_eq!(send(&house, "DELETE", &url, json!({})).await.0, StatusCode::NO_CONTENT);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    assert_eq!(house.get(&url).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn only_films_are_given_out_and_nothing_beyond_their_folder() {
    let house = House::open().await;
    let folder = house.folder.path().join("films");
    std::fs::write(folder.join("notes.txt"), "secret").unwrap();
    std::fs::write(house.folder.path().join("outside.mp4"), "secret").unwrap();
    std::os::unix::fs::symlink(house.folder.path().join("outside.mp4"), folder.join("link.mp4")).unwrap();
    for name in ["notes.txt", "link.mp4", "..%2foutside.mp4", ".hidden.mp4", "a%00.mp4"] {
        for method in ["GET", "DELETE"] {
            let (status, _) = send(&house, method, &format!("/api/films/{name}"), json!({})).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{method} {name}");
        }
    }
    assert!(folder.join("notes.txt").exists() && house.folder.path().join("outside.mp4").exists());
}

#[tokio::test]
async fn a_dropped_frame_is_left_out_and_can_be_taken_back() {
    let house = House::open().await;
    let frames = format!("/api/sessions/{}/reels/0/frames", house.session);
    let (status, frame) = send(&house, "PATCH", &format!("{frames}/2"), json!({"dropped": true})).await;
    assert_eq!((status, &frame["dropped"]), (StatusCode::OK, &json!(true)));
    assert_eq!(house.json(&frames).await["frames"][1]["dropped"], true);
    assert_eq!(house.json(&format!("/api/sessions/{}", house.session)).await["dropped"], 1);
    let numbers = || {
        let store = house.store.lock().unwrap();
        store.film_frames(&house.session, 0).unwrap().iter().map(|frame| frame.number).collect::<Vec<_>>()
    };
    assert_eq!(numbers(), [1, 3, 4, 5]);
    assert_eq!(house.get(&format!("{frames}/2.jpg")).await.bytes().await.unwrap(), jpeg(2), "its file stays");
    send(&house, "PATCH", &format!("{frames}/2"), json!({"dropped": false})).await;
    assert_eq!(numbers(), [1, 2, 3, 4, 5]);
    assert_eq!(send(&house, "PATCH", &format!("{frames}/99"), json!({"dropped": true})).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_frame_stands_for_its_print() {
    let house = House::open().await;
    let path = format!("/api/sessions/{}", house.session);
    assert_eq!(house.json(&path).await["preview"], json!({"reel": 0, "number": FRAMES, "chosen": false}));
    let (_, summary) = send(&house, "PATCH", &path, json!({"preview": {"reel": 0, "number": 3}})).await;
    assert_eq!(summary["preview"], json!({"reel": 0, "number": 3, "chosen": true}));
    let odd = json!({"preview": {"reel": 1, "number": 3}});
    assert_eq!(send(&house, "PATCH", &path, odd).await.0, StatusCode::NOT_FOUND);
    send(&house, "PATCH", &path, json!({"preview": null})).await;
    assert_eq!(house.json(&path).await["preview"]["chosen"], false);
}

#[tokio::test]
async fn a_job_is_queued_seen_and_cancelled() {
    let house = House::open().await;
    let path = format!("/api/sessions/{}/films", house.session);
    assert_eq!(send(&house, "POST", &path, json!({"profile": "nonsense"})).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let odd = json!({"settings": {"output_framerate": "many"}});
    assert_eq!(send(&house, "POST", &path, odd).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let (status, job) = send(&house, "POST", &path, json!({"profile": "gif"})).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!((&job["session"], &job["film"]), (&json!(house.session), &json!(true)), "{job}");
    // These frames are no pictures, so the job fails or is cancelled, whichever is first; gone it is.
    let cancelled = send(&house, "DELETE", &format!("/api/jobs/{}", job["id"]), json!({})).await.0;
    assert!([StatusCode::NO_CONTENT, StatusCode::NOT_FOUND].contains(&cancelled), "{cancelled}");
    let gone = async {
        while house.json("/api/jobs").await["jobs"].as_array().is_some_and(|jobs| !jobs.is_empty()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
    assert_eq!(send(&house, "POST", "/api/sessions/20200101-000000_x/films", json!({})).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_archive_goes_out_and_comes_in_again() {
    let house = House::open().await;
    let zip = house.get(&format!("/api/sessions/{}/archive.zip", house.session)).await;
    assert_eq!((zip.status(), &zip.headers()["content-type"]), (StatusCode::OK, &"application/zip".parse().unwrap()));
    let zip = zip.bytes().await.unwrap();
    let bring = |body: Vec<u8>, kind: &'static str, query: &str| {
        let post = house.client.post(house.url(&format!("/api/sessions{query}")));
        post.header("content-type", kind).body(body).send()
    };
    for (query, name) in [("?print_file=again.gcode", "again.gcode"), ("", "vase.gcode")] {
        let answer = bring(zip.to_vec(), "application/zip", query).await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        let made: Value = answer.json().await.unwrap();
        assert_eq!((&made["session"]["frames"], &made["session"]["print_file"]), (&json!(FRAMES), &json!(name)));
        let id = made["session"]["id"].as_str().unwrap();
        let frame = house.get(&format!("/api/sessions/{id}/reels/0/frames/1.jpg")).await;
        assert_eq!(frame.bytes().await.unwrap(), jpeg(1));
    }
    for (body, kind, status) in [
        (b"no zip".to_vec(), "application/zip", StatusCode::UNPROCESSABLE_ENTITY),
        (zip[..zip.len() / 2].to_vec(), "application/zip", StatusCode::UNPROCESSABLE_ENTITY),
        (zip.to_vec(), "text/plain", StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        assert_eq!(bring(body, kind, "").await.unwrap().status(), status);
    }
    let left = std::fs::read_dir(house.folder.path().join("store")).unwrap().flatten();
    let left: Vec<_> =
        left.map(|entry| entry.file_name().into_string().unwrap()).filter(|n| n.starts_with('.')).collect();
    assert_eq!(left, Vec::<String>::new(), "nothing is left behind");
}

#[tokio::test]
async fn an_upload_is_bounded_whether_or_not_its_length_is_told() {
    let house = House::open().await;
    let mut setup = (*house.board.setup()).clone();
    setup.settings.web_upload_mb = 1;
    house.board.set_up(setup);
    let post = || house.client.post(house.url("/api/sessions")).header("content-type", "application/zip");
    let told = post().body(vec![0; 1_100_000]).send().await.unwrap();
    assert_eq!(told.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let chunks = (0..20).map(|_| Ok::<_, std::io::Error>(vec![0_u8; 100_000]));
    let untold = post().body(reqwest::Body::wrap_stream(futures_util::stream::iter(chunks))).send().await;
    // The connection may be closed before all is sent.
    if let Ok(untold) = untold {
        assert_eq!(untold.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
    assert_eq!(house.json("/api/sessions").await["sessions"].as_array().unwrap().len(), 1);
}
