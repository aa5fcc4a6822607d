"""Answers to notices: that something was taken down, and mails of them that don't wait."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0078_second_desk'),
    ]

    operations = [
        migrations.AddField(
            model_name='mailchoice',
            name='answers_at_once',
            field=models.BooleanField(db_default=True, default=True, help_text="an answer to a notice doesn't wait for the day or the week"),
        ),
        migrations.AlterField(
            model_name='noticereply',
            name='kind',
            field=models.CharField(choices=[('licence', 'Licence'), ('removed', 'Removed'), ('credit', 'Credit'), ('dispute', 'Dispute'), ('offer', 'Offer')], max_length=7),
        ),
    ]
