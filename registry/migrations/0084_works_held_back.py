"""Of a work is kept why no match of it is certain; that it has few details or two tones is no such reason any more."""

from django.db import migrations, models

FEWER = """
    UPDATE registry_work SET low_information = low_information - 'few-features' - 'two-tone'
    WHERE low_information ?| array['few-features', 'two-tone']
"""


class Migration(migrations.Migration):

    dependencies = [('registry', '0083_resembles')]

    operations = [
        migrations.AlterField(
            'work', 'low_information', models.JSONField(blank=True, default=list, help_text='why no match of it is certain')
        ),
        migrations.RunSQL(FEWER, migrations.RunSQL.noop),
    ]
