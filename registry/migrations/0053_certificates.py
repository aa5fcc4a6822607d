"""What the certificate of a server was that showed a picture."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the column: of earlier sightings nobody checked it."""

    dependencies = [("registry", "0052_derived")]

    operations = [
        migrations.AddField(
            "sighting",
            "certificate",
            models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="of the server: as checked, and its SHA-256",
                max_length=160,
            ),
        ),
    ]
