//! The coded frames of segments: read out of their MPEG transport streams, and written into one stream with the times that
//! they have in the film.
//!
//! ffmpeg can join files itself, but opens and decodes the beginning of each: of 1000 frames that takes longer than all the
//! rest. One stream is opened once.

use std::io::{self, Write};

use memchr::memmem;

/// Bytes of a packet.
const PACKET: usize = 188;
/// Without its header.
const PAYLOAD: usize = PACKET - 4;
/// Ticks a second, by the standard.
pub(super) const CLOCK: u64 = 90_000;
/// When the film's first frame is shown in the joined stream, ticks: what is decoded earlier has a time, too.
pub(super) const LEAD: u64 = CLOCK;
/// Frames are decoded so many frames before they are shown: as many as x264 and x265 ever put out of order.
const REORDER: u64 = 2;

/// What is wrong with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    /// Not what ffmpeg writes.
    #[error("it is no transport stream")]
    Form,
    /// Not the frames that it should have.
    #[error("it does not have its {expected} frames")]
    Frames { expected: u32 },
}

/// A coded frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Coded {
    /// Its place among the frames of its stream as they are shown.
    pub(super) shown: u32,
    /// Its bytes, in the form of Annex B.
    pub(super) data: Vec<u8>,
}

/// A frame as a film in mp4 has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// Its place in the film.
    pub(super) shown: u32,
    pub(super) bytes: u32,
    /// CRC-32 of its bytes.
    pub(super) crc: u32,
}

impl Coded {
    /// As mp4 stores it: each unit behind its length instead of a start code.
    pub(super) fn sample(&self, before: u32) -> Sample {
        let (mut bytes, mut crc) = (0, crc32fast::Hasher::new());
        for unit in units(&self.data) {
            let length = u32::try_from(unit.len()).unwrap_or(u32::MAX);
            crc.update(&length.to_be_bytes());
            crc.update(unit);
            bytes += 4 + length;
        }
        Sample { shown: before + self.shown, bytes, crc: crc.finalize() }
    }
}

/// What stands between the start codes.
fn units(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut starts = memmem::find_iter(data, &[0, 0, 1]).peekable();
    std::iter::from_fn(move || {
        let from = starts.next()? + 3;
        let next = starts.peek().copied().unwrap_or(data.len());
        // A start code may have one zero more.
        let longer = next < data.len() && next > from && data.get(next - 1) == Some(&0);
        data.get(from..next - usize::from(longer))
    })
}

/// Reads the frames of a segment of `expected` frames, in the order in which they are decoded. `step` is the time from one
/// to the next, ticks.
pub(super) fn read(stream: &[u8], expected: u32, step: u64) -> Result<Vec<Coded>, Flaw> {
    let mut found: Vec<(u64, Vec<u8>)> = Vec::new();
    for packet in packets(stream) {
        let Packet { kind, begins, payload, .. } = packet?;
        match (kind, begins, found.last_mut()) {
            (Kind::Table, ..) => {}
            (Kind::Video, true, _) => {
                let (time, data) = frame_start(payload)?;
                found.push((time, data.to_vec()));
            }
            (Kind::Video, false, Some((_, frame))) => frame.extend_from_slice(payload),
            (Kind::Video, false, None) => return Err(Flaw::Form),
        }
    }
    let wrong = Flaw::Frames { expected };
    let first = found.iter().map(|(time, _)| *time).min().ok_or(wrong)?;
    let mut seen = vec![false; expected as usize];
    let mut frames = Vec::with_capacity(found.len());
    for (time, data) in found {
        let since = time - first;
        let shown = u32::try_from(since / step).map_err(|_| wrong)?;
        let place = seen.get_mut(shown as usize).filter(|seen| !**seen && since.is_multiple_of(step)).ok_or(wrong)?;
        *place = true;
        // ffmpeg would take a zero before a start code for the end of the frame before.
        let data = if data.starts_with(&[0, 0, 0, 1]) { data.get(1..).unwrap_or_default().to_vec() } else { data };
        frames.push(Coded { shown, data });
    }
    if seen.contains(&false) { Err(wrong) } else { Ok(frames) }
}

/// What is in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Table,
    Video,
}

#[derive(Clone, Copy, Debug)]
struct Packet<'a> {
    kind: Kind,
    /// A frame or a table begins here.
    begins: bool,
    payload: &'a [u8],
    whole: &'a [u8],
}

/// The packets of a stream; which of them are video is known from the first that begins a frame.
fn packets(stream: &[u8]) -> impl Iterator<Item = Result<Packet<'_>, Flaw>> {
    let mut video = None;
    stream.chunks(PACKET).map(move |whole| {
        let &[0x47, high, low, flags, ..] = whole else { return Err(Flaw::Form) };
        if whole.len() < PACKET {
            return Err(Flaw::Form);
        }
        let id = (u16::from(high & 0x1f) << 8) | u16::from(low);
        let skipped = if flags & 0x20 == 0 { 4 } else { 5 + usize::from(*whole.get(4).ok_or(Flaw::Form)?) };
        let payload = if flags & 0x10 == 0 { &[] } else { whole.get(skipped..).ok_or(Flaw::Form)? };
        let begins = high & 0x40 != 0;
        if video.is_none() && begins && payload.starts_with(&[0, 0, 1]) {
            video = Some(id);
        }
        let kind = if video == Some(id) { Kind::Video } else { Kind::Table };
        Ok(Packet { kind, begins, payload, whole })
    })
}

/// The time at which the frame that begins here is shown, and its first bytes.
fn frame_start(payload: &[u8]) -> Result<(u64, &[u8]), Flaw> {
    let &[0, 0, 1, _id, _, _, _, flags, length, ref rest @ ..] = payload else { return Err(Flaw::Form) };
    let (Some(&[a, b, c, d, e]), true) = (rest.first_chunk::<5>(), flags & 0x80 != 0) else { return Err(Flaw::Form) };
    let [a, b, c, d, e] = [a, b, c, d, e].map(u64::from);
    let time = ((a >> 1) & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1;
    Ok((time, rest.get(usize::from(length)..).ok_or(Flaw::Form)?))
}

/// Writes frames into one stream.
#[derive(Debug)]
pub(super) struct Joined<W> {
    to: W,
    step: u64,
    /// Identifies the video's packets.
    id: [u8; 2],
    counter: u8,
    decoded: u64,
}

impl<W: Write> Joined<W> {
    /// An empty stream. `step` as in [`read`].
    pub(super) fn new(to: W, step: u64) -> Self {
        Self { to, step, id: [0, 0], counter: 0, decoded: 0 }
    }

    /// Begins with the tables of the first segment, which say what the stream is.
    pub(super) fn tables(&mut self, first: &[u8]) -> io::Result<()> {
        for packet in packets(first) {
            let Packet { kind, whole, .. } = packet.map_err(io::Error::other)?;
            if let (Kind::Video, &[_, high, low, ..]) = (kind, whole) {
                self.id = [high & 0x1f, low];
                return Ok(());
            }
            self.to.write_all(whole)?;
        }
        Err(io::Error::other(Flaw::Form))
    }

    /// Writes the next frame, which is the one with number `shown` of the film, from 0.
    pub(super) fn write(&mut self, shown: u32, data: &[u8]) -> io::Result<()> {
        let show = LEAD + u64::from(shown) * self.step;
        let decode = LEAD + self.decoded * self.step - REORDER * self.step;
        if show < decode {
            return Err(io::Error::other("its frames are too far out of order"));
        }
        self.decoded += 1;
        let mut frame = vec![0, 0, 1, 0xe0, 0, 0, 0x80, 0xc0, 10];
        frame.extend(stamp(0x30, show));
        frame.extend(stamp(0x10, decode));
        frame.extend_from_slice(data);
        let mut begins = 0x40;
        for piece in frame.chunks(PAYLOAD) {
            let stuffing = PAYLOAD - piece.len();
            let flags = if stuffing > 0 { 0x30 } else { 0x10 };
            self.to.write_all(&[0x47, self.id[0] | begins, self.id[1], flags | self.counter])?;
            if let Some(length) = stuffing.checked_sub(1) {
                // Shorter than a packet, so it fits a byte.
                self.to.write_all(&[u8::try_from(length).unwrap_or_default()])?;
                let mut field = [0xff; PAYLOAD];
                field[0] = 0;
                self.to.write_all(field.get(..length).unwrap_or_default())?;
            }
            self.to.write_all(piece)?;
            self.counter = (self.counter + 1) & 0xf;
            begins = 0;
        }
        Ok(())
    }

    /// The stream is complete.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A time of 33 bits, with marker bits between its parts.
fn stamp(prefix: u8, time: u64) -> [u8; 5] {
    let bits = |from: u32, mask: u64| u8::try_from((time >> from) & mask).unwrap_or_default();
    [prefix | bits(30, 7) << 1 | 1, bits(22, 0xff), bits(15, 0x7f) << 1 | 1, bits(7, 0xff), bits(0, 0x7f) << 1 | 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: u64 = 3000;

    /// Two tables, as every stream begins.
    fn tables() -> Vec<u8> {
        let mut tables = Vec::new();
        for id in [0x00, 0x42] {
            tables.extend([0x47, 0x40, id, 0x10, 0x00]);
            tables.resize(tables.len() + PACKET - 5, id);
        }
        tables
    }

    fn stream(frames: &[(u32, Vec<u8>)]) -> Vec<u8> {
        let mut out = Vec::new();
        let begin = [tables(), [0x47, 0x41, 0x00, 0x10, 0, 0, 1].to_vec(), vec![0; PACKET - 7]].concat();
        let mut joined = Joined::new(&mut out, STEP);
        joined.tables(&begin).unwrap();
        frames.iter().for_each(|(shown, data)| joined.write(*shown, data).unwrap());
        joined.finish().unwrap();
        out
    }

    fn coded(seed: u8, bytes: usize) -> Vec<u8> {
        let mut data = vec![0, 0, 1, 9, seed, 0, 0, 1, 0x65];
        data.extend((0..bytes).map(|i| (i % 251) as u8 | 1));
        data
    }

    #[test]
    fn frames_of_every_length_come_back_as_they_were_written() {
        let frames: Vec<(u32, Vec<u8>)> =
            [0, 3, 1, 2].into_iter().zip([0, 154, 155, 5000]).map(|(shown, bytes)| (shown, coded(7, bytes))).collect();
        for extra in 0..200 {
            let mut frames = frames.clone();
            frames[2].1.extend(vec![3; extra]);
            let stream = stream(&frames);
            assert_eq!(stream.len() % PACKET, 0);
            let found = read(&stream, 4, STEP).unwrap();
            let found: Vec<_> = found.into_iter().map(|frame| (frame.shown, frame.data)).collect();
            assert_eq!(found, frames);
        }
    }

    #[test]
    fn a_frame_begins_with_the_short_start_code() {
        let long = [&[0], coded(1, 50).as_slice()].concat();
        assert_eq!(read(&stream(&[(0, long)]), 1, STEP).unwrap()[0].data, coded(1, 50));
    }

    #[test]
    fn a_stream_that_lacks_frames_or_is_cut_is_refused() {
        let frames: Vec<_> = (0..4).map(|shown| (shown, coded(shown as u8, 300))).collect();
        let whole = stream(&frames);
        assert_eq!(read(&whole, 5, STEP), Err(Flaw::Frames { expected: 5 }));
        assert_eq!(read(&whole, 3, STEP), Err(Flaw::Frames { expected: 3 }));
        assert_eq!(read(&whole[..whole.len() - 1], 4, STEP), Err(Flaw::Form));
        assert_eq!(read(&whole, 4, STEP + 1), Err(Flaw::Frames { expected: 4 }));
        assert_eq!(read(&[], 1, STEP), Err(Flaw::Frames { expected: 1 }));
        let mut doubled = frames;
        doubled[2].0 = 1;
        assert_eq!(read(&stream(&doubled), 4, STEP), Err(Flaw::Frames { expected: 4 }));
        assert!(Joined::new(Vec::new(), STEP).tables(&tables()).is_err(), "there is no video");
    }

    #[test]
    fn a_sample_has_lengths_in_place_of_start_codes() {
        let frame = Coded { shown: 2, data: vec![0, 0, 0, 1, 9, 16, 0, 0, 1, 0x65, 1, 2, 0, 0, 0, 1, 6, 0] };
        let stored = [0u8, 0, 0, 2, 9, 16, 0, 0, 0, 3, 0x65, 1, 2, 0, 0, 0, 2, 6, 0];
        let expected = Sample { shown: 12, bytes: stored.len() as u32, crc: crc32fast::hash(&stored) };
        assert_eq!(frame.sample(10), expected);
    }
}
