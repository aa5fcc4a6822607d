"""Who has claimed a row, and since when the machine keeps it from being done."""

from typing import ClassVar

from django.db import migrations, models

ROWS = (
    "anchorreceipt bundle capture crawlslice delivery descriptormodel inquiry ledgerchange mailchoice noticemail "
    "package picture report uploadfile workpicture"
)
CLAIMED_BY = models.CharField(blank=True, db_default="", help_text="the process", max_length=200)
HELD_SINCE = models.DateTimeField(blank=True, help_text="since when the machine keeps it from being done", null=True)


class Migration(migrations.Migration):
    """Two columns for every row that a step works off."""

    dependencies: ClassVar = [("registry", "0001_squashed_0045_ledger_effects")]
    operations: ClassVar = [
        migrations.AddField(model, name, field)
        for model in ROWS.split()
        for name, field in (("claimed_by", CLAIMED_BY), ("held_since", HELD_SINCE))
    ]
