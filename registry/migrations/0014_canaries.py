"""Known copies that a watch has to find."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the table."""

    dependencies = [("registry", "0013_recaptures")]

    operations = [
        migrations.CreateModel(
            name="Canary",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("url", models.TextField(help_text="the page that shows the copy")),
                ("key", models.BinaryField(help_text="of the page's normalised URL")),
                ("added_by", models.CharField(max_length=300)),
                ("added_at", models.DateTimeField()),
                ("removed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="canaries", to="registry.owner"
                    ),
                ),
                (
                    "watch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="canaries", to="registry.watch"
                    ),
                ),
                (
                    "work",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="canaries", to="registry.work"
                    ),
                ),
            ],
            options={"verbose_name_plural": "canaries", "ordering": ["owner", "number"]},
        ),
        migrations.AddConstraint(
            "canary", models.UniqueConstraint(fields=("owner", "number"), name="canary_identity")
        ),
        migrations.AddIndex("canary", models.Index(fields=["watch", "added_at"], name="canary_of_watch")),
    ]
