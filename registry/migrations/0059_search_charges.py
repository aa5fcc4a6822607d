"""What requests to searches cost, each recorded before it is sent; what an owner's account pays; where money ran out."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the table and the columns: of what was asked before, no cost is known."""

    dependencies = [("registry", "0058_known_pages")]

    operations = [
        migrations.CreateModel(
            "SearchCharge",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("millionths", models.BigIntegerField(help_text="of the currency's unit; 0 for a free one")),
                ("currency", models.CharField(max_length=3)),
                ("inquiry", models.ForeignKey("registry.inquiry", django.db.models.deletion.CASCADE, "charges")),
            ],
        ),
        migrations.AddField(
            "searchkey",
            "price",
            models.JSONField(null=True, blank=True, help_text="what its account pays; null: the mapping's price"),
        ),
        migrations.AddField(
            "inquiry",
            "stopped_at",
            models.JSONField(default=dict, db_default={}, blank=True, help_text="where money ran out"),
        ),
    ]
