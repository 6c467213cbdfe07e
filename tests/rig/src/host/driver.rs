//! What tests do with a rig: run G-code, print files, wait for the printer.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use reqwest::multipart::{Form, Part as FormPart};
use serde_json::{Value, json};

use super::link::Stamped;
use super::process::tail;
use super::{Part, READY, Rig, Status};

/// How long a script may take unless a test says otherwise; heating and homing are within it.
const SCRIPT: Duration = Duration::from_secs(120);
/// How long Moonraker may take for an answer of its own.
const ANSWER: Duration = Duration::from_secs(30);

/// What happened since [`Rig::record`].
#[derive(Clone, Debug)]
pub struct Recording {
    states_from: usize,
    console_from: usize,
    log_from: usize,
}

impl Recording {
    /// The number of the first state of the print that belongs to it.
    #[must_use]
    pub fn states_from(&self) -> usize {
        self.states_from
    }

    /// The number of the first line of the console that belongs to it.
    #[must_use]
    pub fn console_from(&self) -> usize {
        self.console_from
    }
}

impl Rig {
    /// Runs a G-code script and waits for its end.
    ///
    /// # Errors
    ///
    /// With Klipper's words when it refuses, or after two minutes.
    pub async fn gcode(&self, script: &str) -> anyhow::Result<()> {
        self.call("printer.gcode.script", json!({"script": script}), SCRIPT)
            .await
            .with_context(|| format!("running {script:?}"))?;
        Ok(())
    }

    /// Calls a method of Moonraker.
    ///
    /// # Errors
    ///
    /// With Moonraker's words when it refuses; when there is no answer within `limit`.
    pub async fn call(&self, method: &str, params: Value, limit: Duration) -> anyhow::Result<Value> {
        self.link.call(method, params, limit).await
    }

    /// Uploads a file to the `gcodes` root, as slicers do.
    ///
    /// # Errors
    ///
    /// When Moonraker does not take it.
    pub async fn upload(&self, name: &str, contents: impl Into<Vec<u8>>) -> anyhow::Result<()> {
        let file = FormPart::bytes(contents.into()).file_name(name.to_owned());
        let form = Form::new().text("root", "gcodes").part("file", file);
        let request = self.http.post(format!("{}/server/files/upload", self.url())).multipart(form).timeout(ANSWER);
        request.send().await?.error_for_status().with_context(|| format!("uploading {name}"))?;
        Ok(())
    }

    /// Starts to print an uploaded file.
    ///
    /// # Errors
    ///
    /// When Klipper refuses.
    pub async fn start_print(&self, name: &str) -> anyhow::Result<()> {
        // The state of an earlier print of the same file is no start of this one.
        let from = self.with_status(|status| status.print_states.len());
        self.call("printer.print.start", json!({"filename": name}), SCRIPT).await?;
        self.wait_for("the print to start", ANSWER, |status| {
            let changes = status.print_states.get(from..).unwrap_or_default();
            status.get("print_stats", "filename") == name && changes.iter().any(|state| state.text == "printing")
        })
        .await
    }

    /// Uploads a file and starts to print it.
    ///
    /// # Errors
    ///
    /// When either fails.
    pub async fn print(&self, name: &str, contents: impl Into<Vec<u8>>) -> anyhow::Result<()> {
        self.upload(name, contents).await?;
        self.start_print(name).await
    }

    /// Heats the hotend, and the bed unless 0 (°C), and waits for that. The sliced files of the tests do not heat.
    ///
    /// # Errors
    ///
    /// When Klipper refuses.
    pub async fn preheat(&self, hotend: f64, bed: f64) -> anyhow::Result<()> {
        let bed = if bed > 0.0 { format!("M140 S{bed}\nM190 S{bed}\n") } else { String::new() };
        self.gcode(&format!("M104 S{hotend}\n{bed}M109 S{hotend}")).await
    }

    /// Prints faster or slower: M220, in percent of the file's speed.
    ///
    /// # Errors
    ///
    /// When Klipper refuses.
    pub async fn speed(&self, percent: f64) -> anyhow::Result<()> {
        self.gcode(&format!("M220 S{percent}")).await
    }

    /// Looks at the printer's present status.
    pub fn with_status<T>(&self, look: impl FnOnce(&Status) -> T) -> T {
        look(&self.link.status().borrow())
    }

    /// Waits until the status fulfils `condition`; `what` names it in the error.
    ///
    /// # Errors
    ///
    /// When that does not happen within `limit`; the error then says how things are.
    pub async fn wait_for(
        &self,
        what: &str,
        limit: Duration,
        condition: impl FnMut(&Status) -> bool,
    ) -> anyhow::Result<()> {
        let mut status = self.link.status();
        let fulfilled = tokio::time::timeout(limit, status.wait_for(condition)).await;
        if let Ok(done) = fulfilled {
            done.context("the rig's line to Moonraker is gone")?;
            return Ok(());
        }
        let (klippy, print, console) = self.with_status(|status| {
            let console = &status.console[status.console.len().saturating_sub(15)..];
            let console: Vec<&str> = console.iter().map(|line| line.text.as_str()).collect();
            (status.klippy.clone(), status.objects.get("print_stats").cloned(), console.join("\n"))
        });
        bail!(
            "waited {limit:?} for {what}; Klipper is {klippy:?}, print_stats {print:?}; the console:\n{console}\n\
             klippy.log:\n{}\nmoonraker.log:\n{}",
            tail(&self.log(Part::Klippy), 15),
            tail(&self.log(Part::Moonraker), 15),
        )
    }

    /// Waits until Klipper is ready.
    ///
    /// # Errors
    ///
    /// When it has an error, or is not ready within two minutes.
    pub async fn wait_ready(&self) -> anyhow::Result<()> {
        self.wait_for("Klipper to be ready", READY, |status| matches!(status.klippy.as_str(), "ready" | "error"))
            .await?;
        let state = self.with_status(|status| status.klippy.clone());
        ensure!(state == "ready", "Klipper has an error:\n{}", tail(&self.log(Part::Klippy), 30));
        Ok(())
    }

    /// Waits until the print has ended in any way, and tells how: `complete`, `cancelled` or `error`.
    ///
    /// # Errors
    ///
    /// When it has not ended within `limit`.
    pub async fn wait_print_end(&self, limit: Duration) -> anyhow::Result<String> {
        self.wait_for("the print to end", limit, |status| {
            !matches!(status.print_state(), "printing" | "paused") || status.klippy != "ready"
        })
        .await?;
        Ok(self.with_status(|status| status.print_state().to_owned()))
    }

    /// Waits until all queued motion is done.
    ///
    /// # Errors
    ///
    /// When Klipper refuses.
    pub async fn settle(&self) -> anyhow::Result<()> {
        self.gcode("M400").await
    }

    /// Begins a recording of the states of the print and of the console.
    #[must_use]
    pub fn record(&self) -> Recording {
        let log_from = self.log(Part::Klippy).len();
        self.with_status(|status| Recording {
            states_from: status.print_states.len(),
            console_from: status.console.len(),
            log_from,
        })
    }

    /// The values that `print_stats.state` has taken since then, as far as they lasted: Klipper tells changes four
    /// times a second. [`Rig::print_starts`] misses nothing.
    #[must_use]
    pub fn print_states(&self, since: &Recording) -> Vec<String> {
        self.with_status(|status| texts(&status.print_states[since.states_from..]))
    }

    /// How often Klipper has begun to run the file since then, by its log: once, and once more after each pause however
    /// short.
    #[must_use]
    pub fn print_starts(&self, since: &Recording) -> usize {
        self.log_since(since).matches("Starting SD card print").count()
    }

    /// What klippy.log has had since then.
    #[must_use]
    pub fn log_since(&self, since: &Recording) -> String {
        self.log(Part::Klippy).get(since.log_from..).unwrap_or_default().to_owned()
    }

    /// The lines on the console since then.
    #[must_use]
    pub fn console(&self, since: &Recording) -> Vec<String> {
        self.with_status(|status| texts(&status.console[since.console_from..]))
    }
}

fn texts(stamped: &[Stamped]) -> Vec<String> {
    stamped.iter().map(|one| one.text.clone()).collect()
}
