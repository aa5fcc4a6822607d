"""Models of registry lookups of parties, fee tables, payment demands and invoices."""

from typing import TypedDict

from django.db import models

from registry.accounts.models import Numbered, Owner
from registry.cases.models import Case
from registry.db.claimable import Claimable


class RdapRecord(TypedDict):
    """A registry's response about a domain or IP address (RFC 9083), as stored in JSON. Unknown values are empty."""

    about: str  # `domain` or `ip`
    query: str
    url: str  # URL of the server that responded.
    at: str  # RFC 3339.
    missing: str  # Reason for a missing response; otherwise empty.
    registrant: str
    registrar: str
    network: str
    country: str
    since: str  # Date of registration.
    abuse: list[str]  # Email addresses.


class PartyLookup(Claimable):
    """A registry lookup of a party: the registrant of its domain and the network of its host. A member requested it."""

    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="party_lookups")
    party = models.CharField(max_length=260)
    requested_by = models.CharField(max_length=300)
    requested_at = models.DateTimeField()
    answers: "models.JSONField[list[RdapRecord], list[RdapRecord]]" = models.JSONField(default=list, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "party"], name="party_lookup_identity")]
        indexes = [models.Index(fields=["id"], name="party_lookup_unfinished", condition=~models.Q(state="done"))]


class FeeTable(Numbered):
    """A fee table, such as an owner's prices or those of a collecting society. New tables never change old ones."""

    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="fee_tables")
    name = models.CharField(max_length=200)
    currency = models.CharField(max_length=3, help_text="currency, ISO 4217")
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=300)

    class Meta(Numbered.Meta):
        constraints = [models.UniqueConstraint(fields=["owner", "number"], name="fee_table_identity")]


class Fee(models.Model):
    """One row of a fee table."""

    table = models.ForeignKey(FeeTable, on_delete=models.CASCADE, related_name="fees")
    number = models.PositiveIntegerField()
    use = models.CharField(max_length=300)
    size = models.CharField(max_length=100, blank=True)
    duration = models.CharField(max_length=100, blank=True)
    amount = models.BigIntegerField(help_text="amount in the currency's smallest unit")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["table", "number"], name="fee_identity")]
        ordering = ["table", "number"]


class Demand(Numbered):
    """A demand for payment from a party for uses. Its status follows from its entries."""

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="demands")
    party = models.CharField(max_length=260)
    currency = models.CharField(max_length=3, help_text="currency, ISO 4217")
    basis = models.TextField(help_text="basis of the amount, as stated by the owner")
    fee = models.ForeignKey(Fee, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    cases = models.ManyToManyField(Case, related_name="demands", blank=True)
    made_at = models.DateTimeField()

    class Meta(Numbered.Meta):
        indexes = [models.Index(fields=["owner", "party"], name="demand_party")]


class DemandEntry(models.Model):
    """An amount demanded, agreed or received. Entries are immutable; a correction is a new entry."""

    class Kind(models.TextChoices):
        """Kind of payment event."""

        DEMANDED = "demanded"
        AGREED = "agreed"
        RECEIVED = "received"

    demand = models.ForeignKey(Demand, on_delete=models.PROTECT, related_name="entries")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=8, choices=Kind.choices)
    amount = models.BigIntegerField(help_text="amount in the currency's smallest unit")
    day = models.DateField()
    due_on = models.DateField(null=True, blank=True, help_text="due date for the reply or payment")
    corrects = models.OneToOneField(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="correction",
        help_text="entry that this one replaces; it no longer counts",
    )
    words = models.TextField(blank=True)
    by = models.CharField(max_length=300)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["demand", "number"], name="demand_entry_identity")]
        ordering = ["demand", "number"]


class Invoice(models.Model):
    """An invoice to a party for an agreed amount. Invoices are immutable; a cancellation is a new invoice."""

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="invoices")
    year = models.PositiveSmallIntegerField()
    number = models.PositiveIntegerField(help_text="consecutive within the year, without gaps")
    demand = models.ForeignKey(Demand, on_delete=models.PROTECT, related_name="invoices")
    cancels = models.OneToOneField(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="cancellation",
        help_text="invoice that this one cancels; it is no longer valid",
    )
    day = models.DateField()
    agreed_on = models.DateField()
    issuer = models.TextField(help_text="name and address")
    payer = models.TextField(help_text="name and address")
    subject = models.TextField()
    currency = models.CharField(max_length=3, help_text="currency, ISO 4217")
    amount = models.BigIntegerField(help_text="amount in the currency's smallest unit; negative for a cancellation")
    tax = models.TextField(blank=True, help_text="as stated by the owner")
    payment = models.TextField(blank=True, help_text="payment instructions")
    words = models.TextField(blank=True, help_text="reason for the cancellation")
    language = models.CharField(max_length=16)
    by = models.CharField(max_length=300)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "year", "number"], name="invoice_identity")]
        ordering = ["owner", "year", "number"]

    @property
    def name(self) -> str:
        """Invoice number as shown in documents, such as ``2026-0001``."""
        return f"{self.year}-{self.number:04}"


class Instalment(models.Model):
    """Part of an invoice, due by a day. The instalments of an invoice add up to its amount."""

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="instalments")
    number = models.PositiveSmallIntegerField()
    day = models.DateField()
    amount = models.BigIntegerField(help_text="amount in the currency's smallest unit")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["invoice", "number"], name="instalment_identity")]
        ordering = ["invoice", "number"]
