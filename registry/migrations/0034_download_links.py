"""Links with which people outside take something away."""

import django.db.models.deletion
import registry.models.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the table."""

    dependencies = [
        ('registry', '0033_packages'),
    ]

    operations = [
        migrations.CreateModel(
            name='DownloadLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('token_digest', registry.models.fields.DigestField(help_text='SHA-256 of the token in the address', unique=True)),
                ('password', models.CharField(blank=True, help_text='hashed as Django hashes passwords; may be empty', max_length=200)),
                ('note', models.CharField(blank=True, help_text='for whom it is; shown to members alone', max_length=200)),
                ('made_by', models.CharField(max_length=300)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('expires_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('downloads', models.PositiveIntegerField(default=0)),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('failures', models.PositiveSmallIntegerField(default=0, help_text='wrong passwords in a row')),
                ('locked_until', models.DateTimeField(blank=True, null=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='download_links', to='registry.owner')),
                ('package', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='links', to='registry.package')),
                ('report', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='links', to='registry.report')),
            ],
            options={
                'ordering': ['owner', '-number'],
                'constraints': [models.UniqueConstraint(fields=('owner', 'number'), name='download_link_identity'), models.CheckConstraint(condition=models.Q(('package', None), ('report', None), _connector='XOR'), name='download_link_to_one_thing')],
            },
        ),
    ]
