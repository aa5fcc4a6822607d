"""How a found picture lies on parts of a registered one, where no single transform describes it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the column; earlier matches have no pieces."""

    dependencies = [("registry", "0050_relations")]

    operations = [
        migrations.AddField(
            "match",
            "pieces",
            models.JSONField(
                blank=True, db_default=[], default=list, help_text="where no single transform describes the copy"
            ),
        ),
    ]
