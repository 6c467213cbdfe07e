//! Names of films, and giving them to finished files without ever replacing one.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Zoned;
use jiff::fmt::strtime;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::RenderError;
use super::template::Template;
use super::tokens::FilmFacts;

/// Longest name without its ending, bytes: file systems allow 255, and `_frames.zip` and a number must fit.
const STEM_BYTES: usize = 220;

/// The name, without its ending, that a template gives. What no file name may hold becomes `-`.
pub(super) fn of_template(template: &Template, film: &FilmFacts<'_>) -> String {
    // Formats and literals are those of strftime; a lone `%` stays.
    let literal = |text: &str| strtime::format(text, film.made_at).unwrap_or_else(|_| text.to_owned());
    let mut stem = plain(&template.fill(literal, |token, format| token.of_film(format, film)));
    cut(&mut stem, STEM_BYTES);
    // Hidden files are not shown, and nothing would be left of an empty name.
    let stem = stem.trim_start_matches('.').trim().to_owned();
    if stem.is_empty() { "timelapse".to_owned() } else { stem }
}

/// `timelapse_<printed file with its ending>_<time>`, as moonraker-timelapse names films.
pub(super) fn stem(print_file: &str, made_at: &Zoned, time_format: &str) -> Result<String, RenderError> {
    let time = strtime::format(time_format, made_at).map_err(|_| RenderError::Setting {
        key: "time_format_code",
        value: time_format.to_owned(),
        allowed: "a strftime format, like %Y%m%d_%H%M",
    })?;
    let time = plain(&time);
    let mut name = plain(print_file.rsplit('/').next().unwrap_or_default());
    let room = STEM_BYTES.saturating_sub("timelapse__".len() + time.len());
    cut(&mut name, room);
    let separator = if name.is_empty() { "" } else { "_" };
    let mut stem = format!("timelapse_{name}{separator}{time}");
    cut(&mut stem, STEM_BYTES);
    Ok(stem)
}

/// To `bytes` at most, and not inside a character.
fn cut(text: &mut String, bytes: usize) {
    while text.len() > bytes {
        text.pop();
    }
}

/// Without what no file name may hold.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c == '/' || c.is_control() { '-' } else { c }).collect()
}

/// Gives finished files their names `<stem><ending>`, the last one last (with it the set is complete), and syncs the
/// folder. When one of the names is taken, all get `_2`, `_3` and so on. Gives the new paths.
pub(super) fn publish(folder: &Path, stem: &str, files: &[(PathBuf, &str)]) -> Result<Vec<PathBuf>, RenderError> {
    let mut attempt = 1;
    loop {
        let suffix = if attempt == 1 { String::new() } else { format!("_{attempt}") };
        let to: Vec<PathBuf> = files.iter().map(|(_, ending)| folder.join(format!("{stem}{suffix}{ending}"))).collect();
        if to.iter().all(|path| path.symlink_metadata().is_err()) && move_all(files, &to)? {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| RenderError::io("sync", folder, e))?;
            return Ok(to);
        }
        attempt += 1;
    }
}

/// False, with everything back where it was, when another process took one of the names meanwhile.
fn move_all(files: &[(PathBuf, &str)], to: &[PathBuf]) -> Result<bool, RenderError> {
    for (i, ((from, _), to_i)) in files.iter().zip(to).enumerate() {
        if let Err(error) = rename_to_free_name(from, to_i) {
            for ((from, _), to) in files.iter().zip(to).take(i) {
                fs::rename(to, from).map_err(|error| RenderError::io("rename", to, error))?;
            }
            return match error.kind() {
                io::ErrorKind::AlreadyExists => Ok(false),
                _ => Err(RenderError::io("write", to_i, error)),
            };
        }
    }
    Ok(true)
}

/// Renames, and fails with `AlreadyExists` rather than replace a file.
fn rename_to_free_name(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not on every file system: a hard link does not replace either.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => match fs::hard_link(from, to) {
            Ok(()) => fs::remove_file(from),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            // Neither (exFAT on a USB stick): the caller has looked whether the name is free.
            Err(_) => fs::rename(from, to),
        },
        result => Ok(result?),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    use super::*;

    fn at() -> Zoned {
        date(2026, 11, 23).at(15, 30, 42, 0).to_zoned(TimeZone::UTC).unwrap()
    }

    #[test]
    fn films_are_named_as_moonraker_timelapse_names_them() {
        let of = |file: &str, format: &str| stem(file, &at(), format).unwrap();
        assert_eq!(of("parts/benchy v2.gcode", "%Y%m%d_%H%M"), "timelapse_benchy v2.gcode_20261123_1530");
        assert_eq!(of("a.gcode", "%D"), "timelapse_a.gcode_11-23-26", "no folders by a time format");
        assert_eq!(of("", "%H"), "timelapse_15");
        let long = of(&"ü".repeat(200), "%Y");
        assert!(long.len() <= STEM_BYTES && long.ends_with("_2026"), "{long}");
        let error = stem("a", &at(), "%!").unwrap_err();
        assert!(error.to_string().contains("time_format_code"), "{error}");
    }

    #[test]
    fn an_existing_film_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = dir.path().join(name);
            fs::write(&path, name).unwrap();
            path
        };
        make("s.mp4");
        make("s_2.jpg");
        let files = [(make(".p"), ".jpg"), (make(".f"), ".mp4")];
        let to = publish(dir.path(), "s", &files).unwrap();
        assert_eq!(to, [dir.path().join("s_3.jpg"), dir.path().join("s_3.mp4")]);
        assert_eq!(fs::read(dir.path().join("s.mp4")).unwrap(), b"s.mp4");
        assert_eq!(fs::read(&to[1]).unwrap(), b".f");
    }

    #[test]
    fn a_name_taken_in_the_last_moment_puts_everything_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for name in [".p", ".f", "s.mp4"] {
            fs::write(path(name), name).unwrap();
        }
        let files = [(path(".p"), ".jpg"), (path(".f"), ".mp4")];
        assert!(!move_all(&files, &[path("s.jpg"), path("s.mp4")]).unwrap());
        assert!(path(".p").exists() && path(".f").exists() && !path("s.jpg").exists());
    }
}
