"""Leases of what one process does at a time, such as the tick."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the table."""

    dependencies = [("registry", "0060_patterns")]

    operations = [
        migrations.CreateModel(
            name="Lease",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("holder", models.CharField(blank=True, help_text="the process; empty when it has ended", max_length=200)),
                ("epoch", models.BigIntegerField(help_text="how many holders there have been")),
                ("expires_at", models.DateTimeField(help_text="by the database's clock")),
            ],
        ),
    ]
