from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0039_notice_mail_and_dues'),
    ]

    operations = [
        migrations.AddField(
            model_name='logorigin',
            name='public_key',
            field=models.BinaryField(blank=True, help_text='of the key that signs under it, where it is known', null=True),
        ),
    ]
