"""Owners' keys for image searches and marketplaces, and what crawls ask them."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the tables."""

    dependencies = [
        ("registry", "0036_reported_pictures"),
    ]

    operations = [
        migrations.CreateModel(
            name="Inquiry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[("todo", "Todo"), ("doing", "Doing"), ("done", "Done"), ("failed", "Failed")],
                        default="todo",
                        max_length=8,
                    ),
                ),
                ("claimed_at", models.DateTimeField(blank=True, null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("not_before", models.DateTimeField(blank=True, null=True)),
                ("error", models.TextField(blank=True)),
                (
                    "waits_since",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="when it was last put to work"
                    ),
                ),
                ("service", models.SlugField(max_length=60)),
                (
                    "words",
                    models.JSONField(
                        blank=True, default=list, help_text="what is asked for; empty: the owner's pictures"
                    ),
                ),
                (
                    "cursor",
                    models.BigIntegerField(
                        default=0, help_text="the last registered picture, or number of words, done with"
                    ),
                ),
                ("page", models.TextField(blank=True, help_text="what names the next page of the present subject")),
                ("pages", models.PositiveIntegerField(default=0, help_text="asked for of the present subject")),
                ("left", models.PositiveIntegerField(help_text="subjects that may still be asked for")),
                ("asked", models.PositiveIntegerField(default=0, help_text="requests that were answered")),
                ("found", models.PositiveIntegerField(default=0, help_text="addresses of pictures that came")),
                (
                    "outcome",
                    models.CharField(blank=True, help_text="why it ended before its subjects did", max_length=20),
                ),
                (
                    "crawl",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="inquiries", to="registry.crawl"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "done"), _negated=True), fields=["id"], name="inquiry_todo"
                    )
                ],
                "constraints": [models.UniqueConstraint(fields=("crawl", "service"), name="inquiry_identity")],
            },
        ),
        migrations.CreateModel(
            name="SearchKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("service", models.SlugField(max_length=60)),
                ("encrypted", models.BinaryField()),
                ("added_by", models.CharField(max_length=300)),
                ("added_at", models.DateTimeField()),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="search_keys", to="registry.owner"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("owner", "service"), name="search_key_identity")],
            },
        ),
    ]
