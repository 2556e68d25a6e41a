-- The audit log only grows. The words of a person who is forgotten may be taken out of it, and are
-- never replaced by others.
CREATE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log only grows';
END $$;
CREATE TRIGGER audit_stays BEFORE DELETE ON audit
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER audit_stays_whole BEFORE TRUNCATE ON audit
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER audit_facts_stay BEFORE UPDATE OF
  id, at, action, by_kind, by_id, subject_kind, subject_id, network, cause ON audit
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER audit_words_stay BEFORE UPDATE OF by_name, subject, subject_key, details ON audit
  FOR EACH ROW
  WHEN (new.by_name NOT IN ('', old.by_name) OR new.subject NOT IN ('', old.subject)
    OR new.subject_key NOT IN ('', old.subject_key) OR new.details NOT IN ('{}', old.details))
  EXECUTE FUNCTION refuse_change_of_audit();
