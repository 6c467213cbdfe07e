//! The arguments of an encoder. Nothing here depends on a film's length, so they hold for a piece of a film too.

use super::super::Fps;
use super::Codec;

/// How good, or how large.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quality {
    /// On the codec's own scale, see [`Codec::quality`].
    Scale(u32),
    /// Bits a second, as ffmpeg writes it (`6M`, `800k`).
    Bitrate(String),
}

/// Encoders in hardware. They are faster where frames come in hundreds, and never better than the software.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the interfaces'")]
pub enum Hardware {
    V4l2m2m,
    Vaapi,
    Qsv,
    Nvenc,
}

impl Hardware {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::V4l2m2m, Self::Vaapi, Self::Qsv, Self::Nvenc];

    /// Its name in a profile and in ffmpeg's names of encoders.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V4l2m2m => "v4l2m2m",
            Self::Vaapi => "vaapi",
            Self::Qsv => "qsv",
            Self::Nvenc => "nvenc",
        }
    }
}

/// How pictures become a film.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoder {
    /// The codec.
    pub codec: Codec,
    /// The hardware that is to do it, if it can.
    pub hardware: Option<Hardware>,
    /// How good.
    pub quality: Quality,
    /// Speed against size; the codec's own word or number.
    pub preset: Option<String>,
    /// Threads; each costs memory.
    pub threads: u32,
    /// ffmpeg's name.
    pub pixel_format: String,
}

/// What the arguments depend on beside the profile.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Stream {
    pub(in super::super) width: u32,
    pub(in super::super) height: u32,
    pub(in super::super) fps: Fps,
}

/// Arguments of ffmpeg for one encoder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct EncoderArgs {
    /// Before the inputs.
    pub(in super::super) device: Vec<String>,
    /// At the end of the filter chain.
    pub(in super::super) upload: Option<&'static str>,
    /// Output options.
    pub(in super::super) args: Vec<String>,
}

impl Encoder {
    /// ffmpeg's encoders for the codec in software, the best one first.
    #[must_use]
    pub fn libraries(&self) -> &'static [&'static str] {
        match self.codec {
            Codec::H264 => &["libx264"],
            Codec::H265 => &["libx265"],
            Codec::Vp9 => &["libvpx-vp9"],
            Codec::Av1 => &["libsvtav1", "libaom-av1", "librav1e"],
            Codec::Mpeg4 => &["mpeg4"],
            Codec::Mpeg2 => &["mpeg2video"],
            Codec::Flv1 => &["flv"],
            Codec::Gif => &["gif"],
            Codec::Webp => &["libwebp_anim"],
        }
    }

    /// The arguments for one of [`Encoder::libraries`].
    ///
    /// x264's `veryfast` costs 44 % of the default preset's time for about the same size; two threads bound memory, as
    /// moonraker-timelapse does. A key frame a second lets browsers jump quickly in H.264 and H.265; five seconds keep
    /// the others small.
    pub(in super::super) fn software(&self, library: &str, stream: Stream) -> EncoderArgs {
        let threads = self.threads.to_string();
        let second = stream.fps.as_f64().round().max(1.0);
        let group = (second as u32).to_string();
        let long_group = ((second * 5.0) as u32).to_string();
        let preset = |usual: &str| self.preset.clone().unwrap_or_else(|| usual.to_owned());
        let mut args = Words(vec!["-c:v".to_owned(), library.to_owned()]);
        match library {
            "libx264" => {
                args.all(["-preset", &preset("veryfast"), "-threads", &threads, "-g", &group]);
                args.quality("-crf", &self.quality);
            }
            "libx265" => {
                args.all(["-preset", &preset("veryfast"), "-g", &group]);
                args.all(["-x265-params", &format!("log-level=error:pools={threads}")]);
                args.quality("-crf", &self.quality);
            }
            "libvpx-vp9" => {
                args.all(["-deadline", "good", "-cpu-used", &preset("5"), "-row-mt", "1"]);
                args.all(["-threads", &threads, "-g", &long_group]);
                args.unbound_quality("-crf", &self.quality);
            }
            "libsvtav1" => {
                args.all(["-preset", &preset("10"), "-g", &long_group, "-svtav1-params", &format!("lp={threads}")]);
                args.quality("-crf", &self.quality);
            }
            "libaom-av1" => {
                args.all(["-cpu-used", &at_most(&preset("8"), 8), "-row-mt", "1", "-threads", &threads]);
                args.all(["-g", &long_group]);
                args.unbound_quality("-crf", &self.quality);
            }
            "librav1e" => {
                args.all(["-speed", &at_most(&preset("10"), 10), "-threads", &threads, "-g", &long_group]);
                // Its scale has four steps for each of the others.
                match &self.quality {
                    Quality::Scale(value) => args.all(["-qp", &(value * 4).to_string()]),
                    Quality::Bitrate(rate) => args.all(["-b:v", rate]),
                }
            }
            "gif" => {}
            "libwebp_anim" => args.quality("-q:v", &self.quality),
            _ => {
                args.all(["-threads", &threads]);
                args.quality("-q:v", &self.quality);
            }
        }
        // A palette and WebP choose their own.
        if !matches!(self.codec, Codec::Gif | Codec::Webp) {
            args.all(["-pix_fmt", &self.pixel_format]);
        }
        EncoderArgs { args: args.0, ..EncoderArgs::default() }
    }

    /// The arguments for hardware; `None` where the codec has no such encoder.
    pub(in super::super) fn hardware(&self, hardware: Hardware, stream: Stream) -> Option<EncoderArgs> {
        let codec = match self.codec {
            Codec::H264 => "h264",
            Codec::H265 => "hevc",
            Codec::Vp9 if matches!(hardware, Hardware::Vaapi | Hardware::Qsv) => "vp9",
            Codec::Mpeg2 if matches!(hardware, Hardware::Vaapi | Hardware::Qsv) => "mpeg2",
            _ => return None,
        };
        let group = (stream.fps.as_f64().round() as u32).max(1).to_string();
        let mut args = Words(vec!["-c:v".to_owned(), format!("{codec}_{}", hardware.name())]);
        args.all(["-g", &group]);
        let (mut device, mut upload) = (Vec::new(), None);
        match hardware {
            Hardware::V4l2m2m => {
                // Knows no quality, only a rate.
                let rate = match &self.quality {
                    Quality::Bitrate(rate) => rate.clone(),
                    Quality::Scale(scale) => bit_rate(*scale, stream).to_string(),
                };
                args.all(["-b:v", &rate, "-pix_fmt", "yuv420p"]);
            }
            Hardware::Vaapi => {
                device = ["-vaapi_device", "/dev/dri/renderD128"].map(str::to_owned).to_vec();
                upload = Some("format=nv12,hwupload");
                args.quality("-qp", &self.quality);
            }
            Hardware::Qsv => {
                args.quality("-global_quality", &self.quality);
                args.all(["-pix_fmt", "nv12"]);
            }
            Hardware::Nvenc => {
                args.unbound_quality("-cq", &self.quality);
                args.all(["-pix_fmt", &self.pixel_format]);
            }
        }
        Some(EncoderArgs { device, upload, args: args.0 })
    }
}

/// A bit rate that looks like x264's quality: six steps double it. The Raspberry Pi's encoder fails above 20 Mbit/s.
fn bit_rate(scale: u32, stream: Stream) -> u32 {
    let pixels = f64::from(stream.width) * f64::from(stream.height) * stream.fps.as_f64();
    let rate = pixels * 0.1 * 2_f64.powf((23.0 - f64::from(scale)) / 6.0);
    rate.clamp(200_000.0, 20_000_000.0) as u32
}

fn at_most(number: &str, most: u32) -> String {
    number.parse::<u32>().map_or_else(|_| number.to_owned(), |value| value.min(most).to_string())
}

struct Words(Vec<String>);

impl Words {
    fn all<'a>(&mut self, words: impl IntoIterator<Item = &'a str>) {
        self.0.extend(words.into_iter().map(str::to_owned));
    }

    fn quality(&mut self, option: &str, quality: &Quality) {
        match quality {
            Quality::Scale(value) => self.all([option, &value.to_string()]),
            Quality::Bitrate(rate) => self.all(["-b:v", rate]),
        }
    }

    /// For encoders that take a missing bit rate for a limit.
    fn unbound_quality(&mut self, option: &str, quality: &Quality) {
        self.quality(option, quality);
        if matches!(quality, Quality::Scale(_)) {
            self.all(["-b:v", "0"]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoder(codec: Codec) -> Encoder {
        Encoder {
            codec,
            hardware: None,
            quality: codec.quality().map_or(Quality::Scale(0), |(usual, _)| Quality::Scale(usual)),
            preset: None,
            threads: 2,
            pixel_format: "yuv420p".into(),
        }
    }

    fn stream() -> Stream {
        Stream { width: 1280, height: 720, fps: Fps::parse("12.5").unwrap() }
    }

    #[test]
    fn the_arguments_of_every_encoder() {
        let mut lines = Vec::new();
        for codec in Codec::ALL {
            let encoder = encoder(codec);
            for library in encoder.libraries() {
                lines.push(encoder.software(library, stream()).args.join(" "));
            }
        }
        insta::assert_snapshot!(lines.join("\n"), @r#"
        -c:v libx264 -preset veryfast -threads 2 -g 13 -crf 23 -pix_fmt yuv420p
        -c:v libx265 -preset veryfast -g 13 -x265-params log-level=error:pools=2 -crf 28 -pix_fmt yuv420p
        -c:v libvpx-vp9 -deadline good -cpu-used 5 -row-mt 1 -threads 2 -g 65 -crf 32 -b:v 0 -pix_fmt yuv420p
        -c:v libsvtav1 -preset 10 -g 65 -svtav1-params lp=2 -crf 35 -pix_fmt yuv420p
        -c:v libaom-av1 -cpu-used 8 -row-mt 1 -threads 2 -g 65 -crf 35 -b:v 0 -pix_fmt yuv420p
        -c:v librav1e -speed 10 -threads 2 -g 65 -qp 140 -pix_fmt yuv420p
        -c:v mpeg4 -threads 2 -q:v 4 -pix_fmt yuv420p
        -c:v mpeg2video -threads 2 -q:v 4 -pix_fmt yuv420p
        -c:v flv -threads 2 -q:v 4 -pix_fmt yuv420p
        -c:v gif
        -c:v libwebp_anim -q:v 70
        "#);
    }

    #[test]
    fn the_arguments_of_hardware() {
        let mut lines = Vec::new();
        for hardware in Hardware::ALL {
            let EncoderArgs { device, upload, args } = encoder(Codec::H264).hardware(hardware, stream()).unwrap();
            lines.push(format!("{} | {} | {}", device.join(" "), upload.unwrap_or_default(), args.join(" ")));
        }
        insta::assert_snapshot!(lines.join("\n"), @r#"
         |  | -c:v h264_v4l2m2m -g 13 -b:v 1152000 -pix_fmt yuv420p
        -vaapi_device /dev/dri/renderD128 | format=nv12,hwupload | -c:v h264_vaapi -g 13 -qp 23
         |  | -c:v h264_qsv -g 13 -global_quality 23 -pix_fmt nv12
         |  | -c:v h264_nvenc -g 13 -cq 23 -b:v 0 -pix_fmt yuv420p
        "#);
        assert_eq!(encoder(Codec::Gif).hardware(Hardware::Vaapi, stream()), None);
    }

    #[test]
    fn a_bit_rate_replaces_the_quality() {
        for codec in Codec::ALL.into_iter().filter(|codec| codec.takes_bitrate()) {
            let encoder = Encoder { quality: Quality::Bitrate("6M".into()), ..encoder(codec) };
            for library in encoder.libraries() {
                let args = encoder.software(library, stream()).args.join(" ");
                assert!(args.contains("-b:v 6M") && !args.contains("-crf") && !args.contains("-q"), "{args}");
            }
        }
    }
}
