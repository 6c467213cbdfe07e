//! What films can be made of: containers, codecs, and which go together.

use super::super::Fps;

/// A container: how the film is wrapped, and its file's ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the formats'")]
pub enum Format {
    Mp4,
    Mkv,
    Mov,
    Webm,
    Avi,
    Flv,
    Mpeg,
    Vob,
    Gif,
    Webp,
}

/// How pictures are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the codecs'")]
pub enum Codec {
    H264,
    H265,
    Vp9,
    Av1,
    Mpeg4,
    Mpeg2,
    Flv1,
    Gif,
    Webp,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Mp4,
        Self::Mkv,
        Self::Mov,
        Self::Webm,
        Self::Avi,
        Self::Flv,
        Self::Mpeg,
        Self::Vob,
        Self::Gif,
        Self::Webp,
    ];

    /// Its name in a profile.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Mkv => "mkv",
            Self::Mov => "mov",
            Self::Webm => "webm",
            Self::Avi => "avi",
            Self::Flv => "flv",
            Self::Mpeg => "mpeg",
            Self::Vob => "vob",
            Self::Gif => "gif",
            Self::Webp => "webp",
        }
    }

    /// Ending of the file's name, with its dot.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Mp4 => ".mp4",
            Self::Mkv => ".mkv",
            Self::Mov => ".mov",
            Self::Webm => ".webm",
            Self::Avi => ".avi",
            Self::Flv => ".flv",
            Self::Mpeg => ".mpg",
            Self::Vob => ".vob",
            Self::Gif => ".gif",
            Self::Webp => ".webp",
        }
    }

    /// The codecs that players expect in it, the usual one first.
    #[must_use]
    pub fn codecs(self) -> &'static [Codec] {
        match self {
            Self::Mp4 => &[Codec::H264, Codec::H265, Codec::Av1, Codec::Vp9, Codec::Mpeg4],
            Self::Mkv => &[Codec::H264, Codec::H265, Codec::Av1, Codec::Vp9, Codec::Mpeg4, Codec::Mpeg2],
            Self::Mov => &[Codec::H264, Codec::H265, Codec::Mpeg4],
            Self::Webm => &[Codec::Vp9, Codec::Av1],
            Self::Avi => &[Codec::Mpeg4],
            Self::Flv => &[Codec::Flv1, Codec::H264],
            Self::Mpeg | Self::Vob => &[Codec::Mpeg2],
            Self::Gif => &[Codec::Gif],
            Self::Webp => &[Codec::Webp],
        }
    }

    /// How ffmpeg wraps it.
    pub(in super::super) fn muxer(self, codec: Codec) -> Vec<&'static str> {
        let mut args = Vec::new();
        if matches!(self, Self::Mp4 | Self::Mov) {
            // Apple's players want this name; the index goes to the front so that browsers start at once.
            if codec == Codec::H265 {
                args.extend(["-tag:v", "hvc1"]);
            }
            args.extend(["-movflags", "+faststart"]);
        }
        if self == Self::Flv && codec == Codec::H264 {
            // It begins at time 0 of the decoder: frames out of order would make the film begin late.
            args.extend(["-bf", "0"]);
        }
        if matches!(self, Self::Gif | Self::Webp) {
            args.extend(["-loop", "0"]);
        }
        let name = match self {
            Self::Mkv => "matroska",
            Self::Mpeg => "mpeg",
            other => other.name(),
        };
        args.extend(["-f", name]);
        args
    }
}

impl Codec {
    /// All of them.
    pub const ALL: [Self; 9] =
        [Self::H264, Self::H265, Self::Vp9, Self::Av1, Self::Mpeg4, Self::Mpeg2, Self::Flv1, Self::Gif, Self::Webp];

    /// Its name in a profile.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "h265",
            Self::Vp9 => "vp9",
            Self::Av1 => "av1",
            Self::Mpeg4 => "mpeg4",
            Self::Mpeg2 => "mpeg2",
            Self::Flv1 => "flv1",
            Self::Gif => "gif",
            Self::Webp => "webp",
        }
    }

    /// The scale of its quality, usual value and allowed range; `None` where there is none. Lower is better, but for
    /// WebP.
    #[must_use]
    pub fn quality(self) -> Option<(u32, std::ops::RangeInclusive<u32>)> {
        match self {
            Self::H264 => Some((23, 0..=51)),
            Self::H265 => Some((28, 0..=51)),
            Self::Vp9 => Some((32, 0..=63)),
            Self::Av1 => Some((35, 0..=63)),
            Self::Mpeg4 | Self::Mpeg2 | Self::Flv1 => Some((4, 1..=31)),
            Self::Webp => Some((70, 0..=100)),
            Self::Gif => None,
        }
    }

    /// The rates at which a film of `wanted` frames a second can be stored, the best one first.
    ///
    /// MPEG-2 knows eight rates, MPEG-4 no fraction with terms above 65535, and a GIF counts hundredths of a second, of
    /// which viewers refuse less than two. Where the wanted rate cannot be stored, frames are repeated or left out so that
    /// the film lasts as long as it should.
    #[must_use]
    pub fn stored_rates(self, wanted: Fps) -> Vec<Fps> {
        match self {
            Self::Gif if wanted.as_f64() > 50.0 => vec![Fps::whole(50)],
            Self::Mpeg2 => {
                let rates =
                    [(24_000, 1001), (24, 1), (25, 1), (30_000, 1001), (30, 1), (50, 1), (60_000, 1001), (60, 1)];
                let times = |rate: &Fps| rate.as_f64() / wanted.as_f64();
                let mut rates: Vec<Fps> = rates.into_iter().filter_map(|(num, den)| Fps::new(num, den)).collect();
                rates.retain(|rate| times(rate) > 1.0 - 1e-9);
                // A whole multiple shows every frame equally long.
                rates.sort_by_key(|rate| (times(rate) - times(rate).round()).abs() > 1e-6);
                if rates.is_empty() { vec![Fps::whole(60)] } else { rates }
            }
            Self::Mpeg4 => vec![wanted.with_terms_up_to(65_535)],
            _ => vec![wanted],
        }
    }

    /// Whether a bit rate can be asked for.
    #[must_use]
    pub fn takes_bitrate(self) -> bool {
        !matches!(self, Self::Gif | Self::Webp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_that_a_codec_cannot_hold_become_ones_it_can() {
        let stored = |codec: Codec, rate: &str| codec.stored_rates(Fps::parse(rate).unwrap())[0].to_string();
        for (wanted, expected) in [("12.5", "25"), ("10", "30"), ("24", "24"), ("7.3", "24000/1001"), ("90", "60")] {
            assert_eq!(stored(Codec::Mpeg2, wanted), expected, "{wanted}");
        }
        assert_eq!(stored(Codec::Gif, "60"), "50");
        assert_eq!(stored(Codec::Gif, "30"), "30");
        assert_eq!(stored(Codec::H264, "12.5"), "12.5");
        assert_eq!(stored(Codec::Mpeg4, "100003/7001"), "43038/3013");
    }

    #[test]
    fn every_codec_is_in_some_container() {
        for codec in Codec::ALL {
            assert!(Format::ALL.iter().any(|format| format.codecs().contains(&codec)), "{codec:?}");
        }
    }
}
