"""How precisely a found picture lies on a registered one, and further copies in the same picture."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the columns; earlier matches have no figures of their fit."""

    dependencies = [("registry", "0005_revisits")]

    operations = [
        migrations.AddField("match", "in_place", models.FloatField(blank=True, null=True)),
        migrations.AddField("match", "drift", models.FloatField(blank=True, null=True)),
        migrations.AddField(
            "match",
            "further",
            models.JSONField(blank=True, default=list, help_text="transforms of further copies of the same picture"),
        ),
    ]
