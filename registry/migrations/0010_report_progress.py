"""How far a report is, so that one over thousands of cases is gone on with."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the column; reports that are done need nothing in it."""

    dependencies = [("registry", "0009_keys_and_origins")]

    operations = [
        migrations.AddField(
            "report",
            "progress",
            models.JSONField(
                blank=True, default=dict, help_text="numbers of its cases, volumes, the one begun last"
            ),
        ),
    ]
