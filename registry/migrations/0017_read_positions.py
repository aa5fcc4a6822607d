"""How far folders and WARC files have been read."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the column."""

    dependencies = [("registry", "0016_witness_questions")]

    operations = [
        migrations.AddField(
            model_name="frontierurl",
            name="position",
            field=models.TextField(
                blank=True, db_default="", help_text="how far a folder or a WARC file has been read"
            ),
        ),
    ]
