"""Deposit records of works."""

import django.db.models.deletion
from django.db import migrations, models

import registry.models.fields


class Migration(migrations.Migration):
    """Add the table."""

    dependencies = [("registry", "0010_report_progress")]

    operations = [
        migrations.CreateModel(
            name="Deposit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField()),
                (
                    "seal_digest",
                    registry.models.fields.DigestField(
                        help_text="of the canonical manifest, which lies in the blob store", unique=True
                    ),
                ),
                ("signature", models.BinaryField()),
                ("made_by", models.CharField(max_length=300)),
                ("sealed_at", models.DateTimeField()),
                (
                    "key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.sealingkey"
                    ),
                ),
                (
                    "submission",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.logsubmission"
                    ),
                ),
                (
                    "work",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="deposits", to="registry.work"
                    ),
                ),
            ],
            options={"ordering": ["work", "-number"]},
        ),
        migrations.AddConstraint(
            "deposit", models.UniqueConstraint(fields=("work", "number"), name="deposit_identity")
        ),
    ]
