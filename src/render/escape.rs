//! Values inside ffmpeg's filter descriptions, which are unquoted twice: once as part of the graph, once as the filter's
//! options. Source of the rules: ffmpeg-filters, "Notes on filtergraph escaping".

use std::path::Path;

/// A file's name as a value of a filter's option.
pub(super) fn filter_value(path: &Path) -> String {
    let option = escape(&path.to_string_lossy(), &['\\', '\'', ':']);
    escape(&option, &['\\', '\'', '[', ']', ',', ';'])
}

fn escape(text: &str, special: &[char]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if special.contains(&c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_escaped_twice() {
        assert_eq!(filter_value(Path::new("/films/a.ass")), "/films/a.ass");
        assert_eq!(filter_value(Path::new("/it's: [a],b;c")), r"/it\\\'s\\: \[a\]\,b\;c");
    }
}
