"""Lists of addresses in bulk: how far each is read; and indexes by which a frontier of millions of rows is handed out."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """Rows of a crawl are found by its key as before, so that the index of the crawl alone goes."""

    dependencies = [("registry", "0053_certificates")]

    operations = [
        migrations.CreateModel(
            "AddressList",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.BinaryField(help_text="128-bit key of the file's path and of what is wanted")),
                ("path", models.TextField()),
                (
                    "stamp",
                    models.CharField(help_text="size and time of the file, which say whether it has changed", max_length=60),
                ),
                ("lines", models.BigIntegerField(default=0, help_text="lines that were read; reading goes on behind them")),
                ("kept", models.BigIntegerField(default=0)),
                (
                    "skipped",
                    models.JSONField(
                        blank=True, default=dict, help_text="by reason: how many, and the first addresses"
                    ),
                ),
                ("whole", models.BooleanField(default=False, help_text="read to its end")),
                (
                    "watch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="lists", to="registry.watch"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("watch", "key"), name="address_list_identity")],
            },
        ),
        migrations.RemoveIndex("frontierurl", "frontier_pending"),
        migrations.AlterField(
            "frontierurl",
            "crawl",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="frontier",
                to="registry.crawl",
            ),
        ),
        migrations.AddIndex(
            "frontierurl",
            models.Index(
                condition=Q(("state", "pending")), fields=["crawl", "host", "depth", "id"], name="frontier_pending"
            ),
        ),
        migrations.AddIndex(
            "frontierurl",
            models.Index(condition=Q(("state__in", ["done", "refused"])), fields=["crawl", "id"], name="frontier_visited"),
        ),
    ]
