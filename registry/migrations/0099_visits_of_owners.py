from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0098_paces'),
    ]

    operations = [
        migrations.AddField(
            model_name='owner',
            name='visits_made',
            field=models.PositiveIntegerField(db_default=0, default=0, help_text='such visits on that day'),
        ),
        migrations.AddField(
            model_name='owner',
            name='visits_on',
            field=models.DateField(blank=True, help_text="day (UTC) of the last visit by itself of what others' watches saw", null=True),
        ),
    ]
