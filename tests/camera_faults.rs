//! What a user reads when a camera fails: every kind of fault, with its sentence, in one table.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use moonlapse::camera::{Camera, CameraSpec, Miss, Script, Source, Span, Web, probe, resolve};
use moonlapse::clock::{Clock, MonoTime};
use moonlapse_rig::camera as rig;
use moonlapse_rig::camera::{Fault, FrameTruth, Manner, Nginx, ScriptedMachine};
use moonlapse_rig::machine::TruePosition;
use tokio::task::JoinSet;
use url::Url;

fn span(from: f64, until: f64) -> Span {
    let at = |t| MonoTime::from_secs_f64(t).unwrap();
    Span { from: at(from), until: at(until) }
}

fn soon(seconds: f64) -> Span {
    let now = rig::monotonic();
    span(now + 0.1, now + 0.1 + seconds)
}

async fn server(manner: Manner) -> rig::Camera {
    let look = rig::Look { width: 320, height: 192, ..rig::Look::default() };
    let config = rig::CameraConfig { look, manner, ..rig::CameraConfig::default() };
    let home = TruePosition { x: 20.0, y: 180.0, z: 5.0, e: 0.0 };
    rig::Camera::start(config, Arc::new(ScriptedMachine::new(0.0, home))).await.unwrap()
}

fn url(text: &str) -> Option<Url> {
    Some(text.parse().unwrap())
}

/// The sentence without what differs from run to run: addresses and measured times.
fn fixed(sentence: &str) -> String {
    let word = |word: &str| {
        if let Some((before, rest)) = word.split_once("127.0.0.1:") {
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            return format!("{before}HOST{rest}");
        }
        let bare = word.trim_matches([',', ':', '(', ')']);
        let time = bare.starts_with(|c: char| c.is_ascii_digit()) && bare.ends_with('s');
        if time { word.replace(bare, "TIME") } else { word.to_owned() }
    };
    sentence.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// What is told about a camera with these addresses when it is looked at.
async fn looked_at(stream: Option<Url>, snapshot: Option<Url>) -> String {
    let probe = probe(&CameraSpec::web("front", stream, snapshot), Clock::real()).await;
    match (probe.trouble, probe.remark) {
        (Some(trouble), _) => trouble.to_string(),
        (None, Some(remark)) => format!("(but films) {remark}"),
        (None, None) => "(all is well)".to_owned(),
    }
}

async fn broken_stream(fault: Fault) -> String {
    let server = server(Manner::Ustreamer).await;
    server.set_fault(fault);
    looked_at(url(&server.stream_url()), None).await
}

async fn broken_snapshot(manner: Manner, fault: Fault) -> String {
    let server = server(manner).await;
    server.set_fault(fault);
    looked_at(None, url(&server.snapshot_url())).await
}

/// What is told of a stop, when the fault begins after the camera was connected.
async fn broken_while_filming(fault: Fault) -> String {
    let server = server(Manner::Ustreamer).await;
    let camera = Camera::open(CameraSpec::web("front", url(&server.stream_url()), None), Clock::real());
    assert!(camera.ready(Duration::from_secs(20)).await, "{:?}", camera.facts());
    server.set_fault(fault);
    // What was under way when the fault began still comes.
    let _first = camera.capture(soon(0.5)).await;
    camera.capture(soon(0.3)).await.unwrap_err().to_string()
}

async fn script(command: &[&str], change: impl FnOnce(&mut Script)) -> String {
    let mut script = Script::parse("true").unwrap();
    script.command = command.iter().map(|word| (*word).to_owned()).collect();
    change(&mut script);
    let spec = CameraSpec { source: Source::Script(script), ..CameraSpec::web("dslr", None, None) };
    Camera::open(spec, Clock::real()).capture(soon(3.0)).await.unwrap_err().to_string()
}

type Case = (&'static str, std::pin::Pin<Box<dyn Future<Output = String> + Send>>);

fn case(name: &'static str, sentence: impl Future<Output = String> + Send + 'static) -> Case {
    (name, Box::pin(sentence))
}

fn addresses() -> Vec<Case> {
    let stream = |name, fault| case(name, broken_stream(fault));
    let snapshot = |name, manner, fault| case(name, broken_snapshot(manner, fault));
    vec![
        case("no address", looked_at(None, None)),
        case("a protocol that cannot be filmed", async {
            resolve("rtsp://cam/1", &"http://127.0.0.1".parse().unwrap()).unwrap_err().to_string()
        }),
        case("a host that is not there", async {
            let told = looked_at(url("http://no-such-camera.invalid/?action=stream"), None).await;
            // The resolver's words differ from host to host.
            let (before, rest) = told.split_once('(').unwrap();
            format!("{before}(...{}", &rest[rest.rfind(')').unwrap()..])
        }),
        stream("nobody listens", Fault::Off),
        stream("requests are never answered", Fault::Hang),
        stream("what answers is no web server", Fault::Gibberish),
        stream("a password is wanted", Fault::Unauthorized),
        stream("nobody is let in", Fault::Forbidden),
        stream("nothing at this path", Fault::NotFound),
        stream("the server is overloaded", Fault::Unavailable),
        stream("nginx is up, the server behind it is not", Fault::BadGateway),
        stream("redirects in a circle", Fault::RedirectLoop),
        stream("a web page as stream", Fault::Html),
        stream("a film as stream", Fault::Video),
        snapshot("a web page as snapshot", Manner::Plain, Fault::Html),
        snapshot("a PNG as snapshot", Manner::Plain, Fault::Png),
        snapshot("an empty snapshot", Manner::Go2rtc, Fault::Empty),
        snapshot("camera-streamer without frames", Manner::CameraStreamer, Fault::NoFrames),
        snapshot("half a snapshot", Manner::Spyglass, Fault::Truncated),
        snapshot("ustreamer 4.9 without its device", Manner::OldUstreamer, Fault::Offline),
        snapshot("ustreamer without its device", Manner::Ustreamer, Fault::Offline),
        case("a snapshot URL as stream URL", async {
            let server = server(Manner::Ustreamer).await;
            looked_at(url(&server.snapshot_url()), None).await
        }),
        case("a stream URL as snapshot URL", async {
            let server = server(Manner::Ustreamer).await;
            looked_at(None, url(&server.stream_url())).await
        }),
        case("both URLs, each as the other", async {
            let server = server(Manner::Spyglass).await;
            looked_at(url(&server.snapshot_url()), url(&server.stream_url())).await
        }),
        case("a good stream, and a snapshot URL that leads nowhere", async {
            let server = server(Manner::Ustreamer).await;
            looked_at(url(&server.stream_url()), url(&format!("http://{}/nowhere", server.address()))).await
        }),
        case("a wrong path of the front end", async {
            let server = server(Manner::Ustreamer).await;
            let nginx = Nginx::start(server.address()).await.unwrap();
            looked_at(url(&nginx.http("/webcam7/?action=stream")), None).await
        }),
        case("nginx without the camera's server", async {
            let server = server(Manner::Ustreamer).await;
            let nginx = Nginx::start(server.address()).await.unwrap();
            server.set_fault(Fault::Off);
            looked_at(url(&nginx.http("/webcam/?action=stream")), None).await
        }),
        case("a certificate of the camera's own", async {
            let server = server(Manner::Ustreamer).await;
            let nginx = Nginx::start(server.address()).await.unwrap();
            looked_at(url(&nginx.https("/webcam/?action=stream")), None).await
        }),
        case("https where there is none", async {
            let server = server(Manner::Ustreamer).await;
            looked_at(url(&server.stream_url().replace("http:", "https:")), None).await
        }),
        case("http where there is https", async {
            let server = server(Manner::Ustreamer).await;
            let nginx = Nginx::start(server.address()).await.unwrap();
            looked_at(url(&nginx.https("/webcam/?action=stream").replace("https:", "http:")), None).await
        }),
    ]
}

fn while_filming() -> Vec<Case> {
    let filming = |name, fault| case(name, broken_while_filming(fault));
    vec![
        filming("the server ends", Fault::Off),
        filming("the device is unplugged", Fault::Offline),
        filming("no more frames", Fault::Stall),
        filming("the same frame for ever", Fault::Frozen),
        filming("every frame is cut", Fault::Truncated),
        case("every connection ends after three frames", broken_stream_of_stop(Fault::Ends)),
        case("every connection breaks within a frame", broken_stream_of_stop(Fault::Cut)),
        case("a frame of a gigabyte", broken_stream_of_stop(Fault::Huge)),
        case("frames without headers", broken_stream_of_stop(Fault::BadParts)),
        case("a stop that is too short", async {
            let server = server(Manner::Ustreamer).await;
            let camera = Camera::open(CameraSpec::web("front", url(&server.stream_url()), None), Clock::real());
            assert!(camera.ready(Duration::from_secs(20)).await);
            camera.capture(soon(0.02)).await.unwrap_err().to_string()
        }),
        case("asked too late", async {
            let server = server(Manner::Ustreamer).await;
            let camera = Camera::open(CameraSpec::web("front", url(&server.stream_url()), None), Clock::real());
            assert!(camera.ready(Duration::from_secs(20)).await);
            let first = camera.capture(soon(1.0)).await.unwrap().exposed.from.as_secs_f64();
            camera.capture(span(first - 9.0, first - 8.0)).await.unwrap_err().to_string()
        }),
        case("too few frames for a moment in passing", async {
            let server = server(Manner::Ustreamer).await;
            let camera = Camera::open(CameraSpec::web("front", url(&server.stream_url()), None), Clock::real());
            assert!(camera.ready(Duration::from_secs(20)).await);
            let first = camera.capture(soon(1.0)).await.unwrap().exposed.from;
            let miss = camera.capture_nearest(first.offset(-9.0), Duration::from_millis(20)).await;
            miss.unwrap_err().to_string()
        }),
        case("snapshots that take a second", async {
            let server = server(Manner::Plain).await;
            let camera = Camera::open(CameraSpec::web("front", None, url(&server.snapshot_url())), Clock::real());
            assert!(camera.ready(Duration::from_secs(20)).await);
            server.set_fault(Fault::Slow);
            camera.capture(soon(0.3)).await.unwrap_err().to_string()
        }),
        case("a camera that the printer triggers", async {
            let spec = CameraSpec { source: Source::Gcode("M240".into()), ..CameraSpec::web("dslr", None, None) };
            Camera::open(spec, Clock::real()).capture(soon(0.1)).await.unwrap_err().to_string()
        }),
        case("a program that is not there", script(&["/no/such/program"], |_| {})),
        case("a program that fails", script(&["sh", "-c", "echo 'No camera found' >&2; exit 3"], |_| {})),
        case(
            "a program that hangs",
            script(&["sh", "-c", "sleep 600 & wait"], |s| s.timeout = Duration::from_millis(1500)),
        ),
        case("a program without a picture", script(&["true", "{file}"], |_| {})),
        case("a program with a RAW file", script(&["sh", "-c", "printf 'II*' > {file}"], |_| {})),
    ]
}

/// For a fault that lets some frames through: the sentence is what the camera is in trouble with, if the stop has none.
async fn broken_stream_of_stop(fault: Fault) -> String {
    let server = server(Manner::Ustreamer).await;
    server.set_fault(fault);
    let camera = Camera::open(CameraSpec::web("front", url(&server.stream_url()), None), Clock::real());
    let mut changed = camera.facts().trouble;
    let patience = rig::monotonic() + 20.0;
    while changed.is_none() && rig::monotonic() < patience {
        let _frame = camera.capture(soon(0.1)).await;
        changed = camera.facts().trouble;
    }
    changed.unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_has_its_sentence() {
    let mut told = String::new();
    for (title, cases) in [("What an address leads to", addresses()), ("While filming", while_filming())] {
        writeln!(told, "{title}\n").unwrap();
        let seats = Arc::new(tokio::sync::Semaphore::new(6));
        let mut running = JoinSet::new();
        for (order, (name, sentence)) in cases.into_iter().enumerate() {
            let seats = Arc::clone(&seats);
            running.spawn(async move {
                let _seat = seats.acquire().await.unwrap();
                (order, name, sentence.await)
            });
        }
        let mut sentences = running.join_all().await;
        sentences.sort_by_key(|(order, ..)| *order);
        for (_, name, sentence) in sentences {
            writeln!(told, "{name}\n    {}", fixed(&sentence)).unwrap();
        }
        told.push('\n');
    }
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn whole_frames_are_taken_between_broken_ones() {
    let server = server(Manner::Ustreamer).await;
    let camera = Camera::open(CameraSpec::web("front", url(&server.stream_url()), None), Clock::real());
    assert!(camera.ready(Duration::from_secs(20)).await);
    server.set_fault(Fault::HalfBroken);
    for _ in 0..5 {
        let still = soon(0.5);
        let frame = camera.capture(still).await.unwrap();
        let truth = FrameTruth::from_jpeg(&frame.jpeg).unwrap();
        assert!(still.contains(span(truth.begin, truth.end)));
    }
    let counts = camera.facts().counts;
    assert!(counts.refused > 5 && counts.taken == 5 && counts.missed == 0, "{counts:?}");
}

#[tokio::test]
async fn a_camera_that_was_unplugged_films_on_when_it_is_back() {
    let server = server(Manner::Ustreamer).await;
    let camera = Camera::open(CameraSpec::web("front", url(&server.stream_url()), None), Clock::real());
    assert!(camera.ready(Duration::from_secs(20)).await);
    server.set_fault(Fault::Offline);
    let mut miss = camera.capture(soon(1.2)).await;
    while miss.is_ok() {
        miss = camera.capture(soon(1.2)).await;
    }
    assert_eq!(miss.unwrap_err(), Miss::Offline { camera: "front".into() });
    assert_eq!(camera.facts().counts.missed_in_a_row, 1);
    server.set_fault(Fault::None);
    assert!(camera.ready(Duration::from_secs(20)).await);
    camera.capture(soon(0.6)).await.unwrap();
    assert_eq!(camera.facts().counts.missed_in_a_row, 0);
}

#[tokio::test]
async fn an_overloaded_server_is_asked_again_while_the_head_stands() {
    let server = server(Manner::Plain).await;
    let camera = Camera::open(CameraSpec::web("front", None, url(&server.snapshot_url())), Clock::real());
    assert!(camera.ready(Duration::from_secs(20)).await);
    server.set_fault(Fault::Unavailable);
    let still = soon(2.0);
    let mend = async {
        Clock::real().sleep_until(still.from.offset(0.7)).await;
        server.set_fault(Fault::None);
    };
    let (frame, ()) = tokio::join!(camera.capture(still), mend);
    assert!(still.contains(frame.unwrap().exposed));
}

#[test]
fn passwords_are_in_no_debug_output() {
    let secret = url("http://printer:s3cret@cam/snap?token=abc123");
    let web = Web { stream: secret.clone(), snapshot: secret, stills: false, skip_cert_check: false };
    let spec = CameraSpec { source: Source::Web(web), ..CameraSpec::web("front", None, None) };
    let printed = format!("{spec:?}");
    assert!(!printed.contains("s3cret") && !printed.contains("abc123"), "{printed}");
}
