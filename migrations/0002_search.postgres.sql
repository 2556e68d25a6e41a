-- The full-text index over ticket_words. The words are split and folded already
-- (src/domain/words.rs), so no dictionary of the server's has a say. What waits to be sorted in is
-- searched one by one, so it is kept short.
CREATE INDEX ticket_search ON ticket_words
  USING gin (array_to_tsvector(string_to_array(btrim(words), ' ')))
  WITH (gin_pending_list_limit = 512);
