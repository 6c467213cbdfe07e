//! Decimal numbers from bytes, as Python's `float()` reads them: correctly rounded.

/// Powers of ten that an `f64` holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Up to here the product or quotient with a power of ten is rounded only once, so it is exact.
const EXACT: u64 = 1 << 53;

/// Larger numbers mean nothing on a printer, and without them no sum can overflow.
pub const LARGEST: f64 = 1e9;

/// Numbers with so many digits before the point are below [`LARGEST`].
const WHOLE_DIGITS: usize = 9;

/// Reads a number `[+-]digits[.digits]` at `at` without spaces in it; returns it and the index behind it.
///
/// `None` when there is no digit, when the number may be larger than [`LARGEST`], or too long to be exact this way
/// ([`parse`] takes those).
#[inline]
pub fn scan(bytes: &[u8], mut at: usize) -> Option<(f64, usize)> {
    let mut negative = false;
    if let Some(&sign @ (b'-' | b'+')) = bytes.get(at) {
        negative = sign == b'-';
        at += 1;
    }
    let mut mantissa: u64 = 0;
    let start = at;
    while let Some(digit) = digit(bytes, at) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
        at += 1;
    }
    let whole = at - start;
    let mut digits = whole;
    let mut fraction = 0;
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        let start = at;
        while let Some(digit) = digit(bytes, at) {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
            at += 1;
        }
        fraction = at - start;
        digits += fraction;
    }
    // 19 digits fit into 64 bits. Digits before the point are counted, as comparing the value with LARGEST would wait for
    // the division.
    if digits == 0 || digits > 19 || whole > WHOLE_DIGITS || mantissa >= EXACT {
        return None;
    }
    let value = mantissa as f64 / POWERS[fraction];
    Some((if negative { -value } else { value }, at))
}

#[inline]
fn digit(bytes: &[u8], at: usize) -> Option<u64> {
    let digit = bytes.get(at)?.wrapping_sub(b'0');
    (digit < 10).then_some(u64::from(digit))
}

/// Longest number in characters, blanks left out; longer ones are no numbers.
const LONGEST: usize = 400;

/// Reads all of `text` as a number, blanks within it ignored: `"- 1 0.5"` is -10.5.
///
/// No exponent, no `inf`, no `nan`, as in G-code a letter starts the next word.
pub fn parse(text: &[u8]) -> Option<f64> {
    let text = text.trim_ascii();
    if let Some((value, end)) = scan(text, 0)
        && end == text.len()
    {
        return Some(value);
    }
    let mut plain = [0u8; LONGEST];
    let mut length = 0;
    for &byte in text.iter().filter(|byte| !byte.is_ascii_whitespace()) {
        if !matches!(byte, b'0'..=b'9' | b'.' | b'+' | b'-') {
            return None;
        }
        *plain.get_mut(length)? = byte;
        length += 1;
    }
    let value: f64 = str::from_utf8(&plain[..length]).ok()?.parse().ok()?;
    (value.abs() <= LARGEST).then_some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_slicers_write() {
        for (text, value) in [("100.5", 100.5), (".25", 0.25), ("-.8", -0.8), ("+3.", 3.0), ("0", 0.0), ("1e5", 1.0)] {
            assert_eq!(scan(text.as_bytes(), 0).unwrap().0, value, "{text}");
        }
        for text in ["", "-", ".", "x", "-x"] {
            assert_eq!(scan(text.as_bytes(), 0), None, "{text}");
        }
    }

    #[test]
    fn blanks_within_a_number_are_ignored() {
        assert_eq!(parse(b" - 3.0 001 "), Some(-3.0001));
        assert_eq!(parse(b"1 0 0 . 5"), Some(100.5));
        for text in ["", "-", "1.2.3", "--1", "1-", "1x", "nan", "inf"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_standard_library(text in "[+-]?([0-9]{1,22}(\\.[0-9]{0,22})?|\\.[0-9]{1,22})") {
            let expected: f64 = text.parse().unwrap();
            prop_assert_eq!(parse(text.as_bytes()), (expected.abs() <= LARGEST).then_some(expected));
        }
    }
}
