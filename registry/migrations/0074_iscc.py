"""The ISCC of the files of opened works, and the manifests of signed exports."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("registry", "0073_passkeys"),
    ]

    operations = [
        migrations.AddField(
            model_name='workpicture',
            name='iscc',
            field=models.JSONField(blank=True, db_default={}, default=dict, help_text='ISO 24138, since the work was opened'),
        ),
        migrations.CreateModel(
            name='SignedCopy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('manifest', models.CharField(help_text='its identifier', max_length=200, unique=True)),
                ('store', models.BinaryField(help_text='the manifest store (C2PA)')),
                ('content', models.BinaryField(help_text='256 bits of its Content-Code (ISO 24138)', max_length=32)),
                ('data', models.BinaryField(help_text='256 bits of its Data-Code', max_length=32)),
                ('instance', models.BinaryField(help_text='256 bits of its Instance-Code', max_length=32)),
                ('signed_at', models.DateTimeField()),
                ('work_picture', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='signed_copy', to='registry.workpicture')),
            ],
        ),
    ]
