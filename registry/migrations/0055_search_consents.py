"""Owners' consent that a search is sent copies of their works; and how much a run might ask when it began."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the table, for nobody has said yes so far, and the column."""

    dependencies = [("registry", "0054_address_lists")]

    operations = [
        migrations.CreateModel(
            "SearchConsent",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("service", models.SlugField(max_length=60)),
                ("host", models.CharField(help_text="what is sent copies; none other is", max_length=253)),
                ("given_by", models.CharField(max_length=300)),
                ("given_at", models.DateTimeField()),
                ("owner", models.ForeignKey("registry.owner", django.db.models.deletion.CASCADE, "search_consents")),
            ],
            {"constraints": [models.UniqueConstraint(fields=["owner", "service"], name="search_consent_identity")]},
        ),
        migrations.AddField(
            "inquiry",
            "allowed",
            models.PositiveIntegerField(null=True, blank=True, help_text="how many that were when it began"),
        ),
    ]
