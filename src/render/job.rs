//! One render while it runs.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Zoned;
use tokio_util::sync::CancellationToken;

use super::command::{self, Encode};
use super::film::{FilmRequest, Progress, blocking};
use super::hardware::Trials;
use super::process::{Run, check};
use super::profile::{Codec, EncoderArgs, Format, Stream};
use super::progress::FfmpegProgress;
use super::recipe::{Chain, Cut, Source};
use super::reel::{Reel, pair};
use super::scratch::Scratch;
use super::segments::{Join, Recipe};
use super::survey::{Survey, survey};
use super::timing::{Shown, Timeline};
use super::tokens::FilmFacts;
use super::tools::{Priority, prefix};
use super::verify::{Contents, Expected, flaw, verify};
use super::{DEFAULT, Print, Profile, RenderError, Skipped, Tools, Transcript, escape, names, overlay, webp};
use crate::session::{JpegInfo, View};

/// What came out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made {
    /// Frames of the film.
    pub(super) frames: u32,
    /// Frames of the camera in it.
    pub(super) taken: u32,
    /// Frames a second.
    pub(super) fps: f64,
    /// s.
    pub(super) duration_s: f64,
}

/// One camera's frames, looked at.
#[derive(Debug)]
pub(super) struct SurveyedReel {
    pub(super) survey: Survey,
    pub(super) source: Source,
    camera: Option<String>,
    number: u32,
    view: View,
    /// A whole picture of the finished part.
    hero: Option<PathBuf>,
}

/// How closely the frames are looked at before the film is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looks {
    /// Each is read, and broken ones are left out.
    Everything,
    /// What the journal knows is believed: segments were looked at when they were made, and the film is verified.
    Journal,
}

/// One render while it runs.
pub(super) struct Job<'a, F> {
    pub(super) profile: Profile,
    pub(super) print: Print,
    pub(super) output_dir: PathBuf,
    pub(super) made_at: Zoned,
    pub(super) scratch: Scratch,
    /// The leading one first.
    pub(super) reels: Vec<SurveyedReel>,
    pub(super) warnings: Vec<String>,
    suffix: String,
    tools: Tools,
    program: PathBuf,
    prefix: Vec<OsString>,
    on_progress: F,
    pub(super) cancel: &'a CancellationToken,
}

impl<'a, F: FnMut(Progress) + Send> Job<'a, F> {
    /// Looks at everything that the film is to be made from.
    pub(super) async fn prepare(
        request: FilmRequest,
        looks: Looks,
        on_progress: F,
        cancel: &'a CancellationToken,
    ) -> Result<Self, RenderError> {
        let FilmRequest { mut reels, print, output_dir, suffix, made_at, profile, tools, .. } = request;
        // ffmpeg reads names in a list as relative to the list.
        let output_dir = absolute(output_dir);
        for reel in &mut reels {
            reel.hero = reel.hero.take().map(absolute);
            for frame in &mut reel.frames {
                frame.path = absolute(std::mem::take(&mut frame.path));
            }
        }
        let program = tools.find_ffmpeg()?;
        let mut warnings = Vec::new();
        if let Some(watermark) = profile.watermark.as_ref().map(|watermark| &watermark.file)
            && !watermark.is_file()
        {
            return Err(RenderError::NoSuchFile { what: "watermark", path: watermark.clone() });
        }
        let chosen = choose(&profile, reels, &mut warnings)?;
        let (token, folder, asked) = (cancel.clone(), output_dir.clone(), profile.clone());
        let priority = if tools.print_watch.is_printing() { Priority::Idle } else { Priority::Low };
        let look = move || {
            fs::create_dir_all(&folder).map_err(|error| RenderError::io("create", &folder, error))?;
            let mut surveyed = Vec::new();
            for (i, reel) in chosen.into_iter().enumerate() {
                let Reel { number, camera, frames, view, hero } = reel;
                let seen = match looks {
                    Looks::Everything => survey(&frames, &token),
                    Looks::Journal => Survey::of_journal(&frames).ok_or(RenderError::NoFrames),
                };
                match seen {
                    Ok(survey) => {
                        let (part, turn) = (view.crop, asked.turn_of(number, &view));
                        let source = Source { width: survey.width, height: survey.height, part, turn };
                        let hero = whole(hero, &mut warnings);
                        surveyed.push(SurveyedReel { survey, source, camera, number, view, hero });
                    }
                    Err(error) if i == 0 || matches!(error, RenderError::Cancelled) => return Err(error),
                    Err(error) => warnings.push(format!(
                        "the film is without the camera {}: {error}",
                        camera.as_deref().unwrap_or("(no name)")
                    )),
                }
            }
            Ok((surveyed, warnings, prefix(priority)))
        };
        let (reels, warnings, prefix) = blocking(look).await?;
        let scratch = Scratch::new(&output_dir);
        Ok(Self {
            profile,
            print,
            output_dir,
            made_at,
            scratch,
            reels,
            warnings,
            suffix,
            tools,
            program,
            prefix,
            on_progress,
            cancel,
        })
    }

    /// Encodes all frames into the temporary film, and looks whether it is right.
    pub(super) async fn encode_and_verify(&mut self) -> Result<Made, RenderError> {
        let timeline = self.timeline();
        let (lists, script) = self.write_lists(&timeline).await?;
        let cut = Cut { timeline: Some(&timeline), overlay: script.map(|script| (script, timeline.fps)) };
        let mut chain = Chain::new(&self.profile, &self.sources(), &cut);
        let stream = Stream { width: chain.width, height: chain.height, fps: timeline.fps };
        let EncoderArgs { device, upload, args } = self.choose_encoder(stream).await?;
        if self.profile.format == Format::Gif {
            chain = self.palette(&lists, &chain, &timeline).await?;
        }
        if let Some(upload) = upload {
            chain = chain.then(upload.to_owned());
        }
        let mut output_options = args;
        output_options.extend(self.tags());
        output_options.extend(self.profile.extra.args.iter().cloned());
        let muxer = self.profile.format.muxer(self.profile.encoder.codec);
        output_options.extend(muxer.into_iter().map(str::to_owned));
        let (output, fps) = (self.scratch.film(), timeline.fps);
        let encode = Encode { lists, output, fps, device, filters: chain.args(), output_options };
        let total = timeline.len();
        tracing::debug!(profile = self.profile.name, frames = total, %fps, "render started");
        let mut shown = None;
        let mut progress = FfmpegProgress::default();
        let on_progress = &mut self.on_progress;
        let args = encode.args();
        let run = self.tools.write(&self.prefix, &self.program, &args, &self.output_dir);
        let (status, transcript) = run
            .go(self.cancel, |line| {
                let advanced = progress.line(line);
                let now = Progress { frame: progress.frame.min(total), frames: total };
                if shown != Some(now.percent()) {
                    shown = Some(now.percent());
                    on_progress(now);
                }
                advanced
            })
            .await?;
        let transcript = check(status, transcript, &self.output_dir)?;
        let exact = self.profile.extra.keeps_frames;
        let timeless = matches!(self.profile.format, Format::Mpeg | Format::Vob);
        let expected = Expected { frames: total, fps: fps.as_f64(), exact, timeless, container: None };
        let contents = self.verify(&encode.output, expected, transcript).await?;
        let taken = taken(&timeline);
        Ok(Made { frames: contents.frames, taken, fps: fps.as_f64(), duration_s: contents.duration_s })
    }

    /// Makes the temporary film of segments and of what they lack. `None` when that is not possible: there are none, or they
    /// do not fit together, and then all frames are encoded.
    pub(super) async fn join(&mut self, segments: &Path) -> Result<Option<Made>, RenderError> {
        let [lead] = self.reels.as_slice() else { return Ok(None) };
        let SurveyedReel { survey: Survey { frames, width, height, .. }, number, view, hero, .. } = lead;
        let Ok(recipe) = Recipe::of(&self.profile, *number, view, (*width, *height)) else { return Ok(None) };
        let (timeline, tags) = (self.timeline(), self.tags());
        let join = Join {
            recipe: &recipe,
            tools: &self.tools,
            program: &self.program,
            prefix: &self.prefix,
            scratch: &self.scratch,
            output_dir: &self.output_dir,
            tags: &tags,
            segments,
            frames,
            timeline: &timeline,
            hero: hero.as_deref(),
        };
        match join.go(&mut self.on_progress, self.cancel).await {
            Ok(None) => Ok(None),
            Ok(Some((frames, duration_s))) => {
                Ok(Some(Made { frames, taken: taken(&timeline), fps: timeline.fps.as_f64(), duration_s }))
            }
            // The other kind of film needs more room and more memory, not less. (A broken segment that crashes ffmpeg gives
            // another signal.)
            Err(
                error @ (RenderError::Cancelled
                | RenderError::DiskFull { .. }
                | RenderError::NoMemory
                | RenderError::Killed { signal: 9, .. }),
            ) => Err(error),
            Err(error) => {
                tracing::warn!(%error, "the segments cannot be joined; all frames are encoded");
                Ok(None)
            }
        }
    }

    async fn verify(&self, film: &Path, expected: Expected, made: Transcript) -> Result<Contents, RenderError> {
        if self.profile.format != Format::Webp {
            return verify(film, expected, &self.tools, &self.prefix, self.cancel).await;
        }
        // ffmpeg writes what it cannot read.
        let path = film.to_owned();
        let contents = blocking(move || webp::contents(&path).map_err(|error| RenderError::io("read", &path, error)));
        let contents = contents.await?;
        let of_times = Expected { frames: contents.frames, exact: false, ..expected };
        let duration_s = f64::from(expected.frames) / expected.fps;
        let reason = if expected.exact && (contents.duration_s - duration_s).abs() > 0.5 / expected.fps {
            Some(format!("it lasts {:.3} s instead of {duration_s:.3} s", contents.duration_s))
        } else {
            flaw(contents, of_times)
        };
        match reason {
            // Equal frames in a row are stored as one that lasts longer.
            None => Ok(Contents { frames: expected.frames, ..contents }),
            Some(reason) => Err(RenderError::Unsound { reason, transcript: made }),
        }
    }

    /// After a failure: changes what can be changed, so that another try makes sense; else gives the error back.
    pub(super) async fn mend(&mut self, error: RenderError) -> Result<(), RenderError> {
        let from_encoder = matches!(
            error,
            RenderError::Unsound { .. }
                | RenderError::Failed { .. }
                | RenderError::Refused { .. }
                | RenderError::Stalled { .. }
                | RenderError::Killed { .. }
        );
        if let (true, Some(hardware)) = (from_encoder, self.profile.encoder.hardware.take()) {
            let warning = format!("the encoder {} failed ({error}); the film was made in software", hardware.name());
            tracing::warn!(warning);
            self.warnings.push(warning);
            return Ok(());
        }
        match error {
            RenderError::Unsound { .. } if self.drop_undecodable_frames().await? > 0 => Ok(()),
            error => Err(error),
        }
    }

    /// Frames that look whole and that ffmpeg cannot decode are left out. Gives how many.
    async fn drop_undecodable_frames(&mut self) -> Result<usize, RenderError> {
        let mut bad = 0;
        for at in 0..self.reels.len() {
            let frames = std::mem::take(&mut self.reels[at].survey.frames);
            let mut good = Vec::with_capacity(frames.len());
            for frame in frames {
                let mut progress = FfmpegProgress::default();
                let args = command::decode_args(&frame.path, None);
                let (status, transcript) = self.run(&args).go(self.cancel, |line| progress.line(line)).await?;
                if status.success() && progress.frame == 1 {
                    good.push(frame);
                    continue;
                }
                bad += 1;
                let reason = transcript.stderr.lines().next_back().unwrap_or("ffmpeg cannot decode it").to_owned();
                tracing::warn!(frame = %frame.path.display(), reason, "frame left out of the film");
                self.reels[at].survey.skipped.push(Skipped { path: frame.path, reason });
            }
            let survey = &mut self.reels[at].survey;
            if let ([], Some(first)) = (good.as_slice(), survey.skipped.first()) {
                let (count, first) = (survey.skipped.len(), first.reason.clone());
                return Err(RenderError::NoUsableFrames { count, first });
            }
            survey.frames = good;
        }
        Ok(bad)
    }

    /// The film's name without its ending.
    pub(super) fn stem(&self) -> Result<String, RenderError> {
        let mut stem = match &self.profile.file_name {
            Some(template) => names::of_template(template, &self.facts()),
            None => names::stem(&self.print.file, &self.made_at, &self.profile.time_format)?,
        };
        let name = Some(self.profile.name.as_str()).filter(|&name| name != DEFAULT && self.profile.file_name.is_none());
        for part in [self.suffix.as_str()].into_iter().chain(name).filter(|part| !part.is_empty()) {
            stem.push('_');
            stem.push_str(&names::plain(part));
        }
        Ok(stem)
    }

    pub(super) fn timeline(&self) -> Timeline {
        let frames = self.reels.first().map_or(0, |reel| reel.survey.frames.len());
        self.profile.timing.timeline(frames, self.profile.encoder.codec)
    }

    pub(super) fn sources(&self) -> Vec<Source> {
        self.reels.iter().map(|reel| reel.source).collect()
    }

    pub(super) fn facts(&self) -> FilmFacts<'_> {
        let lead = self.reels.first();
        FilmFacts {
            print: &self.print,
            profile: &self.profile.name,
            camera: lead.and_then(|reel| reel.camera.as_deref()),
            frames: lead.map_or(&[], |reel| reel.survey.frames.as_slice()),
            fps: self.timeline().fps.to_string(),
            made_at: &self.made_at,
            time_format: &self.profile.time_format,
        }
    }

    /// The files of what is shown, one for each camera.
    pub(super) fn pictures(&self, shown: Shown) -> Vec<PathBuf> {
        let one = Timeline { fps: super::Fps::whole(1), order: vec![shown] };
        self.files(&one).into_iter().filter_map(|files| files.first().map(|&path| path.to_owned())).collect()
    }

    /// For each camera, the files that the film shows one after the other.
    fn files(&self, timeline: &Timeline) -> Vec<Vec<&Path>> {
        let Some(lead) = self.reels.first().map(|reel| &reel.survey.frames) else { return Vec::new() };
        let last = lead.len().saturating_sub(1);
        let mut lists = Vec::new();
        for (i, SurveyedReel { survey: Survey { frames, .. }, hero, .. }) in self.reels.iter().enumerate() {
            let pairs = if i == 0 { (0..frames.len()).collect() } else { pair(lead, frames) };
            let file = |shown: &Shown| match (shown, hero) {
                (Shown::Hero, Some(hero)) => Some(hero.as_path()),
                _ => {
                    let index = frame_index(*shown).unwrap_or(last);
                    pairs.get(index).and_then(|&index| frames.get(index)).map(|frame| frame.path.as_path())
                }
            };
            lists.push(timeline.order.iter().filter_map(file).collect());
        }
        lists
    }

    /// Writes what ffmpeg reads: a list of frames for each camera, and the script of the overlay.
    async fn write_lists(&self, timeline: &Timeline) -> Result<(Vec<PathBuf>, Option<PathBuf>), RenderError> {
        let mut lists = Vec::new();
        for (i, files) in self.files(timeline).into_iter().enumerate() {
            let list = self.scratch.list_of(i);
            write(&list, command::frame_list(files)?).await?;
            lists.push(list);
        }
        let Some(texts) = &self.profile.overlay else { return Ok((lists, None)) };
        let size = Chain::new(&self.profile, &self.sources(), &Cut::default());
        let text = overlay::script(texts, &timeline.order, (size.width, size.height), &self.facts());
        let script = self.scratch.script();
        write(&script, text).await?;
        Ok((lists, Some(script)))
    }

    async fn choose_encoder(&mut self, stream: Stream) -> Result<EncoderArgs, RenderError> {
        let trials = Trials {
            program: &self.program,
            prefix: &self.prefix,
            print_watch: &self.tools.print_watch,
            cancel: self.cancel,
        };
        let args = trials.choose(&self.profile.encoder, stream, &mut self.warnings).await?;
        Ok(args)
    }

    /// Looks for the colours of a GIF, and gives the chain that uses them. In one go ffmpeg would keep the whole film in
    /// memory, so the frames are read twice.
    async fn palette(&self, lists: &[PathBuf], chain: &Chain, timeline: &Timeline) -> Result<Chain, RenderError> {
        debug_assert_eq!(self.profile.encoder.codec, Codec::Gif);
        let palette = self.scratch.palette();
        // Not `stats_mode=diff`: it leaves out the colours of the last frame.
        let encode = Encode {
            lists: lists.to_vec(),
            output: palette.clone(),
            fps: timeline.fps,
            device: Vec::new(),
            filters: chain.then("palettegen".to_owned()).args(),
            output_options: ["-frames:v", "1", "-c:v", "png", "-f", "image2", "-update", "1"]
                .map(str::to_owned)
                .to_vec(),
        };
        // It shows no progress before its end.
        let stall_after = self.tools.stall_after + super::verify::PROBE_TIME_PER_FRAME * timeline.len();
        let args = encode.args();
        let run = Run { stall_after, ..self.run(&args) };
        let (status, transcript) = run.go(self.cancel, |_| false).await?;
        check(status, transcript, &self.output_dir)?;
        Ok(chain.then(format!(
            "null[full];movie={}[palette];[full][palette]paletteuse=dither=bayer:bayer_scale=4:diff_mode=rectangle",
            escape::filter_value(&palette)
        )))
    }

    /// Tags of the film that say where it comes from.
    fn tags(&self) -> Vec<String> {
        let facts = self.facts();
        let mut notes = vec![format!("Moonlapse {}", env!("CARGO_PKG_VERSION"))];
        let print = facts.print;
        let named = [("job", &print.job_id), ("session", &print.session)];
        notes.extend(named.iter().filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} {value}"))));
        notes.push(format!("profile {}", self.profile.name));
        let title = print.file.rsplit('/').next().unwrap_or_default();
        let mut tags = Vec::new();
        for (key, value) in [("title", title), ("comment", &notes.join(", "))] {
            if !value.is_empty() {
                tags.extend(["-metadata".to_owned(), format!("{key}={value}")]);
            }
        }
        tags
    }

    pub(super) fn run<'b>(&'b self, args: &'b [OsString]) -> Run<'b> {
        self.tools.run(&self.prefix, &self.program, args)
    }
}

fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

/// The still, when it is a whole picture.
fn whole(hero: Option<PathBuf>, warnings: &mut Vec<String>) -> Option<PathBuf> {
    hero.filter(|path| {
        let whole = fs::read(path).is_ok_and(|jpeg| JpegInfo::read(&jpeg).is_ok());
        if !whole {
            warnings.push(format!("the still {} cannot be read; the last frame stands for it", path.display()));
        }
        whole
    })
}

/// The reels that the profile shows, in its order.
fn choose(profile: &Profile, mut reels: Vec<Reel>, warnings: &mut Vec<String>) -> Result<Vec<Reel>, RenderError> {
    if reels.iter().all(|reel| reel.frames.is_empty()) {
        return Err(RenderError::NoFrames);
    }
    let there: Vec<String> = reels.iter().filter_map(|reel| reel.camera.clone()).collect();
    let mut chosen = Vec::new();
    for camera in &profile.cameras {
        match reels.iter().position(|reel| reel.camera.as_ref() == Some(camera)) {
            Some(at) => chosen.push(reels.remove(at)),
            None => warnings.push(format!("no frames of the camera {camera}; there are some of: {}", there.join(", "))),
        }
    }
    if chosen.is_empty() {
        chosen = reels;
    }
    chosen.truncate(profile.layout.most_cameras());
    Ok(chosen)
}

/// How many frames of the camera are in the film, each counted once.
fn taken(timeline: &Timeline) -> u32 {
    let taken: HashSet<usize> = timeline.order.iter().filter_map(|shown| frame_index(*shown)).collect();
    u32::try_from(taken.len()).unwrap_or(u32::MAX)
}

fn frame_index(shown: Shown) -> Option<usize> {
    match shown {
        Shown::Frame(index) => Some(index),
        Shown::Hero => None,
    }
}

pub(super) async fn write(path: &Path, text: String) -> Result<(), RenderError> {
    tokio::fs::write(path, text).await.map_err(|error| RenderError::io("write", path, error))
}
