//! What a command is told.

use super::When;

/// Names and values; a command finds `MOONLAPSE_NAME` in its environment, and `{name}` in its text is replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts(Vec<(&'static str, String)>);

impl Facts {
    /// One more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.0.push((name, value.to_string()));
        self
    }

    /// One more, where it is known.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The command with its placeholders replaced by what a shell takes for one word, whatever is in it.
    #[must_use]
    pub(super) fn filled_into(&self, command: &str) -> String {
        let mut filled = command.to_owned();
        for (name, value) in &self.0 {
            // A shell has no way to write a NUL; no name of a file has one.
            let value = value.replace('\0', "");
            let quoted = shlex::try_quote(&value).map(|q| q.into_owned()).unwrap_or_default();
            filled = filled.replace(&format!("{{{name}}}"), &quoted);
        }
        filled
    }

    pub(super) fn environment(&self, when: When) -> Vec<(String, String)> {
        let facts =
            self.0.iter().map(|(name, value)| (format!("MOONLAPSE_{}", name.to_uppercase()), value.replace('\0', "")));
        facts.chain([("MOONLAPSE_EVENT".to_owned(), when.as_str().to_owned())]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_of_a_file_becomes_a_command() {
        let facts = Facts::default().with("film", "a b'; rm -rf ~; $(x).mp4").with_some("layer", None::<u32>);
        let filled = facts.filled_into("upload {film} {layer}");
        assert_eq!(shlex::split(&filled).unwrap(), ["upload", "a b'; rm -rf ~; $(x).mp4", "{layer}"]);
        let environment = facts.environment(When::AfterFilm);
        assert_eq!(environment[0].0, "MOONLAPSE_FILM");
        assert_eq!(environment[1], ("MOONLAPSE_EVENT".to_owned(), "after_film".to_owned()));
    }
}
