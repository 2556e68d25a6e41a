//! Pages of lists, and the cursors between them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{FieldCode, FieldError};

/// Items, and where the next ones begin.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The cursor of the next page; none if this is the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Nothing, and nothing after it.
    pub fn empty() -> Self {
        Self { items: Vec::new(), next: None }
    }

    /// Cuts `rows`, read one beyond `limit`, to a page. `key` names the place of its last item.
    pub fn cut<R>(
        mut rows: Vec<R>,
        limit: i64,
        key: impl Fn(&R) -> Vec<i64>,
        item: impl Fn(R) -> T,
    ) -> Self {
        let limit = usize::try_from(limit).unwrap_or(0);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| cursor(&key(last)));
        Self { items: rows.into_iter().map(item).collect(), next }
    }
}

/// Writes the keys of a place in a list, as text without meaning to its holder.
pub fn cursor(keys: &[i64]) -> String {
    let bytes: Vec<u8> = keys.iter().flat_map(|key| key.to_be_bytes()).collect();
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a cursor of `count` keys from `field`.
pub fn decode(field: &str, cursor: &str, count: usize) -> Result<Vec<i64>, FieldError> {
    let keys: Option<Vec<i64>> = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| {
        let (chunks, rest) = bytes.as_chunks::<8>();
        let fits = rest.is_empty() && chunks.len() == count;
        fits.then(|| chunks.iter().map(|chunk| i64::from_be_bytes(*chunk)).collect())
    });
    keys.ok_or_else(|| {
        FieldError::new(
            field,
            FieldCode::Malformed,
            "This cursor was not given by this list. Leave it out to start from the beginning.",
        )
    })
}

/// The one key of a cursor that may be missing.
pub fn place(field: &str, cursor: Option<&str>) -> Result<Option<i64>, FieldError> {
    cursor.map(|cursor| Ok(decode(field, cursor, 1)?[0])).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip_and_strangers_are_refused() {
        assert_eq!(decode("cursor", &cursor(&[1, -2]), 2), Ok(vec![1, -2]));
        for bad in ["", "x", "AAAA", &cursor(&[1]), &cursor(&[1, 2, 3])] {
            assert!(decode("cursor", bad, 2).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_page_has_a_next_only_if_there_is_more() {
        let page = Page::cut(vec![1, 2, 3], 2, |row| vec![*row], |row| row);
        assert_eq!(page.items, [1, 2]);
        assert_eq!(page.next, Some(cursor(&[2])));
        assert_eq!(Page::cut(vec![1, 2], 2, |row| vec![*row], |row| row).next, None);
    }
}
