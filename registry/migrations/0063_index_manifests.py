"""What is durable of an index whose files lie in an object store."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the table."""

    dependencies = [("registry", "0062_secrets")]

    operations = [
        migrations.CreateModel(
            name="IndexManifest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("collection", models.CharField(choices=[("works", "Works"), ("pictures", "Pictures")], max_length=8)),
                ("generation", models.BigIntegerField(default=0, help_text="grows by one with each write")),
                ("sequence", models.BigIntegerField(default=0, help_text="the highest change number that the segments contain")),
                ("segments", models.JSONField(default=list, help_text="name, and the file of its removed rows or null, of each")),
                ("files", models.JSONField(default=dict, help_text="SHA-256, bytes and, of numbers, how many, of each file by name")),
                ("unnamed", models.JSONField(default=dict, help_text="what else is stored, and since when it was seen that it is")),
                ("space", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.spacerow")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("collection", "space"), name="index_manifest_identity")],
            },
        ),
    ]
