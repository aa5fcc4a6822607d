"""PostgreSQL itself refuses to change or delete what the log has said."""

from django.db import migrations

TABLES = ("registry_logentry", "registry_lognode", "registry_logcheckpoint", "registry_logsubmission")

FUNCTION = """
CREATE FUNCTION registry_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
"""

CONTIGUOUS = """
CREATE FUNCTION registry_log_contiguous() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.sequence <> (SELECT coalesce(max(sequence) + 1, 0) FROM registry_logentry) THEN
        RAISE EXCEPTION 'the log has no gaps: entry % is out of order', NEW.sequence USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER log_contiguous BEFORE INSERT ON registry_logentry
    FOR EACH ROW EXECUTE FUNCTION registry_log_contiguous();
"""


def triggers() -> str:
    """Two triggers a table: rows, and the table as a whole."""
    return "".join(
        f"CREATE TRIGGER log_no_change BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION registry_log_refuse();\n"
        f"CREATE TRIGGER log_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION registry_log_refuse();\n"
        for table in TABLES
    )


class Migration(migrations.Migration):
    """Add the triggers."""

    dependencies = [("registry", "0001_initial")]
    operations = [migrations.RunSQL(FUNCTION + triggers() + CONTIGUOUS, migrations.RunSQL.noop)]
