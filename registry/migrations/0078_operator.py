from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0077_web_archive")]
    index = models.Index(fields=["state", "id"], name="picture_todo", condition=~models.Q(state="done"))
    sample = models.BooleanField(db_default=False, default=False, help_text="an example: nothing of it is real")
    operations = [
        migrations.RemoveIndex("picture", "picture_todo"),
        migrations.AddIndex("picture", index),
        migrations.AddField("owner", "sample", sample),
    ]
