"""Works derived from an owner's: whether they are asked for, and what of the registered picture survives in a match."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the columns: nobody has asked so far, and earlier matches have no map."""

    dependencies = [("registry", "0051_pieces")]

    operations = [
        migrations.AddField(
            "owner",
            "derived",
            models.BooleanField(default=False, db_default=False, help_text="works derived from theirs are shown"),
        ),
        migrations.AddField(
            "match",
            "survival",
            models.JSONField(
                blank=True, db_default=[], default=list, help_text="what survives of each cell of the registered picture"
            ),
        ),
    ]
