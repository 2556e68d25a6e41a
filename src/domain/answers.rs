//! Saved answers: what staff write again and again, kept under a name for everybody at the desk.
//!
//! A text may hold placeholders in braces, which stand for what the ticket says when the answer is
//! put into a note or a resolution: `Hello {customer}`. Whoever puts it there reads and changes it
//! before it is sent.

use std::fmt::Write as _;

use crate::clock::Millis;
use crate::db::Tx;
use crate::domain::Actor;
use crate::domain::audit::{self, Action, Details, Subject};
use crate::domain::text::{self, fold};
use crate::error::{Error, FieldCode, FieldError};
use crate::ids;
use crate::store;

/// Saved answers there are at most: more are not found again in a list.
pub const MOST: usize = 200;

/// A text that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The row.
    pub id: i64,
    /// What it is called; unique without regard to case.
    pub name: String,
    /// What it says, with its placeholders.
    pub body: String,
    /// When it was last written.
    pub updated_at: Millis,
}

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// The customer's name, or their address if nobody knows it.
    Customer,
    /// Their company.
    Company,
    /// The ticket's reference.
    Reference,
    /// Its subject.
    Subject,
    /// Who writes.
    Technician,
}

impl Placeholder {
    /// All that there are.
    pub const ALL: [Self; 5] =
        [Self::Customer, Self::Company, Self::Reference, Self::Subject, Self::Technician];

    /// The word between the braces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Company => "company",
            Self::Reference => "reference",
            Self::Subject => "subject",
            Self::Technician => "technician",
        }
    }

    /// What it stands for, in words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Customer => "the customer’s name, or their e-mail address",
            Self::Company => "the customer’s company",
            Self::Reference => "the ticket’s reference",
            Self::Subject => "the ticket’s subject",
            Self::Technician => "your own name",
        }
    }
}

/// A piece of an answer.
enum Piece<'a> {
    Text(&'a str),
    Place(Placeholder),
    /// A word in braces that stands for nothing.
    Unknown(&'a str),
}

/// Cuts a text at its placeholders. Braces around anything but one word of small letters are text:
/// people write `{see below}` and `{}`.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut from = 0;
    while let Some(open) = rest[from..].find('{').map(|at| from + at) {
        let word = rest[open + 1..].split_once('}').map(|(word, _)| word);
        let is_word = |word: &&str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        let Some(word) = word.filter(is_word) else {
            from = open + 1;
            continue;
        };
        pieces.push(Piece::Text(&rest[..open]));
        let known = Placeholder::ALL.into_iter().find(|it| it.as_str() == word);
        pieces.push(known.map_or(Piece::Unknown(word), Piece::Place));
        rest = &rest[open + word.len() + 2..];
        from = 0;
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// Reads what an answer says: at most as long as a note.
///
/// # Errors
/// Those of [`text::parse`]; `unknown_value` naming a placeholder that stands for nothing.
pub fn parse(field: &str, typed: &str) -> Result<String, FieldError> {
    let body = text::parse(field, typed, text::NOTE)?;
    let unknown = pieces(&body).into_iter().find_map(|piece| match piece {
        Piece::Unknown(word) => Some(word.to_owned()),
        _ => None,
    });
    let Some(unknown) = unknown else { return Ok(body) };
    let mut message = format!("There is no placeholder {{{unknown}}}. There are");
    for (index, place) in Placeholder::ALL.into_iter().enumerate() {
        let between = if index == 0 { " " } else { ", " };
        // Writing to a string does not fail.
        let _ = write!(message, "{between}{{{}}}", place.as_str());
    }
    message.push('.');
    Err(FieldError::new(field, FieldCode::UnknownValue, message))
}

/// What `body` says when `value` knows what each placeholder stands for.
pub fn fill<'a>(body: &'a str, value: impl Fn(Placeholder) -> &'a str) -> String {
    let filled = pieces(body).into_iter().map(|piece| match piece {
        Piece::Text(text) => text.to_owned(),
        Piece::Place(place) => value(place).to_owned(),
        // It was refused when the answer was saved.
        Piece::Unknown(word) => format!("{{{word}}}"),
    });
    filled.collect()
}

/// Ids and names of all, by name.
pub fn names(tx: &mut Tx<'_>) -> Result<Vec<(i64, String)>, Error> {
    Ok(store::answers::names(tx)?)
}

/// All of them, by name.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Answer>, Error> {
    Ok(store::answers::list(tx)?)
}

/// One of them.
///
/// # Errors
/// [`Error::NotFound`].
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Answer, Error> {
    store::answers::find(tx, id)?.ok_or(Error::NotFound)
}

/// Saves a new answer. The name was read with [`text::parse_line`], the body with [`parse`].
///
/// # Errors
/// [`Error::Invalid`] naming `name` if another is called so, or there are 200 already.
pub fn add(
    tx: &mut Tx<'_>,
    actor: &Actor,
    (name, body): (&str, &str),
    now: Millis,
) -> Result<Answer, Error> {
    if store::answers::names(tx)?.len() >= MOST {
        let message = format!("There are {MOST} saved answers already. Please remove one first.");
        return Err(FieldError::new("name", FieldCode::TooLong, message).into());
    }
    let (id, name, body) = (ids::new_id(now), name.to_owned(), body.to_owned());
    let answer = Answer { id, name, body, updated_at: now };
    if !store::answers::insert(tx, &answer, &fold(&answer.name))? {
        return taken();
    }
    let subject = Subject::answer(&answer);
    audit::record(tx, actor, Action::AnswerAdded, &subject, Details::none(), now)?;
    Ok(answer)
}

/// Writes an answer anew.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] naming `name` if another is called so.
pub fn change(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: i64,
    (name, body): (&str, &str),
    now: Millis,
) -> Result<Answer, Error> {
    let before = find(tx, id)?;
    let answer = Answer { id, name: name.to_owned(), body: body.to_owned(), updated_at: now };
    let details = Details::none().changed("name", before.name.as_str(), &answer.name).changed(
        "text",
        before.body.as_str(),
        &answer.body,
    );
    if details.is_empty() {
        return Ok(before);
    }
    match store::answers::update(tx, &answer, &fold(&answer.name)) {
        Err(error) if error.is_unique(store::answers::NAME) => return taken(),
        updated => updated?,
    }
    audit::record(tx, actor, Action::AnswerEdited, &Subject::answer(&answer), details, now)?;
    Ok(answer)
}

fn taken<T>() -> Result<T, Error> {
    let message = "Another saved answer has this name.";
    Err(FieldError::new("name", FieldCode::Taken, message).into())
}

/// Removes one.
///
/// # Errors
/// [`Error::NotFound`].
pub fn remove(tx: &mut Tx<'_>, actor: &Actor, id: i64, now: Millis) -> Result<Answer, Error> {
    let answer = find(tx, id)?;
    store::answers::remove(tx, id)?;
    let (subject, details) = (Subject::answer(&answer), Details::none());
    audit::record(tx, actor, Action::AnswerRemoved, &subject, details, now)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(body: &str) -> String {
        fill(body, |place| match place {
            Placeholder::Customer => "Ana {company}",
            Placeholder::Company => "",
            Placeholder::Reference => "TKT-000001",
            Placeholder::Subject => "Alarm",
            Placeholder::Technician => "Dana",
        })
    }

    #[test]
    fn a_placeholder_stands_for_what_the_ticket_says_and_other_braces_for_themselves() {
        for (body, wanted) in [
            ("Hello {customer},", "Hello Ana {company},"),
            ("{reference}{subject}", "TKT-000001Alarm"),
            ("[{company}]", "[]"),
            ("{ {customer} }", "{ Ana {company} }"),
            ("{{technician}}", "{Dana}"),
            ("{see below} {} { {Customer} {customer", "{see below} {} { {Customer} {customer"),
            ("né {technician} é", "né Dana é"),
        ] {
            assert_eq!(filled(body), wanted, "{body}");
        }
    }

    #[test]
    fn a_placeholder_that_is_not_there_is_refused_by_name() {
        assert_eq!(parse("body", "Hi {customer}").as_deref(), Ok("Hi {customer}"));
        let refused = parse("body", "Hi {custommer}, {technician}").unwrap_err();
        assert_eq!(refused.code, FieldCode::UnknownValue);
        assert!(refused.message.contains("{custommer}"), "{}", refused.message);
        assert!(refused.message.ends_with("{subject}, {technician}."), "{}", refused.message);
        assert_eq!(parse("body", " \n").unwrap_err().code, FieldCode::Required);
    }
}
