//! A camera that is a program: one run, one picture.
//!
//! The exposure begins at the earliest when the program is started, and is over when it says so (a line with
//! [`Script::shutter`]) or ends. The head may then leave while the picture is downloaded.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tracing::debug;

use super::frame::seconds;
use super::spec::Script;
use super::state::Shared;
use super::{Frame, Freshness, JpegFlaw, JpegInfo, Miss, Span};
use crate::clock::{Clock, MonoTime};
use crate::process_group::ProcessGroup;

/// One picture; a DSLR's is about 12 MB.
const MAX_PICTURE: usize = 64 << 20;
/// Longest line that is looked at in one piece, and what is kept of the last words.
const LINE_BYTES: usize = 4096;
const LAST_WORDS: usize = 300;
/// What a program's children may still write after its end.
const AFTERMATH: Duration = Duration::from_secs(1);
/// How much of the longest time from start to shutter is forgotten with each picture.
const FORGET: f64 = 0.02;

/// Runs the program when the head stands.
pub(super) async fn capture(shared: &Shared, script: &Script, still: Span) -> Result<Frame, Miss> {
    shared.clock.sleep_until(still.from).await;
    let started = shared.clock.monotonic();
    if started > still.until {
        return Err(Miss::TooLate { camera: shared.name() });
    }
    let run = run(shared, script).await.inspect_err(|miss| shared.lost(miss.clone()))?;
    let exposed = Span { from: started, until: run.released };
    let JpegInfo { width, height } = JpegInfo::read(&run.jpeg).map_err(|flaw| match flaw {
        JpegFlaw::NotJpeg => Miss::NoPicture { camera: shared.name() },
        flaw => Miss::NotAJpeg { camera: shared.name(), flaw },
    })?;
    let (width, height, freshness) = (u32::from(width), u32::from(height), Freshness::Promised);
    let took = run.released.secs_since(still.from);
    let (repeated, needed) = shared.update(|state| {
        state.facts.connected = true;
        state.facts.trouble = None;
        state.facts.resolution = Some((width, height));
        state.facts.freshness = Some(freshness);
        state.facts.latency = seconds(shared.clock.monotonic().secs_since(run.released));
        let measured = state.facts.counts.received > 0;
        state.hold = if measured { took.max(state.hold - (state.hold - took).max(0.0) * FORGET) } else { took * 1.1 };
        (state.repeats(&run.jpeg), state.needed_hold())
    });
    debug!(camera = %shared.spec.name, took, "the program's picture");
    if repeated {
        return Err(Miss::Frozen { camera: shared.name() });
    }
    if exposed.until > still.until {
        return Err(Miss::NoneInside { camera: shared.name(), held: still.length(), needed });
    }
    let received = shared.clock.monotonic();
    Ok(Frame { jpeg: run.jpeg, width, height, exposed, freshness, received })
}

struct Run {
    jpeg: Bytes,
    /// When the exposure was over.
    released: MonoTime,
}

async fn run(shared: &Shared, script: &Script) -> Result<Run, Miss> {
    let camera = || shared.name();
    let counts = shared.state().facts.counts;
    let number = counts.taken + counts.missed + 1;
    let program = script.command.first().cloned().unwrap_or_default();
    let no_program = |error: std::io::Error| Miss::NoProgram {
        camera: camera(),
        program: program.clone(),
        detail: error.to_string(),
    };
    // Nobody else can look into it.
    let folder = tempfile::Builder::new().prefix("moonlapse-camera-").tempdir().map_err(no_program)?;
    let file = folder.path().join("picture.jpg");
    let to_file = script.command.iter().any(|word| word.contains("{file}"));
    let words = filled_in(&script.command, &file, &shared.spec.name, number);
    let mut child = spawn(&words, folder.path()).map_err(no_program)?;
    let mut group = ProcessGroup::of(&child);
    let heard = Heard { clock: shared.clock, shutter: script.shutter.as_bytes(), notes: Mutex::default() };
    let outcome = timeout(script.timeout, heard.listen(&mut child, !to_file)).await;
    let Ok(status) = outcome else {
        group.kill();
        let _reaped = timeout(AFTERMATH, child.wait()).await;
        return Err(Miss::ProgramHung { camera: camera(), limit: script.timeout });
    };
    group.disarm();
    let ended = shared.clock.monotonic();
    let status = status.map_err(no_program)?;
    let notes = heard.notes.into_inner().unwrap_or_else(PoisonError::into_inner);
    if !status.success() {
        let words = String::from_utf8_lossy(&notes.last_words).trim().replace('\n', " / ");
        return Err(Miss::ProgramFailed { camera: camera(), status: status.to_string(), words });
    }
    let jpeg = if to_file { read_picture(&file).await } else { Some(notes.picture.freeze()) };
    let jpeg = jpeg.filter(|jpeg| !jpeg.is_empty()).ok_or_else(|| Miss::NoPicture { camera: camera() })?;
    Ok(Run { jpeg, released: notes.released.unwrap_or(ended) })
}

/// The command with its placeholders filled in. They are whole or parts of arguments; no shell sees them.
fn filled_in(command: &[String], file: &Path, camera: &str, number: u64) -> Vec<String> {
    let fill = |word: &String| {
        word.replace("{file}", &file.to_string_lossy())
            .replace("{camera}", camera)
            .replace("{number}", &number.to_string())
    };
    command.iter().map(fill).collect()
}

fn spawn(words: &[String], folder: &Path) -> std::io::Result<Child> {
    let (program, arguments) = words.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
    Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

async fn read_picture(file: &Path) -> Option<Bytes> {
    let length = tokio::fs::metadata(file).await.ok()?.len();
    if length > MAX_PICTURE as u64 {
        return None;
    }
    tokio::fs::read(file).await.ok().map(Bytes::from)
}

/// What a program's output told.
#[derive(Debug, Default)]
struct Notes {
    released: Option<MonoTime>,
    last_words: Vec<u8>,
    picture: BytesMut,
}

struct Heard<'a> {
    clock: Clock,
    shutter: &'a [u8],
    notes: Mutex<Notes>,
}

impl Heard<'_> {
    /// Reads both outputs until the program has ended.
    async fn listen(&self, child: &mut Child, picture: bool) -> std::io::Result<ExitStatus> {
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let reads = async { tokio::join!(self.read(out, picture), self.read(err, false)) };
        tokio::pin!(reads);
        let mut read = false;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status,
                _ = &mut reads, if !read => read = true,
            }
        };
        if !read {
            // A child of it may hold the pipes open for ever.
            let _all = timeout(AFTERMATH, reads).await;
        }
        status
    }

    /// Lines, and, where a picture is expected, the picture behind them.
    async fn read(&self, pipe: Option<impl AsyncRead + Unpin>, picture: bool) {
        let Some(mut pipe) = pipe else { return };
        let mut buffer = BytesMut::new();
        let mut in_picture = false;
        while pipe.read_buf(&mut buffer).await.is_ok_and(|n| n > 0) {
            if !in_picture && picture {
                in_picture = self.lines_before_picture(&mut buffer);
            } else if !in_picture {
                self.lines(&mut buffer);
            }
            if in_picture {
                let mut notes = self.notes();
                if notes.picture.len() + buffer.len() <= MAX_PICTURE {
                    notes.picture.extend_from_slice(&buffer);
                }
                drop(notes);
                buffer.clear();
            }
        }
        self.line(&buffer);
    }

    /// Whether the picture has begun; it is what is left in the buffer then.
    fn lines_before_picture(&self, buffer: &mut BytesMut) -> bool {
        let begin = memmem::find(buffer, &[0xFF, 0xD8, 0xFF]);
        if let Some(begin) = begin {
            let text = buffer.split_to(begin);
            text.as_ref().split(|&byte| byte == b'\n').for_each(|line| self.line(line));
        } else {
            self.lines(buffer);
        }
        begin.is_some()
    }

    /// Takes whole lines out of the buffer.
    fn lines(&self, buffer: &mut BytesMut) {
        while let Some(end) = memchr::memchr2(b'\n', b'\r', buffer) {
            let line = buffer.split_to(end + 1);
            self.line(&line);
        }
        if buffer.len() > LINE_BYTES {
            let keep = buffer.len() - self.shutter.len().min(LINE_BYTES);
            let line = buffer.split_to(keep);
            self.line(&line);
        }
    }

    fn line(&self, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        let mut notes = self.notes();
        if notes.released.is_none() && !self.shutter.is_empty() && memmem::find(line, self.shutter).is_some() {
            notes.released = Some(self.clock.monotonic());
        }
        notes.last_words.extend_from_slice(line);
        let surplus = notes.last_words.len().saturating_sub(LAST_WORDS);
        notes.last_words.drain(..surplus);
    }

    fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
