//! The application: what every request, job and command works with.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::Rules;

/// Built once, by `main` and by every test; shared by every request, job and command.
#[derive(Debug)]
pub struct App {
    /// Every setting.
    pub config: Config,
    /// Where `now` comes from.
    pub clock: Clock,
    /// The settings that rules depend on.
    pub rules: Rules,
}

impl App {
    /// Makes the application ready for work.
    pub fn start(config: Config, clock: Clock) -> Arc<Self> {
        let rules = config.rules();
        Arc::new(Self { config, clock, rules })
    }
}
