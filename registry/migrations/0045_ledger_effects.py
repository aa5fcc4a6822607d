"""What a change of the ledger did to cases: a row for each, no list that grows in the row of the change."""

import django.db.models.deletion
from django.db import migrations, models

MOVE = """
INSERT INTO registry_ledgereffect (change_id, case_id, what)
SELECT change.id, registry_case.id, kind.what
FROM registry_ledgerchange change
CROSS JOIN (VALUES ('licensed'), ('reopened'), ('stayed')) kind (what)
CROSS JOIN LATERAL jsonb_array_elements_text(coalesce(change.progress -> kind.what, '[]')) listed (number)
JOIN registry_case ON registry_case.owner_id = change.owner_id AND registry_case.number = listed.number::integer
ON CONFLICT DO NOTHING;
UPDATE registry_ledgerchange SET looked_until = (progress ->> 'after')::bigint WHERE progress ? 'after'
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0044_dismissals")]

    operations = [
        migrations.AddField(
            model_name="ledgerchange",
            name="looked_until",
            field=models.BigIntegerField(db_default=0, default=0, help_text="the last case that was looked at"),
        ),
        migrations.CreateModel(
            name="LedgerEffect",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "what",
                    models.CharField(
                        choices=[("licensed", "Licensed"), ("reopened", "Reopened"), ("stayed", "Stayed")],
                        max_length=8,
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="registry.case"
                    ),
                ),
                (
                    "change",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="effects",
                        to="registry.ledgerchange",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("change", "case"), name="ledger_effect_identity")]
            },
        ),
        migrations.RunSQL(MOVE, migrations.RunSQL.noop),
        migrations.RemoveField(model_name="ledgerchange", name="progress"),
    ]
