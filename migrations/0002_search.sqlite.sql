-- The full-text index over ticket_words: FTS5 keeps no text of its own, and no places of words, which
-- are only asked whether they are there. The words are split and folded already (src/domain/words.rs);
-- its tokenizer parts them at spaces. Triggers keep it right whatever writes the words.
CREATE VIRTUAL TABLE ticket_search USING fts5 (
  words, content = 'ticket_words', content_rowid = 'ticket_id', tokenize = 'ascii', detail = 'none',
  columnsize = 0
);
CREATE TRIGGER ticket_words_added AFTER INSERT ON ticket_words BEGIN
  INSERT INTO ticket_search (rowid, words) VALUES (new.ticket_id, new.words);
END;
CREATE TRIGGER ticket_words_removed AFTER DELETE ON ticket_words BEGIN
  INSERT INTO ticket_search (ticket_search, rowid, words) VALUES ('delete', old.ticket_id, old.words);
END;
CREATE TRIGGER ticket_words_changed AFTER UPDATE OF words ON ticket_words BEGIN
  INSERT INTO ticket_search (ticket_search, rowid, words) VALUES ('delete', old.ticket_id, old.words);
  INSERT INTO ticket_search (rowid, words) VALUES (new.ticket_id, new.words);
END;
-- The words that are there already.
INSERT INTO ticket_search (ticket_search) VALUES ('rebuild');
