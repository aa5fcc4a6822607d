"""Where each crawl began, the language that a member's browser last asked for, and what a purge took along."""

from django.db import migrations, models

import registry.models.fields

FILL = """
UPDATE registry_crawl SET sources = registry_watch.sources
FROM registry_watch WHERE registry_watch.id = registry_crawl.watch_id
"""
"""What reports said until now; where earlier crawls really began isn't known any more."""


class Migration(migrations.Migration):
    dependencies = [("registry", "0046_faults")]

    operations = [
        migrations.AddField(
            model_name="crawl",
            name="sources",
            field=models.JSONField(db_default=[], default=list, help_text="the watch's when it began"),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="WithheldFile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", registry.models.fields.DigestField(unique=True)),
                ("because", registry.models.fields.DigestField(help_text="of the picture that was purged")),
                ("reason", models.CharField(blank=True, max_length=300)),
                (
                    "kept",
                    models.BooleanField(
                        help_text="lies set aside; else it held the picture's bytes, or was made from them"
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.AddField(
            model_name="user",
            name="browser_language",
            field=models.CharField(blank=True, db_default="", help_text="the browser's, last seen", max_length=10),
        ),
    ]
