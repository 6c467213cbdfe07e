//! The sensor: exposes frames at a steady rate while somebody watches, and hands them on after the set latency.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use tokio::sync::{mpsc, watch};

use super::faults::Faults;
use super::scene::Scene;
use super::truth::FrameTruth;
use super::{CameraConfig, monotonic};
use crate::machine::{Machine, TruePosition};

/// How late a frame may be drawn, s; the sensor skips older ones.
const BACKLOG: f64 = 1.0;

/// With [`CameraConfig::drops_late`], what would be handed on later than this is dropped, s.
const LATE: f64 = 0.03;

/// Between two frames that are handed out.
const LEAST_GAP: Duration = Duration::from_millis(10);

/// A frame as the server hands it out.
#[derive(Clone, Debug)]
pub(super) struct Shot {
    pub(super) jpeg: Bytes,
    pub(super) width: u32,
    pub(super) height: u32,
    /// `false` for the drawn "no signal" picture.
    pub(super) online: bool,
    /// When the driver got the first and the last byte of the frame, `CLOCK_MONOTONIC`; 0 when offline.
    pub(super) grab: (f64, f64),
    pub(super) encode: (f64, f64),
    /// When it became the newest frame.
    pub(super) exposed: f64,
    /// Counts the frames handed out.
    pub(super) number: u64,
}

/// Frames for everybody who watches.
#[derive(Debug)]
pub(super) struct Shutter {
    newest: watch::Receiver<Option<Arc<Shot>>>,
    watchers: Arc<Watchers>,
}

#[derive(Debug, Default)]
struct Watchers {
    count: AtomicUsize,
    stop: Mutex<bool>,
    changed: Condvar,
}

/// Keeps the sensor running while it lives.
#[derive(Debug)]
pub(super) struct Watching(Arc<Watchers>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shutter {
    /// Starts the sensor's thread, which sleeps until somebody watches.
    pub(super) fn start(config: CameraConfig, machine: Arc<dyn Machine>, faults: Faults) -> std::io::Result<Self> {
        let (publish, newest) = watch::channel(None);
        let (out, queue) = mpsc::unbounded_channel();
        let watchers = Arc::new(Watchers::default());
        let thread = Sensor { config, machine, faults: faults.clone(), watchers: Arc::clone(&watchers), out };
        std::thread::Builder::new().name("rig-camera".into()).spawn(move || thread.run())?;
        tokio::spawn(hand_out(queue, publish, faults, config.drops_late));
        Ok(Self { newest, watchers })
    }

    /// Wakes the sensor for as long as the result lives.
    pub(super) fn watch(&self) -> (Watching, watch::Receiver<Option<Arc<Shot>>>) {
        self.watchers.count.fetch_add(1, Ordering::SeqCst);
        let _stop = self.watchers.stop.lock().unwrap_or_else(PoisonError::into_inner);
        self.watchers.changed.notify_all();
        (Watching(Arc::clone(&self.watchers)), self.newest.clone())
    }

    /// How many clients keep the sensor awake.
    pub(super) fn watchers(&self) -> usize {
        self.watchers.count.load(Ordering::SeqCst)
    }
}

impl Drop for Shutter {
    fn drop(&mut self) {
        *self.watchers.stop.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.watchers.changed.notify_all();
    }
}

/// Publishes each frame when its latency has passed.
async fn hand_out(
    mut queue: mpsc::UnboundedReceiver<(f64, Shot)>,
    publish: watch::Sender<Option<Arc<Shot>>>,
    faults: Faults,
    drops_late: bool,
) {
    let mut number = 0;
    while let Some((due, mut shot)) = queue.recv().await {
        // Late frames come in bursts; the servers' tasks need a moment to take each of them.
        let wait = Duration::try_from_secs_f64(due - monotonic()).unwrap_or_default();
        tokio::time::sleep(wait.max(LEAST_GAP)).await;
        if faults.get().stalled() || (drops_late && monotonic() - due > LATE) {
            continue;
        }
        number += 1;
        shot.number = number;
        shot.exposed = monotonic();
        publish.send_replace(Some(Arc::new(shot)));
    }
}

struct Sensor {
    config: CameraConfig,
    machine: Arc<dyn Machine>,
    faults: Faults,
    watchers: Arc<Watchers>,
    out: mpsc::UnboundedSender<(f64, Shot)>,
}

impl Sensor {
    fn run(self) {
        // Drawn before anybody asks: it takes longer than clients wait for their first frame.
        let mut scene = Scene::new(self.config.look);
        let interval = 1.0 / self.config.fps;
        let start = monotonic();
        let (mut seq, mut points, mut shadow_due) = (0_u64, 0, 0.0);
        let mut frozen: Option<Bytes> = None;
        let mut drawn: Option<((TruePosition, f64), Vec<u8>)> = None;
        while let Some(awake) = self.wait_for_watcher() {
            // The sensor's beat is steady. On a busy host this thread comes late and draws the moments it slept through
            // from the machine's history, so that load of the host does not read as a fault of the camera.
            // One that nobody watched took no pictures.
            let backlog = if awake { BACKLOG } else { 0.0 };
            let oldest = ((monotonic() - backlog - start) / interval).ceil().max(0.0) as u64;
            seq = oldest.max(seq + 1);
            let begin = start + seq as f64 * interval;
            let settings = self.faults.settings();
            let end = begin + settings.exposure;
            sleep_until(end);
            // When late, pictures of a moving head go first: each has to be drawn anew, and nobody wants them but who looks at
            // their blur.
            let late = monotonic() - end > interval;
            if late && self.config.blur <= 1 && self.machine.position_at(begin) != self.machine.position_at(end) {
                continue;
            }
            let grab = (end, end + (interval * 0.25).min(settings.latency * 0.5));
            let fault = self.faults.get();
            if fault.offline() {
                self.blank(&mut scene, begin);
                frozen = None;
                continue;
            }
            let mut encode = (monotonic(), monotonic());
            let jpeg = match &frozen {
                Some(jpeg) if fault.frozen() => jpeg.clone(),
                _ => {
                    // The path goes up to now, not to the moment of a late picture, and would be drawn for each of them.
                    let fresh = if late { Vec::new() } else { self.machine.path(points) };
                    points += fresh.len();
                    scene.print(&fresh);
                    if begin > shadow_due && !late {
                        scene.settle_shadow();
                        shadow_due = begin + 1.0;
                        drawn = None;
                    }
                    let middle = (begin + end) * 0.5;
                    let at_middle = self.machine.position_at(middle);
                    let light = self.machine.light_at(middle);
                    scene.light(light);
                    let seen = (at_middle, light);
                    let truth = FrameTruth {
                        seq,
                        begin,
                        end,
                        at_begin: self.machine.position_at(begin),
                        at_middle,
                        at_end: self.machine.position_at(end),
                    };
                    // While the head stands, the picture stays the same but for the truth in it.
                    if self.config.blur > 1 && truth.at_begin != truth.at_end {
                        drawn = Some((seen, self.blurred(&mut scene, begin, end)));
                    } else if !fresh.is_empty() || drawn.as_ref().is_none_or(|(of, _)| *of != seen) {
                        drawn = Some((seen, scene.jpeg(at_middle, self.config.quality)));
                    }
                    let plain = drawn.as_ref().map(|(_, jpeg)| jpeg.as_slice()).unwrap_or_default();
                    let jpeg = Bytes::from(truth.written_into(plain));
                    encode.1 = monotonic();
                    frozen = Some(jpeg.clone());
                    jpeg
                }
            };
            let (width, height) = scene.size();
            let shot = Shot { jpeg, width, height, online: true, grab, encode, exposed: 0.0, number: 0 };
            if self.out.send((end + settings.latency, shot)).is_err() {
                return;
            }
        }
    }

    fn blurred(&self, scene: &mut Scene, begin: f64, end: f64) -> Vec<u8> {
        let places = f64::from(self.config.blur);
        let at = |place: u16| begin + (end - begin) * (f64::from(place) + 0.5) / places;
        let heads: Vec<TruePosition> = (0..self.config.blur).map(|place| self.machine.position_at(at(place))).collect();
        scene.blurred_jpeg(&heads, self.config.quality)
    }

    /// ustreamer draws a picture of its own once a second while the device is gone.
    fn blank(&self, scene: &mut Scene, begin: f64) {
        let (width, height) = scene.size();
        let grey = vec![0x30; width as usize * height as usize * 3];
        let jpeg = Bytes::from(encode_jpeg(&grey, (width, height), 60));
        let now = monotonic();
        let shot =
            Shot { jpeg, width, height, online: false, grab: (0.0, 0.0), encode: (now, now), exposed: 0.0, number: 0 };
        if self.out.send((now, shot)).is_ok() {
            sleep_until(begin + 1.0);
        }
    }

    /// Sleeps until somebody watches; whether somebody did already. `None` when the camera is gone.
    fn wait_for_watcher(&self) -> Option<bool> {
        let mut stop = self.watchers.stop.lock().unwrap_or_else(PoisonError::into_inner);
        let mut awake = true;
        while self.watchers.count.load(Ordering::SeqCst) == 0 && !*stop {
            awake = false;
            stop = self.watchers.changed.wait(stop).unwrap_or_else(PoisonError::into_inner);
        }
        (!*stop).then_some(awake)
    }
}

fn sleep_until(at: f64) {
    if let Ok(wait) = Duration::try_from_secs_f64(at - monotonic()) {
        std::thread::sleep(wait);
    }
}

/// RGB bytes as JPEG (4:2:0, as webcams send); empty when the encoder refuses, which it has no reason to.
pub(super) fn encode_jpeg(rgb: &[u8], size: (u32, u32), quality: u8) -> Vec<u8> {
    let mut jpeg = Vec::with_capacity(rgb.len() / 12);
    let mut encoder = Encoder::new(&mut jpeg, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    match encoder.encode(rgb, size.0 as u16, size.1 as u16, ColorType::Rgb) {
        Ok(()) => jpeg,
        Err(error) => {
            tracing::error!(%error, "cannot encode a frame");
            Vec::new()
        }
    }
}
