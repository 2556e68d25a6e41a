//! A customer is taken out of the log: what they were called, and what was typed to find them.

use super::{Action, CHUNK, Line, forget};
use crate::db::Tx;
use crate::domain::customers::Customer;
use crate::domain::text;
use crate::error::Error;
use crate::store;

/// Actions that are told with words somebody typed freely. People do them, so there are not many lines.
const WITH_WORDS: [Action; 3] =
    [Action::TicketsExported, Action::AuditExported, Action::CustomersImported];
/// Under which names these words stand. What stands under others was chosen from a list.
const TYPED: [&str; 4] = ["q", "customer", "about", "file"];
/// Characters of a word that can tell who somebody is. Shorter ones are in most names.
const SHORTEST: usize = 3;

/// Takes a customer out of the log. Where an export was narrowed down by words of theirs, its filters go.
///
/// # Errors
/// [`Error::Db`] alone.
pub(in crate::domain) fn forget_customer(tx: &mut Tx<'_>, who: &Customer) -> Result<(), Error> {
    forget(tx, "customer", who.id, who.email.as_str())?;
    let theirs = Theirs::of(who);
    for action in WITH_WORDS {
        let mut before = i64::MAX;
        loop {
            let some = store::audit::of_action(tx, action.as_str(), (-1, before, CHUNK))?;
            for line in some.iter().filter(|line| theirs.stand_in(line)) {
                store::audit::silence_line(tx, line.id)?;
            }
            let Some(last) = some.last() else { break };
            before = last.id;
        }
    }
    Ok(())
}

/// What tells who a customer is, folded.
struct Theirs {
    /// Their address, name and telephone number.
    own: Vec<String>,
    /// All that a search finds them by.
    search: String,
}

impl Theirs {
    fn of(who: &Customer) -> Self {
        let email = &who.email;
        let mut own = vec![text::fold(email.as_str()), email.key()];
        own.extend([&who.name, &who.phone].map(|it| text::fold(it.trim())));
        own.retain(|it| it.chars().count() >= SHORTEST);
        Self { own, search: who.search_text() }
    }

    fn stand_in(&self, line: &Line) -> bool {
        let typed = |name: &&str| line.details.0.get(*name).and_then(|value| value.as_str());
        TYPED.iter().filter_map(typed).any(|typed| self.are_told_by(&text::fold(typed.trim())))
    }

    /// Whether `typed` names them, or is a part of what they are called.
    fn are_told_by(&self, typed: &str) -> bool {
        self.own.iter().any(|own| has_words(typed, own))
            || (typed.chars().count() >= SHORTEST && has_words(&self.search, typed))
    }
}

/// Whether `words` stand in `text`, and not in the middle of another word.
fn has_words(text: &str, words: &str) -> bool {
    let is_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    text.match_indices(words).any(|(at, found)| {
        let (before, after) = (&text[..at], &text[at + found.len()..]);
        !is_word(before.chars().next_back()) && !is_word(after.chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Millis;
    use crate::domain::customers::{NewCustomer, row};
    use crate::domain::email::Email;

    #[test]
    fn what_tells_of_a_person_is_theirs_and_what_tells_of_others_is_not() {
        let email = Email::parse("email", "Zoë.Costa@cafe.example").expect("an address");
        let new = NewCustomer {
            name: "Zoë Costa".into(),
            phone: "+351 210 555".into(),
            company: "Café Lumen".into(),
            ..NewCustomer::with_email(email)
        };
        let theirs = Theirs::of(&row(&new, Millis(0)));
        for typed in [
            "ZOË.COSTA@cafe.example",
            "from zoë costa, again",
            "costa",
            "+351 210 555",
            "customers of zoë.costa@cafe.example.csv",
            "CAFÉ LUMEN",
        ] {
            assert!(theirs.are_told_by(&text::fold(typed)), "{typed}");
        }
        for typed in
            ["", "zo", "cost", "costas", "ben@cafe.example", "battery", "azoë.costa@cafe.example"]
        {
            assert!(!theirs.are_told_by(&text::fold(typed)), "{typed}");
        }
    }
}
