"""What the files of a capture carry or show."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the column."""

    dependencies = [("registry", "0014_canaries")]

    operations = [
        migrations.AddField(
            model_name="capture",
            name="digests",
            field=models.JSONField(
                blank=True, default=list, help_text="of everything that the files carry or show, in hex"
            ),
        ),
    ]
