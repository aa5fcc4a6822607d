"""How the licence ledger came to be what it is, and what each change of it did to cases."""

from django.db import models

from registry.models.people import Owner
from registry.models.steps import Claimable
from registry.models.works import Licence


class LedgerChange(Claimable):
    """Licences that were added, changed or ended at once. Its step looks at the cases that this concerns."""

    class Kind(models.TextChoices):
        """What happened to the licences."""

        ADDED = "added"
        CHANGED = "changed"
        ENDED = "ended"

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="ledger_changes")
    kind = models.CharField(max_length=7, choices=Kind.choices)
    licences: "models.ManyToManyField[Licence, models.Model]" = models.ManyToManyField(Licence, related_name="changes")
    at = models.DateTimeField()
    by = models.CharField(max_length=300, blank=True)
    reason = models.TextField(blank=True)
    before = models.JSONField(default=dict, blank=True, help_text="the words of a changed licence as they were")
    progress = models.JSONField(
        default=dict, blank=True, help_text="after: the last case looked at; licensed, reopened, stayed: case numbers"
    )

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="ledger_change_todo", condition=~models.Q(state="done")),
            models.Index(fields=["owner", "-id"], name="ledger_change_of_owner"),
        ]
