//! Reads Moonraker's dialect of INI, by the rules of Moonraker's own reader.
//!
//! No INI crate reads these files right: values may go on over indented lines, `;` and `#` start a comment only after a
//! space (URLs hold both), ` \#` is a literal `#`, names fold to lower case, `[include glob]` splices other files in, and
//! a later file overrides an earlier one while a duplicate within one file is an error.
//! Source of the rules: `moonraker/confighelper.py`, `FileSourceWrapper`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::error::ConfigError;

/// A tree of includes deeper or wider than this is a mistake, not a configuration.
const MAX_FILES: usize = 256;
/// Larger than any configuration that a person wrote.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// All sections of a configuration and its includes, in order of their last appearance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfFile {
    sections: Vec<Section>,
}

/// One section, merged over all files that mention it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// As between the brackets.
    pub name: String,
    /// In order of first appearance.
    pub options: Vec<ConfOption>,
}

/// One option with the place it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfOption {
    /// In lower case.
    pub key: String,
    /// Without comments; lines of a longer value are joined by `\n`.
    pub value: String,
    /// The file that holds it.
    pub path: PathBuf,
    /// Counted from 1.
    pub line: usize,
}

impl ConfFile {
    /// Reads `path` and everything it includes.
    ///
    /// # Errors
    ///
    /// An unreadable file, a line that is neither section, option nor continuation, a duplicate within one file, a
    /// pattern that includes nothing, or a circle of includes.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let mut reader = Reader { conf: Self::default(), visited: HashSet::new() };
        reader.file(path)?;
        Ok(reader.conf)
    }

    /// The section called `name`.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|s| s.name == name)
    }

    fn section_mut(&mut self, name: &str) -> &mut Section {
        let at = self.sections.iter().position(|s| s.name == name).unwrap_or_else(|| {
            self.sections.push(Section { name: name.to_owned(), options: Vec::new() });
            self.sections.len() - 1
        });
        &mut self.sections[at]
    }

    fn set(&mut self, section: &str, option: ConfOption) {
        let section = self.section_mut(section);
        match section.options.iter_mut().find(|o| o.key == option.key) {
            Some(old) => *old = option,
            None => section.options.push(option),
        }
    }
}

struct Reader {
    conf: ConfFile,
    /// Canonical paths, so that a link back into the tree counts as the same file.
    visited: HashSet<PathBuf>,
}

impl Reader {
    fn file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
        let canonical = path.canonicalize().map_err(unreadable)?;
        self.visited.insert(canonical);
        let size = std::fs::metadata(path).map_err(unreadable)?.len();
        if size > MAX_FILE_BYTES || self.visited.len() > MAX_FILES {
            let problem = format!("more than {MAX_FILE_BYTES} bytes or {MAX_FILES} files are not a configuration");
            return Err(ConfigError::Syntax { path: path.to_owned(), line: 1, problem });
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        self.text(path, &text)
    }

    fn text(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let syntax = |line, problem: String| ConfigError::Syntax { path: path.to_owned(), line, problem };
        let mut section: Option<String> = None;
        // The option that an indented line continues, and its own indentation.
        let mut open: Option<(ConfOption, usize)> = None;
        let mut seen_sections = HashSet::new();
        let mut seen_options = HashSet::new();

        for (number, raw) in text.lines().enumerate().map(|(i, l)| (i + 1, l)) {
            let Some(line) = significant(raw) else { continue };
            let indent = line.len() - line.trim_start().len();
            if let Some((option, option_indent)) = &mut open
                && indent > *option_indent
            {
                if !option.value.is_empty() {
                    option.value.push('\n');
                }
                option.value.push_str(line.trim());
                continue;
            }
            if let (Some((option, _)), Some(section)) = (open.take(), &section) {
                self.conf.set(section, option);
            }
            if let Some(name) = section_header(&line) {
                if let Some(pattern) = name.strip_prefix("include ") {
                    self.include(path, number, pattern.trim())?;
                    continue;
                }
                if !seen_sections.insert(name.to_owned()) {
                    return Err(syntax(number, format!("section [{name}] stands twice in this file; merge the two")));
                }
                self.conf.section_mut(name);
                section = Some(name.to_owned());
                continue;
            }
            let Some(within) = &section else {
                return Err(syntax(number, "an option stands before the first [section]".to_owned()));
            };
            let Some((key, value)) = line.split_once([':', '=']) else {
                let problem = format!("`{}` is neither `[section]` nor `option: value`", line.trim());
                return Err(syntax(number, problem));
            };
            let key = key.trim().to_lowercase();
            if !seen_options.insert((within.clone(), key.clone())) {
                let problem = format!("option `{key}` stands twice in [{within}]; remove one of the two");
                return Err(syntax(number, problem));
            }
            let option = ConfOption { key, value: value.trim().to_owned(), path: path.to_owned(), line: number };
            open = Some((option, indent));
        }
        if let (Some((option, _)), Some(section)) = (open, &section) {
            self.conf.set(section, option);
        }
        Ok(())
    }

    fn include(&mut self, from: &Path, line: usize, pattern: &str) -> Result<(), ConfigError> {
        let syntax = |problem| ConfigError::Syntax { path: from.to_owned(), line, problem };
        let files = expand(from.parent().unwrap_or(Path::new(".")), pattern);
        if files.is_empty() {
            return Err(syntax(format!("no file matches [include {pattern}]; correct the path or remove the line")));
        }
        for file in files {
            if file.canonicalize().is_ok_and(|c| self.visited.contains(&c)) {
                let pattern = pattern.to_owned();
                return Err(ConfigError::RecursiveInclude { path: from.to_owned(), line, pattern });
            }
            self.file(&file)?;
        }
        Ok(())
    }
}

/// The line without tabs and comments, or `None` where nothing is left of it.
fn significant(raw: &str) -> Option<String> {
    if raw.trim_start().starts_with(['#', ';']) {
        return None;
    }
    let mut line = String::with_capacity(raw.len());
    let mut column = 0;
    for c in raw.chars() {
        if c == '\t' {
            let width = 4 - column % 4;
            line.extend(std::iter::repeat_n(' ', width));
            column += width;
        } else {
            line.push(c);
            column += 1;
        }
    }
    if let Some(comment) = line.find(" #").into_iter().chain(line.find(" ;")).min() {
        line.truncate(comment);
    }
    let line = line.replace(" \\#", " #").replace(" \\;", " ;");
    let line = line.trim_end();
    (!line.is_empty()).then(|| line.to_owned())
}

fn section_header(line: &str) -> Option<&str> {
    let (name, _) = line.trim_start().strip_prefix('[')?.split_once(']')?;
    (!name.is_empty()).then_some(name)
}

/// The files that match `pattern`, sorted by path; `*`, `?` and `[...]` may stand in any part of it.
fn expand(base: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![if pattern.starts_with('/') { PathBuf::from("/") } else { base.to_owned() }];
    for part in pattern.split('/').filter(|p| !p.is_empty() && *p != ".") {
        found = found.iter().flat_map(|dir| matches_in(dir, part)).collect();
    }
    found.retain(|p| p.is_file());
    found.sort();
    found
}

fn matches_in(dir: &Path, part: &str) -> Vec<PathBuf> {
    if !part.contains(['*', '?', '[']) {
        let path = dir.join(part);
        return if path.exists() { vec![path] } else { Vec::new() };
    }
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .filter(|e| e.file_name().to_str().is_some_and(|name| glob_match(part.as_bytes(), name.as_bytes())))
        .map(|e| e.path())
        .collect()
}

/// Shell-style matching of one path part, as Python's `Path.glob` does it.
fn glob_match(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|skip| glob_match(rest, &name[skip..])),
        Some((b'?', rest)) => name.split_first().is_some_and(|(_, name)| glob_match(rest, name)),
        Some((b'[', rest)) => {
            let Some(end) = rest.iter().skip(1).position(|b| *b == b']').map(|i| i + 1) else {
                return name.first() == Some(&b'[') && glob_match(rest, &name[1..]);
            };
            let (negated, set) = match &rest[..end] {
                [b'!', set @ ..] => (true, set),
                set => (false, set),
            };
            name.split_first().is_some_and(|(c, name)| in_set(set, *c) != negated && glob_match(&rest[end + 1..], name))
        }
        Some((c, rest)) => name.split_first().is_some_and(|(n, name)| n == c && glob_match(rest, name)),
    }
}

fn in_set(set: &[u8], c: u8) -> bool {
    match set {
        [low, b'-', high, rest @ ..] => (*low..=*high).contains(&c) || in_set(rest, c),
        [one, rest @ ..] => *one == c || in_set(rest, c),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<ConfFile, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        ConfFile::read(&dir.path().join(files[0].0))
    }

    fn value(conf: &ConfFile, section: &str, key: &str) -> String {
        conf.section(section).unwrap().options.iter().find(|o| o.key == key).unwrap().value.clone()
    }

    #[test]
    fn both_delimiters_case_and_comments_are_read_as_moonraker_does() {
        let conf = read(&[(
            "moonraker.conf",
            "# head\n[timelapse]\nOutput_Path: ~/t ; where films go\ncamera=front # which\n\
             snapshoturl: http://h/?action=snapshot;x#y\ntitle: a \\# b\n",
        )])
        .unwrap();
        assert_eq!(value(&conf, "timelapse", "output_path"), "~/t");
        assert_eq!(value(&conf, "timelapse", "camera"), "front");
        assert_eq!(value(&conf, "timelapse", "snapshoturl"), "http://h/?action=snapshot;x#y");
        assert_eq!(value(&conf, "timelapse", "title"), "a # b");
    }

    #[test]
    fn indented_lines_continue_a_value_even_when_they_look_like_options() {
        let conf = read(&[("m.conf", "[a]\nlist:\n  one: 1\n\n  # no\n  two\nnext: x\n[b]\nk: v\n")]).unwrap();
        assert_eq!(value(&conf, "a", "list"), "one: 1\ntwo");
        assert_eq!(value(&conf, "a", "next"), "x");
        assert_eq!(value(&conf, "b", "k"), "v");
    }

    #[test]
    fn included_files_override_in_order_and_say_where_a_value_stands() {
        let conf = read(&[
            ("m.conf", "[timelapse]\ncamera: one\n[include extra/*.conf]\n"),
            ("extra/a.conf", "[timelapse]\ncamera: two\n"),
            ("extra/b.conf", "\n[timelapse]\ncamera: three\nmode: layermacro\n"),
        ])
        .unwrap();
        assert_eq!(value(&conf, "timelapse", "camera"), "three");
        let option = &conf.section("timelapse").unwrap().options[0];
        assert!(option.path.ends_with("extra/b.conf"));
        assert_eq!(option.line, 3);
    }

    #[test]
    fn faults_name_file_and_line() {
        let fault = |files: &[(&str, &str)]| read(files).unwrap_err().to_string();
        assert!(fault(&[("m.conf", "[a]\nk: 1\nk: 2\n")]).contains("m.conf, line 3: option `k` stands twice"));
        assert!(fault(&[("m.conf", "[a]\n[a]\n")]).contains("m.conf, line 2: section [a] stands twice"));
        assert!(fault(&[("m.conf", "[a]\nnonsense\n")]).contains("line 2: `nonsense` is neither"));
        assert!(fault(&[("m.conf", "k: v\n")]).contains("line 1: an option stands before"));
        assert!(fault(&[("m.conf", "[include no*.conf]\n")]).contains("no file matches [include no*.conf]"));
        assert!(fault(&[("m.conf", "[include m.conf]\n")]).contains("leads back"));
    }

    #[test]
    fn globs_match_like_a_shell() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", "a.cfg", false),
            ("?[0-9].c*", "x7.conf", true),
            ("[!a]b", "ab", false),
            ("[!a]b", "cb", true),
            ("[", "[", true),
        ] {
            assert_eq!(glob_match(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }
}
