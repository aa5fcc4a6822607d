"""When a receipt's proof last changed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the time."""

    dependencies = [("registry", "0017_read_positions")]

    operations = [
        migrations.AddField(
            model_name="anchorreceipt",
            name="grown_at",
            field=models.DateTimeField(blank=True, help_text="when the proof last changed", null=True),
        ),
    ]
