"""Lines of a case's history keep phrases with their values; older lines stay as they are."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0041_standing")]

    operations = [
        migrations.AddField(
            model_name="caseevent",
            name="said",
            field=models.JSONField(
                blank=True, db_default=[], default=list, help_text="list of [name of a phrase, its values]"
            ),
        ),
        migrations.AlterField(
            model_name="caseevent",
            name="sentence",
            field=models.TextField(
                blank=True, help_text="a person's words; of rows without phrases the whole line"
            ),
        ),
    ]
