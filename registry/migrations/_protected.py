"""PostgreSQL's own refusal to change what the log has said."""

PROTECTED = """
CREATE FUNCTION registry_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE FUNCTION registry_log_contiguous() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.sequence <> (SELECT coalesce(max(sequence) + 1, 0) FROM registry_logentry) THEN
        RAISE EXCEPTION 'the log has no gaps: entry % is out of order', NEW.sequence USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER log_contiguous BEFORE INSERT ON registry_logentry
    FOR EACH ROW EXECUTE FUNCTION registry_log_contiguous();
CREATE FUNCTION registry_log_waits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO registry_logwaiting (submission_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
CREATE FUNCTION registry_log_numbered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM registry_logwaiting WHERE submission_id = NEW.submission_id;
    RETURN NULL;
END $$;
CREATE TRIGGER log_waits AFTER INSERT ON registry_logsubmission
    FOR EACH ROW EXECUTE FUNCTION registry_log_waits();
CREATE TRIGGER log_numbered AFTER INSERT ON registry_logentry
    FOR EACH ROW EXECUTE FUNCTION registry_log_numbered();
""" + "".join(
    f"CREATE TRIGGER log_no_change BEFORE UPDATE OR DELETE ON registry_{table} "
    "FOR EACH ROW EXECUTE FUNCTION registry_log_refuse();\n"
    f"CREATE TRIGGER log_no_truncate BEFORE TRUNCATE ON registry_{table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION registry_log_refuse();\n"
    for table in ("logentry", "lognode", "logcheckpoint", "logsubmission", "logorigin")
)
