//! What the user wants done around films.

use super::worker::Worker;
use crate::conductor::Event;
use crate::config::Settings;
use crate::hooks::{Facts, Hooks, When};
use crate::render::Film;
use crate::session::Session;

impl Worker {
    /// Runs the G-code and the command before a film, to its end or its time limit.
    pub(super) async fn before_film(&self, settings: &Settings, session: &Session) {
        self.hook(When::BeforeFilm, settings, facts(session)).await;
    }

    /// Runs the G-code and the command after a film; the next film does not wait for them.
    pub(super) async fn after_film(&self, settings: &Settings, session: &Session, made: Result<&Film, &str>) {
        let facts = match made {
            Ok(film) => facts(session)
                .with("film", film.path.display())
                .with("frames", film.frames)
                .with_some("preview", film.preview.as_ref().map(|preview| preview.display())),
            Err(problem) => facts(session).with("problem", problem),
        };
        self.hook(When::AfterFilm, settings, facts).await;
    }

    async fn hook(&self, when: When, settings: &Settings, facts: Facts) {
        let hooks = Hooks::of(settings);
        if let Some(script) = hooks.gcode(when) {
            self.events.send(Event::Gcode(script.to_owned())).await.ok();
        }
        if when == When::AfterFilm {
            tokio::spawn(async move { hooks.run(when, &facts).await });
        } else {
            hooks.run(when, &facts).await;
        }
    }
}

fn facts(session: &Session) -> Facts {
    Facts::default().with("print_file", &session.print_file).with("session", &session.id)
}
