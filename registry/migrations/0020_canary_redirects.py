"""Where the pages of known copies lead."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the column."""

    dependencies = [("registry", "0019_log_waiting")]

    operations = [
        migrations.AddField(
            model_name="canary",
            name="leads_to",
            field=models.TextField(
                blank=True, default="", help_text="where the page led when it was last visited, if elsewhere"
            ),
            preserve_default=False,
        ),
    ]
