"""Keys for documents and on owners' devices, what becomes of keys, and the names under which the log was signed."""

import django.db.models.deletion
from django.db import migrations, models

ORIGINS = """
INSERT INTO registry_logorigin (name, began_at)
    SELECT origin, min(made_at) FROM registry_logcheckpoint GROUP BY origin ORDER BY min(id);
CREATE TRIGGER log_no_change BEFORE UPDATE OR DELETE ON registry_logorigin
    FOR EACH ROW EXECUTE FUNCTION registry_log_refuse();
CREATE TRIGGER log_no_truncate BEFORE TRUNCATE ON registry_logorigin
    FOR EACH STATEMENT EXECUTE FUNCTION registry_log_refuse();
"""
NUMBER = ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))
RETIRED = models.DateTimeField(blank=True, help_text="since when another is used instead", null=True)
REVOKED = models.DateTimeField(blank=True, help_text="since when nothing that it signs counts", null=True)
OF_EVERY_KEY = [
    NUMBER,
    ("public_key", models.BinaryField(unique=True)),
    ("created_at", models.DateTimeField(auto_now_add=True)),
    ("retired_at", RETIRED),
    ("revoked_at", REVOKED),
    ("revoked_reason", models.TextField(blank=True)),
]


def belongs(to: str, name: str) -> "models.ForeignKey[models.Model, models.Model]":
    """A reference that keeps what it refers to."""
    return models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name=name, to=f"registry.{to}")


def submission() -> "models.OneToOneField[models.Model | None, models.Model | None]":
    """The entry of the log that witnesses it."""
    return models.OneToOneField(
        blank=True,
        null=True,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to="registry.logsubmission",
    )


class Migration(migrations.Migration):
    """Add tables and columns, and protect the log's names as its entries are."""

    dependencies = [("registry", "0008_masks")]

    operations = [
        migrations.AddField("sealingkey", "retired_at", RETIRED),
        migrations.AddField("sealingkey", "revoked_reason", models.TextField(blank=True)),
        migrations.AlterField("sealingkey", "revoked_at", REVOKED),
        migrations.CreateModel(
            "DocumentKey",
            [
                *OF_EVERY_KEY,
                ("encrypted_private_key", models.BinaryField()),
                ("certificate", models.BinaryField(help_text="DER")),
                ("owner", belongs("owner", "document_keys")),
            ],
            options={"abstract": False},
        ),
        migrations.CreateModel(
            "DeviceKey",
            [*OF_EVERY_KEY, ("name", models.CharField(max_length=100)), ("owner", belongs("owner", "device_keys"))],
            options={"abstract": False},
        ),
        migrations.CreateModel(
            "Countersignature",
            [
                NUMBER,
                ("signature", models.BinaryField()),
                ("made_at", models.DateTimeField(auto_now_add=True)),
                ("bundle", belongs("bundle", "countersignatures")),
                ("key", belongs("devicekey", "countersignatures")),
                ("submission", submission()),
            ],
        ),
        migrations.AddConstraint(
            "countersignature",
            models.UniqueConstraint(fields=("bundle", "key"), name="countersignature_identity"),
        ),
        migrations.AddIndex("logsubmission", models.Index(fields=["type", "id"], name="log_submission_type")),
        migrations.CreateModel(
            "LogOrigin",
            [
                NUMBER,
                ("name", models.CharField(max_length=200, unique=True)),
                ("began_at", models.DateTimeField()),
                ("submission", submission()),
            ],
        ),
        migrations.RunSQL(ORIGINS, migrations.RunSQL.noop),
    ]
