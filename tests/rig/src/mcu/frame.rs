//! Message blocks: what travels on the wire, both ways.
//!
//! A block is its length, `0x10 | sequence number`, the payload, a CRC-16 (big-endian) over all of that, and `0x7e`.

/// Ends a block; also sent alone to get the receiver in step.
pub(super) const SYNC: u8 = 0x7e;
/// Bytes around the payload; a block of just these is an acknowledgement.
pub(super) const MIN_LEN: usize = 5;
/// The longest block.
pub(super) const MAX_LEN: usize = 64;

const SEQUENCE_TAG: u8 = 0x10;
const SEQUENCE_MASK: u8 = 0x0f;
const TRAILER_LEN: usize = 3;

/// CRC-16/MCRF4XX, which Klipper calls "ccitt".
#[must_use]
pub(super) fn crc16(bytes: &[u8]) -> u16 {
    let mut crc = 0xffff_u16;
    for &byte in bytes {
        crc ^= u16::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 != 0 { (crc >> 1) ^ 0x8408 } else { crc >> 1 };
        }
    }
    crc
}

/// Appends a block with `payload` (at most 59 bytes) to `out`.
pub(super) fn encode(out: &mut Vec<u8>, sequence: u8, payload: &[u8]) {
    debug_assert!(payload.len() <= MAX_LEN - MIN_LEN);
    let start = out.len();
    out.push((payload.len() + MIN_LEN) as u8);
    out.push(SEQUENCE_TAG | (sequence & SEQUENCE_MASK));
    out.extend_from_slice(payload);
    let crc = crc16(&out[start..]);
    out.extend_from_slice(&crc.to_be_bytes());
    out.push(SYNC);
}

/// What came off the wire.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// A whole block.
    Good {
        /// 0 to 15.
        sequence: u8,
        /// Its messages.
        payload: Vec<u8>,
    },
    /// Bytes that are no block; the receiver is in step again after them and should ask for a retransmission.
    Garbage,
}

/// Cuts a stream of bytes into blocks.
#[derive(Debug, Default)]
pub(super) struct Deframer {
    bytes: Vec<u8>,
    out_of_step: bool,
}

impl Deframer {
    /// Adds what was read.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next block, if all of it has arrived.
    pub(super) fn next_block(&mut self) -> Option<Block> {
        loop {
            if self.out_of_step {
                let Some(at) = self.bytes.iter().position(|&b| b == SYNC) else {
                    self.bytes.clear();
                    return None;
                };
                self.bytes.drain(..=at);
                self.out_of_step = false;
                return Some(Block::Garbage);
            }
            let leading = self.bytes.iter().take_while(|&&b| b == SYNC).count();
            self.bytes.drain(..leading);
            let &len = self.bytes.first()?;
            let len = usize::from(len);
            let plausible = (MIN_LEN..=MAX_LEN).contains(&len)
                && self.bytes.get(1).is_none_or(|&sequence| sequence & !SEQUENCE_MASK == SEQUENCE_TAG);
            if !plausible {
                self.out_of_step = true;
                continue;
            }
            let block = self.bytes.get(..len)?;
            let (head, trailer) = block.split_at(len - TRAILER_LEN);
            if trailer[2] != SYNC || crc16(head) != u16::from_be_bytes([trailer[0], trailer[1]]) {
                self.out_of_step = true;
                continue;
            }
            let good = Block::Good { sequence: head[1] & SEQUENCE_MASK, payload: head[2..].to_vec() };
            self.bytes.drain(..len);
            return Some(good);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(sequence: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&mut out, sequence, payload);
        out
    }

    #[test]
    fn crc_has_the_published_check_value() {
        assert_eq!(crc16(b"123456789"), 0x6f91);
    }

    #[test]
    fn an_acknowledgement_is_five_bytes() {
        let bytes = block(3, &[]);
        assert_eq!(bytes.len(), MIN_LEN);
        assert_eq!((bytes[0], bytes[1], bytes[4]), (5, 0x13, SYNC));
    }

    #[test]
    fn blocks_are_found_in_any_cut_of_the_stream() {
        let stream = [block(1, b"abc"), vec![SYNC], block(2, &[SYNC, SYNC]), block(15, &[0; 59])].concat();
        for cut in 1..stream.len() {
            let mut deframer = Deframer::default();
            let mut blocks = Vec::new();
            for part in stream.chunks(cut) {
                deframer.push(part);
                while let Some(block) = deframer.next_block() {
                    blocks.push(block);
                }
            }
            assert_eq!(
                blocks,
                [
                    Block::Good { sequence: 1, payload: b"abc".to_vec() },
                    Block::Good { sequence: 2, payload: vec![SYNC, SYNC] },
                    Block::Good { sequence: 15, payload: vec![0; 59] },
                ],
                "in parts of {cut} bytes"
            );
        }
    }

    #[test]
    fn after_garbage_the_next_block_is_found() {
        let mut deframer = Deframer::default();
        let mut broken = block(4, b"lost");
        broken[3] ^= 1;
        deframer.push(&broken);
        deframer.push(&block(4, b"kept"));
        assert_eq!(deframer.next_block(), Some(Block::Garbage));
        assert_eq!(deframer.next_block(), Some(Block::Good { sequence: 4, payload: b"kept".to_vec() }));
        assert_eq!(deframer.next_block(), None);
    }
}
