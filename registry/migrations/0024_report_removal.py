"""When a report was removed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the column."""

    dependencies = [("registry", "0023_readers")]

    operations = [
        migrations.AddField(
            model_name="report",
            name="removed_at",
            field=models.DateTimeField(
                blank=True, help_text="its files are gone, its number stays taken", null=True
            ),
        ),
    ]
