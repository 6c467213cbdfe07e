//! ffmpeg's `-progress` output: blocks of `key=value` lines.

/// What has been read so far. `frame` is the reliable field (`out_time_ms` is in microseconds, and N/A at first).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FfmpegProgress {
    /// Frames encoded.
    pub frame: u32,
    /// Bytes written.
    pub total_size: u64,
    /// Time of the output, microseconds.
    pub out_time_us: i64,
    /// The last block was read; what follows is finishing the file.
    pub ended: bool,
}

impl FfmpegProgress {
    /// Takes in one line; gives whether anything advanced.
    pub(super) fn line(&mut self, line: &str) -> bool {
        let before = *self;
        let Some((key, value)) = line.split_once('=') else { return false };
        let value = value.trim();
        match key.trim() {
            "frame" => self.frame = value.parse().unwrap_or(self.frame),
            "total_size" => self.total_size = value.parse().unwrap_or(self.total_size),
            "out_time_us" => self.out_time_us = value.parse().unwrap_or(self.out_time_us),
            "progress" => self.ended = value == "end",
            _ => {}
        }
        *self != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_real_run_are_read() {
        let mut progress = FfmpegProgress::default();
        let text = "frame=21\nfps=0.00\nstream_0_0_q=-1.0\nbitrate=N/A\ntotal_size=17554\nout_time_us=N/A\n\
                    out_time_us=600000\nspeed=1.2x\nprogress=end\n";
        assert_eq!(text.lines().filter(|line| progress.line(line)).count(), 4);
        assert_eq!(progress, FfmpegProgress { frame: 21, total_size: 17_554, out_time_us: 600_000, ended: true });
        assert!(!progress.line("frame=21"), "the same again is no advance");
        assert!(!progress.line("garbage"));
    }
}
