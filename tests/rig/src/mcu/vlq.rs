//! Variable length quantities: the integers of the protocol.
//!
//! Seven bits a byte, most significant first, with the top bit set on all but the last byte. The first byte is
//! sign-extended when its bits 5 and 6 are both set, so -32 to 95 fit in one byte.

/// Appends `value`. Unsigned numbers are passed as their two's complement (`as i32`).
pub(super) fn encode(out: &mut Vec<u8>, value: i32) {
    for shift in [28, 21, 14, 7] {
        let limit = 1_i64 << (shift - 2);
        if !(-limit..3 * limit).contains(&i64::from(value)) {
            out.push(((value >> shift) & 0x7f) as u8 | 0x80);
        }
    }
    out.push((value & 0x7f) as u8);
}

/// Takes one integer off the front of `input`; `None` when it ends within the integer.
pub(super) fn decode(input: &mut &[u8]) -> Option<i32> {
    let (&first, mut rest) = input.split_first()?;
    let mut value = i32::from(first & 0x7f);
    if first & 0x60 == 0x60 {
        value |= -0x20;
    }
    let mut more = first & 0x80 != 0;
    while more {
        let (&byte, tail) = rest.split_first()?;
        value = (value << 7) | i32::from(byte & 0x7f);
        more = byte & 0x80 != 0;
        rest = tail;
    }
    *input = rest;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(value: i32) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&mut out, value);
        out
    }

    #[test]
    fn every_length_survives_the_way_there_and_back() {
        let edges = [-32, -33, 95, 96, -4096, -4097, 12_287, 12_288, -524_288, -524_289, 1_572_863, 1_572_864];
        let large = [-67_108_864, -67_108_865, 201_326_591, 201_326_592, i32::MIN, i32::MAX, 0, -1, 1];
        for value in edges.into_iter().chain(large) {
            let bytes = bytes_of(value);
            let mut input = bytes.as_slice();
            assert_eq!(decode(&mut input), Some(value));
            assert!(input.is_empty(), "{value} left {} bytes", input.len());
        }
    }

    #[test]
    fn small_numbers_take_one_byte() {
        assert_eq!(bytes_of(95), [0x5f]);
        assert_eq!(bytes_of(-32), [0x60]);
        assert_eq!(bytes_of(96).len(), 2);
        assert_eq!(bytes_of(-33).len(), 2);
        assert_eq!(bytes_of(u32::MAX as i32), [0x7f]);
        assert_eq!(bytes_of(0x8000_0000_u32 as i32).len(), 5);
    }

    #[test]
    fn a_cut_integer_is_none() {
        let bytes = bytes_of(1_000_000);
        let mut input = &bytes[..bytes.len() - 1];
        assert_eq!(decode(&mut input), None);
    }
}
