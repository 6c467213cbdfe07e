//! What the pictures of the documentation are made from: the frame store of the print, with the still of the finished part,
//! and frames of a second camera.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use moonlapse_rig::camera::{Camera, CameraConfig, FrameTruth, Look};
use moonlapse_rig::studio::{PARK, Studio};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How far from the park position the head may be in a picture of it, mm.
const TOLERANCE: f64 = 0.05;

/// What a slicer's end G-code does: the head goes out of the way.
pub(crate) const END: &str = "\nG90\nG1 Z180 F3000\nG1 X195 Y195 F12000\n";

/// Watches the print from the right side and keeps one frame of each stop.
pub(crate) struct SecondCamera {
    stop: watch::Sender<bool>,
    task: JoinHandle<anyhow::Result<usize>>,
}

impl SecondCamera {
    pub(crate) async fn start(studio: &Studio, folder: &Path) -> anyhow::Result<Self> {
        let look = Look { eye: Some((225.0, -95.0, 75.0)), ..Look::default() };
        let camera = Camera::start(CameraConfig { look, ..CameraConfig::default() }, studio.rig.machine()).await?;
        std::fs::create_dir_all(folder)?;
        let folder = folder.to_owned();
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let mut kept = 0;
            let mut at_stop = false;
            while !*stopped.borrow() {
                let jpeg = snapshot(&camera).await?;
                let truth = FrameTruth::from_jpeg(&jpeg).context("a frame without truth")?;
                let at = truth.at_middle;
                let stands = !truth.moved(TOLERANCE) && (at.x - PARK[0]).hypot(at.y - PARK[1]) < TOLERANCE;
                if stands && !at_stop {
                    kept += 1;
                    std::fs::write(folder.join(format!("{kept:06}.jpg")), &jpeg)?;
                }
                at_stop = stands;
            }
            Ok(kept)
        });
        Ok(Self { stop, task })
    }

    /// Gives how many frames it kept.
    pub(crate) async fn finish(self) -> anyhow::Result<usize> {
        self.stop.send(true).ok();
        self.task.await?
    }
}

/// Waits until the agent has its still of the finished part.
pub(crate) async fn finished(studio: &Studio) -> anyhow::Result<()> {
    studio.wait_for_log(0, "still of the finished part taken").await
}

/// The agent's store with its journal.
pub(crate) fn store(studio: &Studio, to: &Path) -> anyhow::Result<()> {
    copy(&studio.rig.data().join("moonlapse"), to)
}

async fn snapshot(camera: &Camera) -> anyhow::Result<bytes::Bytes> {
    let reply = reqwest::Client::new().get(camera.snapshot_url()).timeout(Duration::from_secs(5)).send().await?;
    ensure!(reply.status().is_success(), "the camera answered {}", reply.status());
    Ok(reply.bytes().await?)
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let from: PathBuf = entry?.path();
        let to = to.join(from.file_name().unwrap_or_default());
        if from.is_dir() {
            copy(&from, &to)?;
        } else {
            std::fs::copy(&from, &to).with_context(|| format!("copying {}", from.display()))?;
        }
    }
    Ok(())
}
