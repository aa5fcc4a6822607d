"""Who was asked to join."""

from django.db import models
from django.db.models import Q

from registry.fields import DigestField
from registry.models.people import Owner, Role


class Invitation(models.Model):
    """A link that lets one person in, once: as a member of an owner or, without an owner, as the operator.

    Only the digest of the link's secret is kept.
    """

    owner = models.ForeignKey(Owner, null=True, blank=True, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(blank=True, help_text="whom it is for; empty for the operator")
    role = models.CharField(max_length=8, choices=Role.choices, blank=True)
    digest = DigestField(unique=True)
    by = models.CharField(max_length=200, help_text="who invites")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "email"], condition=Q(accepted_at=None, revoked_at=None), name="invitation_identity"
            )
        ]
