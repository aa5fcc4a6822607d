"""Which version of matching has searched the works for a picture, so that seeing it again costs nothing."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the column; what was seen earlier is searched for once more when it is seen again."""

    dependencies = [("registry", "0006_fit")]

    operations = [
        migrations.AddField(
            "picture",
            "searched",
            models.CharField(blank=True, help_text="what the search that is done depends on", max_length=160),
        ),
    ]
