from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0076_models")]
    field = models.BooleanField(db_default=False, default=False, help_text="a web archive is asked to save pages, too")
    operations = [migrations.AddField("owner", "web_archive", field)]
