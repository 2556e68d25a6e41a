//! `doorkey health`: whether `serve` answers here, for supervisors that can only run a command.

use serde_json::{Value, json};

use super::{CliError, output};
use crate::config::Config;
use crate::hooks::own;

/// Ask whether doorkey serve answers on this machine
///
/// It asks where the setting listen says, not the public URL. Exit code 0: it answers; 1: it does
/// not. A certificate that has ended is no reason for a restart: doctor looks at that.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey health --ready")]
pub struct Args {
    /// Ask whether its database answers and is up to date, too
    #[arg(long)]
    ready: bool,
    /// Print one JSON object: {"ok", "status"}, with --ready also what /readyz says
    #[arg(long)]
    json: bool,
}

/// Asks.
pub async fn run(args: Args, config: Config) -> Result<(), CliError> {
    let path = if args.ready { "/readyz" } else { "/healthz" };
    let listen = &config.server.listen;
    let reached = own::reach(&config, path).await.map_err(|reason| {
        let advice = "is doorkey serve running, with these settings?";
        CliError::Failed(format!("{listen} does not answer: {reason}; {advice}"))
    })?;
    let ok = reached.status == 200 && reached.is_ours;
    let found: Option<Value> = serde_json::from_str(&reached.body).ok();
    let mut object = found.filter(Value::is_object).unwrap_or_else(|| json!({}));
    object["ok"] = json!(ok);
    object["status"] = json!(reached.status);
    output::answer(args.json, &object, reached.body.trim())?;
    if ok {
        return Ok(());
    }
    Err(CliError::Failed(if reached.is_ours {
        format!("{listen}{path} answers {}; the log of doorkey serve says why", reached.status)
    } else {
        format!("another program answers at {listen}; look at the setting listen")
    }))
}
