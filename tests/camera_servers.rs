//! Every webcam server that Klipper users have: named, asked in its way, and never believed more than it proves.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use moonlapse::camera::{Camera, CameraSpec, Freshness, Kind, Miss, Probe, Server, Source, Span, Web, probe};
use moonlapse::clock::{Clock, MonoTime};
use moonlapse_rig::camera as rig;
use moonlapse_rig::camera::{FrameTruth, Manner, Nginx, ScriptedMachine};
use moonlapse_rig::host::ports::free_port;
use moonlapse_rig::machine::TruePosition;
use tokio::process::Command;
use url::Url;

const CONNECT: Duration = Duration::from_secs(20);

fn config(manner: Manner) -> rig::CameraConfig {
    let look = rig::Look { width: 320, height: 192, ..rig::Look::default() };
    let (always_on, drops_late) = (true, true);
    rig::CameraConfig { look, manner, always_on, drops_late, ..rig::CameraConfig::default() }
}

fn home() -> TruePosition {
    TruePosition { x: 20.0, y: 180.0, z: 5.0, e: 0.0 }
}

async fn server(config: rig::CameraConfig) -> rig::Camera {
    rig::Camera::start(config, Arc::new(ScriptedMachine::new(0.0, home()))).await.unwrap()
}

fn url(text: &str) -> Option<Url> {
    Some(text.parse().unwrap())
}

fn span(from: f64, until: f64) -> Span {
    let at = |t| MonoTime::from_secs_f64(t).unwrap();
    Span { from: at(from), until: at(until) }
}

async fn look(stream: Option<Url>, snapshot: Option<Url>) -> Probe {
    probe(&CameraSpec::web("cam", stream, snapshot), Clock::real()).await
}

#[tokio::test]
async fn each_server_is_named_with_its_pictures_and_what_it_proves() {
    use Freshness::{Assumed, Promised, Proven};
    for (manner, name, of_stream, of_snapshots) in [
        (Manner::Ustreamer, Server::Ustreamer, Proven, Proven),
        (Manner::OldUstreamer, Server::Ustreamer, Proven, Proven),
        (Manner::CameraStreamer, Server::CameraStreamer, Assumed, Promised),
        (Manner::Spyglass, Server::Spyglass, Assumed, Assumed),
        (Manner::Go2rtc, Server::Go2rtc, Assumed, Assumed),
        (Manner::Plain, Server::Other, Assumed, Assumed),
    ] {
        let server = server(rig::CameraConfig { drops_late: false, ..config(manner) }).await;
        let (stream, snapshot) = (url(&server.stream_url()), url(&server.snapshot_url()));
        let by_stream = look(stream, snapshot.clone()).await;
        assert_eq!((by_stream.trouble, by_stream.remark), (None, None), "{manner:?}");
        assert_eq!((by_stream.kind, by_stream.server), (Kind::Stream, name), "{manner:?}");
        assert_eq!((by_stream.resolution, by_stream.stills), (Some((320, 192)), None));
        assert_eq!(by_stream.freshness, Some(of_stream), "{manner:?}");
        assert!(by_stream.fps.is_some_and(|fps| fps > 1.0));
        let by_snapshots = look(None, snapshot).await;
        assert_eq!((by_snapshots.trouble, by_snapshots.remark), (None, None), "{manner:?}");
        assert_eq!((by_snapshots.kind, by_snapshots.server), (Kind::Snapshots, name), "{manner:?}");
        assert_eq!(by_snapshots.freshness, Some(of_snapshots), "{manner:?}");
    }
}

/// A few stops; panics at the first frame that does not show its stop, returns how many there were.
async fn film(manner: Manner, kind: Kind) -> usize {
    let mut machine = ScriptedMachine::new(rig::monotonic() + 3.0, home());
    let stops: Vec<_> = (0..8_u32)
        .map(|i| {
            machine.move_to(TruePosition { x: 120.0, y: 90.0, ..home() }, 0.11 + f64::from(i % 5) * 0.007);
            let park = TruePosition { x: 10.0 + f64::from(i), ..home() };
            machine.move_to(park, 0.02);
            (machine.stand(0.3), park)
        })
        .collect();
    let server = rig::Camera::start(config(manner), Arc::new(machine)).await.unwrap();
    let nginx = Nginx::start(server.address()).await.unwrap();
    let stream = url(&nginx.http(&format!("/webcam{}", manner.stream_path()))).filter(|_| kind == Kind::Stream);
    let snapshot = url(&nginx.http(&format!("/webcam{}", manner.snapshot_path())));
    let camera = Camera::open(CameraSpec::web("cam", stream, snapshot), Clock::real());
    let mut taken = 0;
    for ((from, until), park) in stops {
        let Ok(frame) = camera.capture(span(from, until)).await else { continue };
        let truth = FrameTruth::from_jpeg(&frame.jpeg).unwrap();
        assert!(from <= truth.begin && truth.end <= until, "{manner:?} {kind:?}: stale {truth:?}, {from} to {until}");
        assert!((truth.at_middle.x - park.x).abs() < 0.001 && !truth.moved(0.001), "{manner:?} {kind:?}: {truth:?}");
        taken += 1;
    }
    taken
}

#[tokio::test]
async fn behind_nginx_no_servers_frames_are_stale_or_moving() {
    let mut taken = 0;
    for manner in Manner::ALL {
        taken += film(manner, Kind::Stream).await + film(manner, Kind::Snapshots).await;
    }
    assert!(taken > 40, "{taken} of 96");
}

#[tokio::test]
async fn addresses_lead_through_redirects_passwords_and_certificates() {
    let server = server(config(Manner::Ustreamer)).await;
    let nginx = Nginx::start(server.address()).await.unwrap();
    let locked = nginx.http("/locked/?action=stream");
    let unlocked = locked.replace("http://", "http://printer:s3cret@");
    for good in [nginx.http("/moved"), nginx.http("/webcam?action=stream"), unlocked] {
        let probe = look(url(&good), None).await;
        assert_eq!((probe.trouble, probe.server, probe.freshness), (None, Server::Ustreamer, Some(Freshness::Proven)));
    }
    for bad in [locked.clone(), locked.replace("http://", "http://printer:wrong@")] {
        let trouble = look(url(&bad), None).await.trouble.unwrap();
        assert!(matches!(trouble, Miss::Status { status: 401, .. }), "{trouble}");
        assert!(!trouble.to_string().contains("wrong"), "{trouble}");
    }
    let own = |skip_cert_check| {
        let stream = url(&nginx.https("/webcam/?action=stream"));
        let source = Source::Web(Web { stream, snapshot: None, stills: false, skip_cert_check });
        CameraSpec { source, ..CameraSpec::web("cam", None, None) }
    };
    assert!(matches!(probe(&own(false), Clock::real()).await.trouble, Some(Miss::Certificate { .. })));
    assert_eq!(probe(&own(true), Clock::real()).await.trouble, None);
}

#[tokio::test]
async fn cameras_are_reached_by_ipv6_and_with_a_password_of_their_own() {
    let login = Some("Basic cHJpbnRlcjpzM2NyZXQ=");
    let server = server(rig::CameraConfig { ipv6: true, login, ..config(Manner::Ustreamer) }).await;
    let probe = look(url(&server.stream_url().replace("http://", "http://printer:s3cret@")), None).await;
    assert_eq!((probe.trouble, probe.freshness), (None, Some(Freshness::Proven)));
    assert!(matches!(look(url(&server.stream_url()), None).await.trouble, Some(Miss::Status { status: 401, .. })));
}

#[tokio::test]
async fn stills_are_taken_although_there_is_a_stream_which_tells_the_pace() {
    let server = server(rig::CameraConfig { fps: 10.0, drops_late: false, ..config(Manner::Ustreamer) }).await;
    let (stream, snapshot) = (url(&server.stream_url()), url(&server.snapshot_url()));
    let web = Web { stream, snapshot, stills: true, skip_cert_check: false };
    let spec = CameraSpec { source: Source::Web(web), ..CameraSpec::web("cam", None, None) };
    let camera = Camera::open(spec, Clock::real());
    assert!(camera.ready(CONNECT).await, "{:?}", camera.facts());
    assert_eq!(camera.facts().kind, Kind::Snapshots);
    assert!(camera.facts().fps.is_some_and(|fps| (fps - 10.0).abs() < 3.0), "{:?}", camera.facts());
    // Two intervals of 100 ms before the first bytes, instead of two of 33 ms.
    assert!(camera.required_hold() > Duration::from_millis(250), "{:?}", camera.required_hold());
    let now = rig::monotonic();
    let still = span(now + 0.1, now + 2.0);
    assert!(still.contains(camera.capture(still).await.unwrap().exposed));
}

#[tokio::test]
async fn the_no_signal_picture_of_a_real_ustreamer_is_refused() {
    let port = free_port().unwrap();
    let _ustreamer = Command::new("ustreamer")
        .args(["--device", "/dev/no-such-camera", "--host", "127.0.0.1", "--port", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let up = async {
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(CONNECT, up).await.unwrap();
    let at = |action: &str| url(&format!("http://127.0.0.1:{port}/?action={action}"));
    let offline = Some(Miss::Offline { camera: "cam".into() });
    assert_eq!(look(at("stream"), None).await.trouble, offline);
    assert_eq!(look(None, at("snapshot")).await.trouble, offline);
}
