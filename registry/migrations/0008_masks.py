"""What of a registered picture isn't its work alone: captions, and marks that other works of the owner carry."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the columns; of earlier works captions aren't told, and marks are found when later ones come."""

    dependencies = [("registry", "0007_searched")]

    operations = [
        migrations.AddField(
            "workpicture",
            "captions",
            models.JSONField(blank=True, default=list, help_text="rectangles that aren't compared, as shares: edges"),
        ),
        migrations.AddField(
            "workpicture",
            "marks",
            models.JSONField(blank=True, default=list, help_text="the same: what other works of the owner show, too"),
        ),
    ]
