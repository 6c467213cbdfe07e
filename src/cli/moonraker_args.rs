//! Which Moonraker: arguments shared by the commands that talk to one.

use clap::Args;

use super::paths::DataPath;
use crate::moonraker::Endpoint;

/// A Moonraker and its data folder.
#[derive(Clone, Debug, Args)]
pub(super) struct MoonrakerArgs {
    #[command(flatten)]
    pub(super) data: DataPath,
    /// Moonraker's address, when it is not the unix socket in its data folder: the path of a socket, or a URL such as
    /// http://printer.local:7125.
    #[arg(long, value_name = "ADDRESS", env = "MOONLAPSE_MOONRAKER")]
    moonraker: Option<Endpoint>,
    /// API key, for a Moonraker on another host that does not trust this one.
    #[arg(long, value_name = "KEY", env = "MOONLAPSE_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
}

impl MoonrakerArgs {
    /// Where it listens.
    pub(super) fn endpoint(&self) -> Endpoint {
        let endpoint = self.moonraker.clone().unwrap_or_else(|| Endpoint::Unix(self.data.moonraker_socket()));
        endpoint.with_api_key(self.api_key.clone())
    }
}
