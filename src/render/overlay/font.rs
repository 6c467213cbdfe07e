//! The font of overlays that name none. It travels inside the script, so films look the same on every host, also where no
//! font is installed; glyphs that it lacks come from the host's fonts.

/// Its name; no other font is called that.
pub(super) const NAME: &str = "Moonlapse Sans";

static FILE: &[u8] = include_bytes!("font/MoonlapseSans.ttf");

/// The `[Fonts]` section of a script.
pub(super) fn section() -> String {
    let mut section = String::from("[Fonts]\nfontname: moonlapsesans_0.ttf\n");
    let characters = encode(FILE);
    for line in characters.as_bytes().chunks(80) {
        // `encode` gives ASCII.
        section.extend(line.iter().map(|&byte| char::from(byte)));
        section.push('\n');
    }
    section
}

/// Three bytes as four characters of six bits each, counted from `!`; as the format of such scripts wants it.
fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() / 3 * 4 + 4);
    for group in bytes.chunks(3) {
        let [a, b, c] = [0, 1, 2].map(|i| u32::from(group.get(i).copied().unwrap_or(0)));
        let bits = a << 16 | b << 8 | c;
        for i in 0..=group.len() {
            let six = (bits >> (18 - 6 * i)) & 0x3f;
            text.push(char::from(six as u8 + 33));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_bits_a_character() {
        assert_eq!(encode(&[0, 0, 0]), "!!!!");
        assert_eq!(encode(&[0xff, 0xff, 0xff]), "````");
        assert_eq!(encode(&[0xff]), "`Q");
        assert_eq!(encode(&[0xff, 0xff]), "``]");
    }
}
