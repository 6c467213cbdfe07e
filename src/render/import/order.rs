//! The order of names with numbers in them.

use std::cmp::Ordering;

/// Sorts by name as people do: `frame9` before `frame10`.
pub(super) fn sort<T>(items: &mut [T], name: impl Fn(&T) -> &str) {
    items.sort_by(|a, b| natural(name(a), name(b)));
}

fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        match (a.first(), b.first()) {
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let ((number_a, rest_a), (number_b, rest_b)) = (take_number(a), take_number(b));
                // Without leading zeros the longer number is the larger one.
                match number_a.len().cmp(&number_b.len()).then(number_a.cmp(number_b)) {
                    Ordering::Equal => (a, b) = (rest_a, rest_b),
                    order => return order,
                }
            }
            (Some(x), Some(y)) if x == y => (a, b) = (&a[1..], &b[1..]),
            (x, y) => return x.cmp(&y),
        }
    }
}

/// The digits at the beginning, without leading zeros, and the rest.
fn take_number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let zeros = number.iter().take_while(|&&byte| byte == b'0').count();
    (number.get(zeros..).unwrap_or_default(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_as_numbers() {
        let mut names = ["f10.jpg", "f9.jpg", "e/f2.jpg", "f009b.jpg", "f1.jpg", "f99999999999999999999999.jpg"];
        sort(&mut names, |name| name);
        assert_eq!(names, ["e/f2.jpg", "f1.jpg", "f9.jpg", "f009b.jpg", "f10.jpg", "f99999999999999999999999.jpg"]);
    }
}
