//! Which encoder makes the film. Drivers promise what they do not keep, so hardware is tried before it is trusted.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::command;
use super::process::Run;
use super::profile::{Encoder, EncoderArgs, Stream};
use super::tools::{Priority, prefix};
use super::{Fps, PrintWatch, RenderError, Tools};

/// A few frames take well under a second; a driver that hangs takes for ever.
const TRIAL_TIME: Duration = Duration::from_secs(30);

/// An encoder that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// ffmpeg's name of it.
    pub encoder: String,
    /// Why it is not the one that was wanted.
    pub warnings: Vec<String>,
}

/// Encodes a few frames as a film would be, to see whether it can be made.
///
/// # Errors
/// In ffmpeg's words.
pub async fn try_encoder(encoder: &Encoder, tools: &Tools, cancel: &CancellationToken) -> Result<Trial, String> {
    let program = tools.find_ffmpeg().map_err(|error| error.to_string())?;
    let prefix = prefix(Priority::Low);
    let trials = Trials { program: &program, prefix: &prefix, print_watch: &tools.print_watch, cancel };
    // What hardware can do depends on the size.
    let stream = Stream { width: 1280, height: 720, fps: Fps::whole(30) };
    let mut warnings = Vec::new();
    let args = trials.choose(encoder, stream, &mut warnings).await.map_err(|error| error.to_string())?;
    trials.trial(&args, stream).await.map_err(|error| error.to_string())??;
    let name = args.args.iter().skip_while(|arg| *arg != "-c:v").nth(1);
    Ok(Trial { encoder: name.cloned().unwrap_or_default(), warnings })
}

/// What trials need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trials<'a> {
    pub(super) program: &'a Path,
    pub(super) prefix: &'a [OsString],
    pub(super) print_watch: &'a PrintWatch,
    pub(super) cancel: &'a CancellationToken,
}

impl Trials<'_> {
    /// The arguments of the encoder that the profile asks for, or of the next best that works, with a warning.
    pub(super) async fn choose(
        &self,
        encoder: &Encoder,
        stream: Stream,
        warnings: &mut Vec<String>,
    ) -> Result<EncoderArgs, RenderError> {
        if let Some(hardware) = encoder.hardware {
            let reason = match encoder.hardware(hardware, stream) {
                None => format!("it has no encoder for {}", encoder.codec.name()),
                Some(args) => match self.trial(&args, stream).await? {
                    Ok(()) => return Ok(args),
                    Err(reason) => reason,
                },
            };
            let warning = format!("{} does not work here ({reason}); the film is made in software", hardware.name());
            tracing::warn!(warning);
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        let (last, earlier) = match encoder.libraries() {
            [earlier @ .., last] => (*last, earlier),
            [] => ("", [].as_slice()),
        };
        for library in earlier {
            let small = Stream { width: 128, height: 128, fps: Fps::whole(25) };
            if self.trial(&encoder.software(library, small), small).await?.is_ok() {
                return Ok(encoder.software(library, stream));
            }
        }
        // ffmpeg itself will say when it lacks this one too.
        Ok(encoder.software(last, stream))
    }

    /// Encodes a few grey frames.
    async fn trial(&self, args: &EncoderArgs, stream: Stream) -> Result<Result<(), String>, RenderError> {
        let args = command::trial_args(args, stream);
        let run = Run {
            prefix: self.prefix,
            program: self.program,
            args: &args,
            stall_after: TRIAL_TIME,
            print_watch: self.print_watch,
            leaves_free: None,
        };
        match run.go(self.cancel, |_| false).await {
            Ok((status, _)) if status.success() => Ok(Ok(())),
            Ok((_, transcript)) => Ok(Err(transcript.stderr.lines().next().unwrap_or("it said nothing").to_owned())),
            Err(RenderError::Cancelled) => Err(RenderError::Cancelled),
            Err(error) => Ok(Err(error.to_string())),
        }
    }
}
