"""Where exact bytes lie that share an object of a bucket."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

import registry.models.fields


class Migration(migrations.Migration):
    """Add the tables."""

    dependencies = [("registry", "0063_index_manifests")]

    operations = [
        migrations.CreateModel(
            name="Pack",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(
                        help_text="of the object; its first two digits say its turn", max_length=32, unique=True
                    ),
                ),
                (
                    "size",
                    models.BigIntegerField(help_text="bytes, with those that are handed to nobody any more"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PackedBytes",
            fields=[
                ("digest", registry.models.fields.DigestField(primary_key=True, serialize=False)),
                (
                    "pack",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="pieces", to="registry.pack"
                    ),
                ),
                ("start", models.BigIntegerField()),
                ("size", models.IntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="PackGap",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", registry.models.fields.DigestField()),
                (
                    "pack",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="gaps", to="registry.pack"
                    ),
                ),
                ("size", models.IntegerField()),
                ("since", models.DateTimeField(db_default=Now())),
            ],
        ),
    ]
