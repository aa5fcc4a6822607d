"""The ISCC of the files of opened works, and the manifests of signed exports."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0071_replies'),
    ]

    operations = [
        migrations.AddField(
            model_name='workpicture',
            name='iscc',
            field=models.JSONField(blank=True, db_default={}, default=dict, help_text='ISO 24138, since the work was opened'),
        ),
    ]
