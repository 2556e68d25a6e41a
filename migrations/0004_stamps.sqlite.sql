-- A customer gets another stamp with everything that changes what their own pages say, whoever writes it:
-- a page that was made for a stamp may be shown again as long as the stamp is the same. It is drawn by lot
-- and not counted, so that it does not come back with other contents after a backup was restored.
-- What is written on a ticket changes the ticket's own row too.
CREATE TRIGGER tickets_added_stamp AFTER INSERT ON tickets BEGIN
  UPDATE customers SET stamp = random() WHERE id = new.customer_id;
END;
CREATE TRIGGER tickets_changed_stamp AFTER UPDATE ON tickets BEGIN
  UPDATE customers SET stamp = random() WHERE id IN (old.customer_id, new.customer_id);
END;
CREATE TRIGGER tickets_removed_stamp AFTER DELETE ON tickets BEGIN
  UPDATE customers SET stamp = random() WHERE id = old.customer_id;
END;
CREATE TRIGGER ticket_reads_added_stamp AFTER INSERT ON ticket_reads BEGIN
  UPDATE customers SET stamp = random() WHERE id = new.customer_id;
END;
CREATE TRIGGER ticket_reads_changed_stamp AFTER UPDATE ON ticket_reads BEGIN
  UPDATE customers SET stamp = random() WHERE id = new.customer_id;
END;
CREATE TRIGGER ticket_reads_removed_stamp AFTER DELETE ON ticket_reads BEGIN
  UPDATE customers SET stamp = random() WHERE id = old.customer_id;
END;
CREATE TRIGGER customers_named_stamp AFTER UPDATE OF email, name ON customers BEGIN
  UPDATE customers SET stamp = random() WHERE id = new.id;
END;
CREATE TRIGGER staff_named_stamp AFTER UPDATE OF name ON staff WHEN new.name <> old.name BEGIN
  UPDATE customers SET stamp = random()
    WHERE id IN (SELECT customer_id FROM tickets WHERE assignee_id = new.id);
END;
