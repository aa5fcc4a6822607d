"""How a witness answers is kept for each of the two questions that it is asked."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the question to what is known of a witness."""

    dependencies = [("registry", "0015_capture_digests")]

    operations = [
        migrations.AddField(
            model_name="witnessstate",
            name="question",
            field=models.CharField(choices=[("submit", "Submit"), ("upgrade", "Upgrade")], default="submit", max_length=8),
        ),
        migrations.RemoveConstraint(model_name="witnessstate", name="witness_state_identity"),
        migrations.AddConstraint(
            model_name="witnessstate",
            constraint=models.UniqueConstraint(fields=["kind", "witness", "question"], name="witness_state_identity"),
        ),
    ]
