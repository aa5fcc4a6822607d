import django.db.models.deletion
import django.db.models.functions.datetime
import registry.db.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0092_unexplained_heads'),
    ]

    operations = [
        migrations.AddField(
            model_name='frontierurl',
            name='elsewhere',
            field=models.JSONField(blank=True, db_default=[], default=list, help_text='list of what is stated of when an image was there'),
        ),
        migrations.AddField(
            model_name='sighting',
            name='elsewhere',
            field=models.JSONField(blank=True, db_default=[], default=list, help_text='list of what others state of when it was there'),
        ),
        migrations.CreateModel(
            name='ArchiveQuestion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('todo', 'Todo'), ('doing', 'Doing'), ('done', 'Done'), ('failed', 'Failed')], default='todo', max_length=8)),
                ('claimed_at', models.DateTimeField(blank=True, null=True)),
                ('claimed_by', models.CharField(blank=True, db_default='', help_text='the process', max_length=200)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('not_before', models.DateTimeField(blank=True, null=True)),
                ('held_since', models.DateTimeField(blank=True, help_text='since when the machine keeps it from being done', null=True)),
                ('error', registry.db.fields.SentenceField(blank=True)),
                ('waits_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work')),
                ('page_key', models.BinaryField()),
                ('image_key', models.BinaryField()),
                ('asked_by', models.CharField(max_length=300)),
                ('asked_at', models.DateTimeField()),
                ('answered_at', models.DateTimeField(blank=True, null=True)),
                ('elsewhere', models.JSONField(blank=True, default=list, help_text='list of what it states; empty before it answers')),
                ('files', models.JSONField(blank=True, default=list, help_text="its answers, and a picture that it served, as a capture's files")),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='archive_questions', to='registry.case')),
                ('sighting', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.sighting')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'done'), _negated=True), fields=['id'], name='archive_question_todo')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state__in', ['todo', 'doing'])), fields=('case', 'page_key', 'image_key'), name='archive_question_once')],
            },
        ),
    ]
