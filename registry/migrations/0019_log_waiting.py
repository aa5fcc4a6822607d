"""Submissions that wait for their entry stand in a table of their own: the sequencer looks at those alone."""

import django.db.models.deletion
from django.db import migrations, models

TRIGGERS = """
LOCK TABLE registry_logsubmission, registry_logentry IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO registry_logwaiting (submission_id)
    SELECT s.id FROM registry_logsubmission s
    WHERE NOT EXISTS (SELECT 1 FROM registry_logentry e WHERE e.submission_id = s.id);
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
"""
BACK = """
DROP TRIGGER log_numbered ON registry_logentry;
DROP TRIGGER log_waits ON registry_logsubmission;
DROP FUNCTION registry_log_numbered();
DROP FUNCTION registry_log_waits();
"""


class Migration(migrations.Migration):
    """Add the table, fill it, and let triggers keep it."""

    dependencies = [("registry", "0018_receipt_growth")]

    operations = [
        migrations.CreateModel(
            "LogWaiting",
            [
                (
                    "submission",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="registry.logsubmission",
                    ),
                ),
            ],
        ),
        migrations.RunSQL(TRIGGERS, BACK),
    ]
