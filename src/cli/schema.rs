//! `moonlapse schema`: the settings' schema, and everything that is generated from it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::config::schema;

/// Print the JSON schema of the settings, or bring the files that are generated from it up to date.
#[derive(Debug, Args)]
pub struct Schema {
    /// Print the options as a Markdown table instead.
    #[arg(long, conflicts_with = "conf_example")]
    table: bool,
    /// Print the options as commented lines for moonraker.conf instead.
    #[arg(long)]
    conf_example: bool,
    /// Write the generated parts of this checkout of Moonlapse (for its developers).
    #[arg(long, value_name = "CHECKOUT", conflicts_with_all = ["table", "conf_example"])]
    write: Option<PathBuf>,
}

impl Schema {
    /// Prints or writes.
    pub fn run(self) -> ExitCode {
        if let Some(checkout) = self.write {
            for file in generated_files() {
                let path = checkout.join(file.path);
                let old = std::fs::read_to_string(&path).unwrap_or_default();
                if let Err(error) = std::fs::write(&path, file.fill(&old)) {
                    eprintln!("{}: cannot write: {error}", path.display());
                    return ExitCode::FAILURE;
                }
            }
        } else if self.table {
            print!("{}", schema::markdown_table());
        } else if self.conf_example {
            print!("{}", schema::conf_example());
        } else {
            print!("{}", schema_text());
        }
        ExitCode::SUCCESS
    }
}

/// A file of the checkout that is generated whole, or between two marker lines.
#[derive(Debug)]
pub struct Generated {
    /// Relative to the checkout.
    pub path: &'static str,
    /// First and last line of the generated part; `None` where all of the file is.
    markers: Option<(&'static str, &'static str)>,
    text: String,
}

impl Generated {
    /// `old` with its generated part brought up to date. A file that has lost its markers is left alone.
    #[must_use]
    pub fn fill(&self, old: &str) -> String {
        let Some((begin, end)) = self.markers else { return self.text.clone() };
        match old.split_once(begin).and_then(|(head, rest)| rest.split_once(end).map(|(_, tail)| (head, tail))) {
            Some((head, tail)) => format!("{head}{begin}\n{}{end}{tail}", self.text),
            None => old.to_owned(),
        }
    }
}

/// Everything that is generated from the schema; a test fails when one of them is stale.
#[must_use]
pub fn generated_files() -> Vec<Generated> {
    vec![
        Generated { path: "moonraker-component/timelapse/settings.schema.json", markers: None, text: schema_text() },
        Generated {
            path: "docs/configuration.md",
            markers: Some(("<!-- options -->", "<!-- /options -->")),
            text: schema::markdown_table(),
        },
        Generated {
            path: "moonraker.conf.example",
            markers: Some(("# <options>", "# </options>")),
            text: schema::conf_example(),
        },
    ]
}

fn schema_text() -> String {
    format!("{:#}\n", schema::json_schema())
}
