"""Works that their owners open to everybody: since when, at which address, and whom to ask for a licence."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0069_claims'),
    ]

    operations = [
        migrations.AddField(
            model_name='work',
            name='opened_at',
            field=models.DateTimeField(blank=True, help_text='since when everybody may see its public page', null=True),
        ),
        migrations.AddField(
            model_name='work',
            name='public_name',
            field=models.CharField(blank=True, help_text='in its address', max_length=16, null=True, unique=True),
        ),
        migrations.AddField(
            model_name='work',
            name='licence_contact',
            field=models.CharField(blank=True, db_default='', help_text='whom to ask for a licence', max_length=300),
        ),
    ]
