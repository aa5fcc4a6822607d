from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0077_web_archive")]
    field = models.PositiveIntegerField(db_default=0, default=0, help_text="how often all known browsers were forgotten")
    operations = [migrations.AddField("user", "devices_ended", field)]
