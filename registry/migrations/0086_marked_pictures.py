"""Pictures of works that have marks are few, and each registration asks for the latest of them."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('registry', '0085_used_bytes')]

    operations = [
        migrations.AddIndex(
            'workpicture',
            models.Index(condition=~models.Q(marks=[]), fields=['id'], name='work_picture_marked'),
        ),
    ]
