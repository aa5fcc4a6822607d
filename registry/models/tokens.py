"""What programs sign in with."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from registry.fields import DigestField
from registry.models.people import Owner, Role, User


class Scope(models.TextChoices):
    """What a token permits."""

    READ = "read", _("read: look at everything and take it away")
    WRITE = "write", _("write: works, watches, licences, reports")
    DECIDE = "decide", _("decide: decisions and notes of cases")
    SEND = "send", _("send: notices, and links for people outside")
    MANAGE = "manage", _("manage: members, webhooks and settings")


SCOPES_OF = {
    Role.VIEWER: frozenset({Scope.READ}),
    Role.REVIEWER: frozenset({Scope.READ, Scope.WRITE, Scope.DECIDE, Scope.SEND}),
    Role.OWNER: frozenset(Scope),
}
"""The most that a token of a member with this role permits."""


class ApiToken(models.Model):
    """A member's key for programs. Only its digest is kept; it permits no more than the member's role does now."""

    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="api_tokens")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    begins = models.CharField(max_length=12, help_text="its first characters, by which people tell it from others")
    digest = DigestField(unique=True)
    scopes = ArrayField(models.CharField(max_length=8))
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True, help_text="when last, to the minute")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["owner", "-made_at"], name="api_token_list")]

    @property
    def by(self) -> str:
        """Who acts with it, as records name it."""
        return f"{self.user.get_username()} (token {self.name})"
