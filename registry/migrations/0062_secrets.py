"""A public fingerprint of each secret, so that machines without a common folder see whether they have the same."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the table."""

    dependencies = [("registry", "0061_leases")]

    operations = [
        migrations.CreateModel(
            name="SecretMark",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("fingerprint", models.CharField(help_text="SHA-256 over name and secret", max_length=64)),
            ],
        ),
    ]
