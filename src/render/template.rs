//! Texts with tokens in braces, for file names and overlays: `Layer {layer} of {layers}`, `{time:%H:%M}`.

use super::tokens::Token;

/// A text that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Token(Token, Option<String>),
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `{` without `}`, or the other way round.
    #[error("a brace is not closed or not opened; write `{{{{` and `}}}}` for braces themselves")]
    Brace,
    /// There is no such token.
    #[error("there is no token {{{0}}}; {1}")]
    Unknown(String, String),
    /// The token is one of frames and stands in a file's name, or the other way round.
    #[error("{{{0}}} is not known here; it differs from frame to frame, so it belongs into an overlay")]
    OfFrames(String),
    /// A format that its token does not know.
    #[error("{{{0}}} cannot be written as {1:?}; {2}")]
    Format(String, String, &'static str),
}

impl Template {
    /// Reads a text in which every token may stand.
    ///
    /// # Errors
    /// An unknown token, a bad format, a brace too few.
    pub fn overlay(text: &str) -> Result<Self, TemplateError> {
        Self::parse(&text.replace("\\n", "\n"))
    }

    /// Reads a text in which only tokens of the whole print may stand.
    ///
    /// # Errors
    /// As [`Template::overlay`], and a token of frames.
    pub fn name(text: &str) -> Result<Self, TemplateError> {
        let template = Self::parse(text)?;
        let wrong = template.tokens().find(|token| token.is_of_frames());
        wrong.map_or(Ok(template), |token| Err(TemplateError::OfFrames(token.name().to_owned())))
    }

    fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            literal.push_str(before);
            if let Some(after) = brace.strip_prefix("{{").or(brace.strip_prefix("}}")) {
                literal.push_str(&brace[..1]);
                rest = after;
                continue;
            }
            let (inside, after) =
                brace.strip_prefix('{').and_then(|inside| inside.split_once('}')).ok_or(TemplateError::Brace)?;
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            let (name, format) = match inside.split_once(':') {
                // Octolapse's formats stand in quotes.
                Some((name, format)) => (name, Some(format.trim().trim_matches('"').to_owned())),
                None => (inside, None),
            };
            let token = Token::find(name).ok_or_else(|| unknown(name))?;
            if let Some(format) = &format {
                token
                    .check_format(format)
                    .map_err(|allowed| TemplateError::Format(token.name().to_owned(), format.clone(), allowed))?;
            }
            parts.push(Part::Token(token, format));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self(parts))
    }

    fn tokens(&self) -> impl Iterator<Item = Token> {
        self.0.iter().filter_map(|part| match part {
            Part::Token(token, _) => Some(*token),
            Part::Text(_) => None,
        })
    }

    /// The text, with `literal` and `token` deciding how its parts are written.
    pub(super) fn fill(
        &self,
        literal: impl Fn(&str) -> String,
        token: impl Fn(Token, Option<&str>) -> String,
    ) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => literal(text),
            Part::Token(name, format) => token(*name, format.as_deref()),
        });
        parts.collect()
    }
}

fn unknown(name: &str) -> TemplateError {
    let names: Vec<&str> = Token::ALL.iter().map(|token| token.name()).collect();
    TemplateError::Unknown(name.to_owned(), format!("there are {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, String> {
        let template = Template::overlay(text).map_err(|error| error.to_string())?;
        Ok(template.fill(str::to_owned, |token, format| format!("<{}|{}>", token.name(), format.unwrap_or("-"))))
    }

    #[test]
    fn tokens_formats_and_braces() {
        assert_eq!(shown("Layer {layer} of {LAYERS}"), Ok("Layer <layer|-> of <layers|->".into()));
        assert_eq!(shown(r#"{time:%H:%M}\n{elapsed:"%h:%m:2"}"#), Ok("<time|%H:%M>\n<elapsed|%h:%m:2>".into()));
        assert_eq!(shown("{{{z:.1}}}"), Ok("{<z|.1>}".into()));
        assert_eq!(shown(""), Ok(String::new()));
    }

    #[test]
    fn mistakes_are_told() {
        for (text, problem) in [
            ("{layer", "a brace is not closed"),
            ("layer}", "a brace is not closed"),
            ("{leyer}", "there is no token {leyer}; there are file,"),
            ("{time:%!}", "{time} cannot be written as \"%!\"; "),
            ("{z:two}", "{z} cannot be written as \"two\"; "),
            ("{camera:x}", "{camera} cannot be written as \"x\"; it takes no format"),
        ] {
            let error = shown(text).unwrap_err();
            assert!(error.starts_with(problem), "{text}: {error}");
        }
        assert!(Template::name("{layer}").unwrap_err().to_string().contains("belongs into an overlay"));
        assert!(Template::name("{file}_{LAYERS}").is_ok());
    }
}
