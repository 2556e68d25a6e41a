-- A customer gets another stamp with everything that changes what their own pages say, whoever writes it:
-- a page that was made for a stamp may be shown again as long as the stamp is the same. It is drawn by lot
-- and not counted, so that it does not come back with other contents after a backup was restored.
-- What is written on a ticket changes the ticket's own row too. Once for each statement: rows that are
-- loaded together stamp their customers once.
CREATE FUNCTION a_stamp() RETURNS bigint LANGUAGE sql VOLATILE AS
  $$ SELECT (random() * 9007199254740991)::bigint $$;
CREATE FUNCTION stamp_of_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE customers SET stamp = a_stamp() WHERE id IN (SELECT customer_id FROM now_there);
  RETURN NULL;
END $$;
CREATE FUNCTION stamp_of_old() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE customers SET stamp = a_stamp() WHERE id IN (SELECT customer_id FROM was_there);
  RETURN NULL;
END $$;
CREATE FUNCTION stamp_of_both() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE customers SET stamp = a_stamp() WHERE id IN
    (SELECT customer_id FROM was_there UNION SELECT customer_id FROM now_there);
  RETURN NULL;
END $$;
CREATE FUNCTION stamp_of_named() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  new.stamp := a_stamp();
  RETURN new;
END $$;
CREATE FUNCTION stamp_of_assigned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE customers SET stamp = a_stamp()
    WHERE id IN (SELECT customer_id FROM tickets WHERE assignee_id = new.id);
  RETURN NULL;
END $$;
CREATE TRIGGER tickets_added_stamp AFTER INSERT ON tickets
  REFERENCING NEW TABLE AS now_there FOR EACH STATEMENT EXECUTE FUNCTION stamp_of_new();
CREATE TRIGGER tickets_changed_stamp AFTER UPDATE ON tickets
  REFERENCING OLD TABLE AS was_there NEW TABLE AS now_there
  FOR EACH STATEMENT EXECUTE FUNCTION stamp_of_both();
CREATE TRIGGER tickets_removed_stamp AFTER DELETE ON tickets
  REFERENCING OLD TABLE AS was_there FOR EACH STATEMENT EXECUTE FUNCTION stamp_of_old();
CREATE TRIGGER ticket_reads_added_stamp AFTER INSERT ON ticket_reads
  REFERENCING NEW TABLE AS now_there FOR EACH STATEMENT EXECUTE FUNCTION stamp_of_new();
CREATE TRIGGER ticket_reads_changed_stamp AFTER UPDATE ON ticket_reads
  REFERENCING NEW TABLE AS now_there FOR EACH STATEMENT EXECUTE FUNCTION stamp_of_new();
CREATE TRIGGER ticket_reads_removed_stamp AFTER DELETE ON ticket_reads
  REFERENCING OLD TABLE AS was_there FOR EACH STATEMENT EXECUTE FUNCTION stamp_of_old();
CREATE TRIGGER customers_named_stamp BEFORE UPDATE OF email, name ON customers
  FOR EACH ROW EXECUTE FUNCTION stamp_of_named();
CREATE TRIGGER staff_named_stamp AFTER UPDATE OF name ON staff
  FOR EACH ROW WHEN (new.name <> old.name) EXECUTE FUNCTION stamp_of_assigned();
