//! Says a migration, written once in PostgreSQL's words, in SQLite's.
//!
//! `BIGINT` becomes `INTEGER`; `flag BOOLEAN` becomes `flag INTEGER CHECK (flag IN (0, 1))`;
//! `BYTEA` becomes `BLOB`; every `CREATE TABLE (…)` becomes `STRICT`, and `WITHOUT ROWID` where
//! a comment `-- clustered` stands on the line before. Comments and quoted text stay as they are.

/// Translates all statements of a migration.
pub(super) fn for_sqlite(sql: &str) -> String {
    let mut said = Translation::default();
    for piece in pieces(sql) {
        said.add(piece);
    }
    said.text
}

#[derive(Default)]
struct Translation {
    text: String,
    /// The words of the statement so far: two tell a `CREATE TABLE`, the last names a column.
    words: Vec<String>,
    depth: usize,
    clustered: bool,
}

impl Translation {
    fn add(&mut self, piece: &str) {
        if piece.starts_with("--") {
            self.clustered |= self.words.is_empty() && piece.trim_end() == "-- clustered";
            self.text.push_str(piece);
        } else if is_word(piece) {
            self.word(piece);
        } else {
            self.text.push_str(piece);
            self.punctuation(piece);
        }
    }

    fn word(&mut self, word: &str) {
        let upper = word.to_ascii_uppercase();
        match upper.as_str() {
            "BIGINT" => self.text.push_str("INTEGER"),
            "BYTEA" => self.text.push_str("BLOB"),
            "BOOLEAN" => self.boolean(),
            _ => self.text.push_str(word),
        }
        self.words.push(upper);
    }

    fn boolean(&mut self) {
        self.text.push_str("INTEGER");
        match self.words.last() {
            Some(column) if column != "AS" => {
                let check = format!(" CHECK ({} IN (0, 1))", column.to_ascii_lowercase());
                self.text.push_str(&check);
            }
            _ => {}
        }
    }

    fn punctuation(&mut self, mark: &str) {
        match mark {
            "(" => self.depth += 1,
            ")" => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 && self.words.starts_with(&["CREATE".into(), "TABLE".into()]) {
                    self.text.push_str(if self.clustered {
                        " STRICT, WITHOUT ROWID"
                    } else {
                        " STRICT"
                    });
                }
            }
            ";" => {
                self.words.clear();
                self.clustered = false;
            }
            _ => {}
        }
    }
}

fn is_word(piece: &str) -> bool {
    piece.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
}

/// Cuts SQL into words, comments, quoted text, and everything else character by character.
fn pieces(sql: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = sql;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(length_of_first(rest));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

fn length_of_first(sql: &str) -> usize {
    let first = sql.chars().next().unwrap_or(' ');
    match first {
        '\'' | '"' => 1 + sql[1..].find(first).map_or(sql.len() - 1, |end| end + 1),
        '-' if sql.starts_with("--") => sql.find('\n').unwrap_or(sql.len()),
        '/' if sql.starts_with("/*") => sql.find("*/").map_or(sql.len(), |end| end + 2),
        _ if is_word(sql) => {
            sql.find(|next: char| !next.is_ascii_alphanumeric() && next != '_').unwrap_or(sql.len())
        }
        other => other.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_types_are_said_in_sqlite_s_words() {
        let said = for_sqlite(
            "CREATE TABLE t (id BIGINT PRIMARY KEY, on_now BOOLEAN NOT NULL, h BYTEA CHECK (length(h) = 32));",
        );
        assert_eq!(
            said,
            "CREATE TABLE t (id INTEGER PRIMARY KEY, on_now INTEGER CHECK (on_now IN (0, 1)) NOT NULL, h BLOB CHECK (length(h) = 32)) STRICT;"
        );
    }

    #[test]
    fn a_marked_table_is_clustered_and_the_next_is_not() {
        let said = for_sqlite(
            "-- clustered\nCREATE TABLE a (k TEXT PRIMARY KEY);\nCREATE TABLE b (k TEXT);",
        );
        assert!(said.contains("(k TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;"), "{said}");
        assert!(said.ends_with("CREATE TABLE b (k TEXT) STRICT;"), "{said}");
    }

    #[test]
    fn quoted_text_comments_and_other_statements_stay() {
        for same in [
            "-- a BIGINT; and a (BOOLEAN\n",
            "/* BYTEA ; ( */",
            "INSERT INTO t VALUES ('BIGINT''BOOLEAN;', 'é');",
            "CREATE INDEX i ON t (a DESC) WHERE b = 'BYTEA';",
        ] {
            assert_eq!(for_sqlite(same), same);
        }
    }

    #[test]
    fn a_column_can_be_added() {
        assert_eq!(
            for_sqlite("ALTER TABLE t ADD COLUMN muted BOOLEAN NOT NULL DEFAULT FALSE;"),
            "ALTER TABLE t ADD COLUMN muted INTEGER CHECK (muted IN (0, 1)) NOT NULL DEFAULT FALSE;"
        );
    }
}
