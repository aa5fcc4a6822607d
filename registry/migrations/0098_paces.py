from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0097_visits_of_a_day'),
    ]

    operations = [
        migrations.CreateModel(
            name='Pace',
            fields=[
                ('service', models.CharField(help_text='scheme, host and port', max_length=260, primary_key=True, serialize=False)),
                ('free_at', models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name='crawl',
            name='opt_outs',
            field=models.JSONField(blank=True, help_text='addresses kept from programs, by host and reason, counted at the end', null=True),
        ),
        migrations.AlterField(
            model_name='frontierurl',
            name='turn',
            field=models.PositiveIntegerField(db_default=0, default=0, help_text='among its pattern; 0: a picture, or first of all'),
        ),
        migrations.AddIndex(
            model_name='frontierurl',
            index=models.Index(condition=models.Q(('state', 'pending'), ('turn', 0), models.Q(('kind', 'image'), _negated=True)), fields=['crawl', 'host', 'depth'], name='frontier_first'),
        ),
    ]
