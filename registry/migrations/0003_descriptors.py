"""Networks that describe pictures, and which of them is in use."""

import django.db.models.deletion
from django.db import migrations, models

import registry.models.fields


class Migration(migrations.Migration):
    """Add the tables."""

    dependencies = [('registry', '0002_append_only')]

    operations = [
        migrations.CreateModel(
            name='DescriptorModel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('todo', 'Todo'), ('doing', 'Doing'), ('done', 'Done'), ('failed', 'Failed')], default='todo', max_length=8)),
                ('claimed_at', models.DateTimeField(blank=True, null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('not_before', models.DateTimeField(blank=True, null=True)),
                ('error', models.TextField(blank=True)),
                ('name', models.CharField(max_length=40)),
                ('version', models.CharField(max_length=40)),
                ('digest', registry.models.fields.DigestField(help_text='of the ONNX file, which is among the blobs')),
                ('size', models.BigIntegerField()),
                ('card', models.JSONField()),
                ('shipped', models.BooleanField(default=False, help_text='it came with the software')),
                ('added_at', models.DateTimeField(auto_now_add=True)),
                ('measurement', models.JSONField(blank=True, null=True)),
                ('measured_at', models.DateTimeField(blank=True, null=True)),
                ('cursor', models.BigIntegerField(default=0, help_text='pictures up to here were described, or were not there')),
                ('space', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.spacerow')),
            ],
            options={'ordering': ['pk']},
        ),
        migrations.CreateModel(
            name='DescriptorGap',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('picture', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='registry.picture')),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='gaps', to='registry.descriptormodel')),
            ],
        ),
        migrations.CreateModel(
            name='DescriptorChoice',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('building', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='registry.descriptormodel')),
                ('serving', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.descriptormodel')),
            ],
        ),
        migrations.AddConstraint(
            model_name='descriptormodel',
            constraint=models.UniqueConstraint(fields=('name', 'version'), name='descriptor_identity'),
        ),
        migrations.AddConstraint(
            model_name='descriptorgap',
            constraint=models.UniqueConstraint(fields=('model', 'picture'), name='descriptor_gap_identity'),
        ),
        migrations.AddConstraint(
            model_name='descriptorchoice',
            constraint=models.CheckConstraint(condition=models.Q(('id', 1)), name='descriptor_choice_single'),
        ),
    ]
