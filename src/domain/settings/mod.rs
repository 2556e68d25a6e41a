//! Settings as they hold: what the operator said (flag, environment, file), or else what an admin set
//! at the desk, or else the default.
//!
//! What admins set is in the database, so several processes share it. A [`Keeper`] remembers what it read,
//! under the stamp that the settings had then; whoever decides something in a transaction asks
//! [`Keeper::in_force`], which looks at the stamp in that transaction and so never answers what no longer
//! holds there. docs/decisions/0027 has the reasons.

mod change;
mod fields;
mod words;

use std::sync::{Arc, PoisonError, RwLock};

pub use change::{Change, Outcome, Section, Seen, imagine, import, is_stored, save};
pub use fields::{Typed, cards, read};

use crate::clock::Millis;
use crate::config::Config;
use crate::db::{DbError, Tx};
use crate::domain::Rules;
use crate::store;

/// A setting that an admin made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its name, one of [`crate::config::AT_THE_DESK`].
    pub name: String,
    /// What it is, as text.
    pub value: String,
    /// Since when.
    pub changed_at: Millis,
    /// The name of whoever made it.
    pub changed_by: String,
}

/// Every setting as it holds, for as long as the stamp is this one.
#[derive(Debug)]
pub struct InForce {
    /// All of them; what is the operator's alone is as at the start.
    pub config: Config,
    /// Those that rules depend on.
    pub rules: Rules,
    /// What admins made, whether it counts or not.
    pub stored: Vec<Stored>,
    /// Names this state of them: equal stamps, equal settings.
    pub stamp: Option<String>,
}

impl InForce {
    fn new(operators: &Config, stored: Vec<Stored>, stamp: Option<String>) -> Self {
        let mut config = operators.clone();
        for Stored { name, value, .. } in &stored {
            if operators.operators_place(name).is_some() {
                continue;
            }
            if let Err(error) = config.set(name, value) {
                // A newer version may have written it, which runs beside this one.
                tracing::warn!(name, error, "a setting in the database is left out");
            }
        }
        let rules = config.rules();
        Self { config, rules, stored, stamp }
    }

    /// What an admin made of `name`, if that counts.
    pub fn made(&self, name: &str) -> Option<&Stored> {
        let stored = self.stored.iter().find(|stored| stored.name == name);
        stored.filter(|_| self.config.operators_place(name).is_none())
    }
}

/// Knows what the operator said, and remembers what the database added to it.
#[derive(Debug)]
pub struct Keeper {
    operators: Config,
    memory: RwLock<Arc<InForce>>,
}

impl Keeper {
    /// A keeper that knows the operator's word alone.
    pub fn new(operators: Config) -> Self {
        let memory = InForce::new(&operators, Vec::new(), None);
        Self { operators, memory: RwLock::new(Arc::new(memory)) }
    }

    /// What holds without what admins set.
    pub fn operators(&self) -> &Config {
        &self.operators
    }

    /// What holds in this transaction. It costs one look at one row, and a second statement when
    /// somebody changed something.
    ///
    /// What is remembered may be that of a transaction which was undone: its stamp is then never met
    /// again, for stamps are random.
    ///
    /// # Errors
    /// Those of the database.
    pub fn in_force(&self, tx: &mut Tx<'_>) -> Result<Arc<InForce>, DbError> {
        // First the stamp: settings that are newer than it are only read once more than needed.
        let stamp = store::settings::stamp(tx)?;
        let known = Arc::clone(&self.memory.read().unwrap_or_else(PoisonError::into_inner));
        if known.stamp == stamp {
            return Ok(known);
        }
        let stored = store::settings::list(tx)?;
        let holds = Arc::new(InForce::new(&self.operators, stored, stamp));
        *self.memory.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&holds);
        Ok(holds)
    }
}

/// What admins set, whether it counts or not: for an export.
///
/// # Errors
/// Those of the database.
pub fn stored(tx: &mut Tx<'_>) -> Result<Vec<Stored>, DbError> {
    store::settings::list(tx)
}
