from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0091_added_witness'),
    ]

    operations = [
        migrations.AddField(
            model_name='partner',
            name='unexplained',
            field=models.TextField(blank=True, db_default='', default='', help_text='a head that its log has signed, larger than what it shows'),
        ),
    ]
