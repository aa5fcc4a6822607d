"""How the licence ledger came to be what it is, and what each change of it did to cases."""

from django.db import models

from registry.models.cases import Case
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
    looked_until = models.BigIntegerField(default=0, db_default=0, help_text="the last case that was looked at")

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="ledger_change_todo", condition=~models.Q(state="done")),
            models.Index(fields=["owner", "-id"], name="ledger_change_of_owner"),
        ]


class LedgerEffect(models.Model):
    """What a change of the ledger did to a case."""

    class What(models.TextChoices):
        """What became of the case."""

        LICENSED = "licensed"
        REOPENED = "reopened"
        STAYED = "stayed"

    change = models.ForeignKey(LedgerChange, on_delete=models.CASCADE, related_name="effects")
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="+")
    what = models.CharField(max_length=8, choices=What.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["change", "case"], name="ledger_effect_identity")]
