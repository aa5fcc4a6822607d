from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0071_replies")]
    operations = [
        migrations.AddField(
            model_name="partner",
            name="captures",
            field=models.BooleanField(
                default=False, help_text="whether it is asked to visit with us at each capture"
            ),
        ),
        migrations.AddField(
            model_name="partner",
            name="visits",
            field=models.PositiveIntegerField(default=0, help_text="so many visits it may ask for in a day"),
        ),
    ]
