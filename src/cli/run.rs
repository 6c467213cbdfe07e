//! `moonlapse run`: the agent.

use std::process::ExitCode;

use clap::Args;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer as _};

use super::moonraker_args::MoonrakerArgs;
use crate::agent::{self, Options};
use crate::clock::Clock;
use crate::config::{Layer, read_moonraker_conf};
use crate::web::Log;

/// Film the prints of one Moonraker, until stopped. This is what the systemd service runs.
///
/// Settings come from the timelapse pages of Mainsail and Fluidd and from [timelapse] in moonraker.conf; see
/// docs/configuration.md. Nothing here needs to be given on a printer with the usual folders.
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    moonraker: MoonrakerArgs,
    /// Use a setting whatever moonraker.conf and the pages say. May be given several times.
    #[arg(long = "set", value_name = "OPTION=VALUE", value_parser = key_value)]
    settings: Vec<(String, String)>,
    /// What to log: error, warn, info, debug, or by module such as `info,moonlapse::camera=debug`.
    #[arg(long, value_name = "FILTER", env = "MOONLAPSE_LOG", default_value = "info")]
    log: String,
}

impl Run {
    /// Runs until SIGINT or SIGTERM.
    pub(super) fn run(self) -> ExitCode {
        let filter = match EnvFilter::try_new(&self.log) {
            Ok(filter) => filter,
            Err(error) => {
                eprintln!("--log {}: {error}", self.log);
                return ExitCode::from(2);
            }
        };
        // journald adds the time itself.
        let journal = std::env::var_os("JOURNAL_STREAM").is_some();
        let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_target(false);
        let lines = if journal { lines.without_time().boxed() } else { lines.boxed() };
        let log = Log::default();
        let for_page = log.clone().with_filter(filter_fn(Log::wants));
        tracing_subscriber::registry().with(lines.with_filter(filter)).with(for_page).init();

        let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                eprintln!("cannot start: {error}");
                return ExitCode::FAILURE;
            }
        };
        let outcome = runtime.block_on(async {
            let shutdown = CancellationToken::new();
            tokio::spawn(cancel_on_signal(shutdown.clone()));
            agent::run(self.options(log), Clock::real(), shutdown).await
        });
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        }
    }

    fn options(self, log: Log) -> Options {
        let Self { moonraker, settings, .. } = self;
        // The component's own reading is what counts; this one serves until it has answered.
        let conf = match read_moonraker_conf(&moonraker.data.moonraker_conf()) {
            Ok(layer) => Some(layer),
            Err(error) => {
                tracing::warn!("{error}");
                None
            }
        };
        Options {
            endpoint: moonraker.endpoint(),
            conf,
            overrides: vec![Layer::environment(std::env::vars()), Layer::flags(&settings)],
            store: moonraker.data.store(),
            log,
        }
    }
}

async fn cancel_on_signal(shutdown: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    if let (Ok(mut interrupt), Ok(mut terminate)) = signals {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        shutdown.cancel();
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        .ok_or_else(|| "give it as option=value, such as park_time=0.2".to_owned())
}
