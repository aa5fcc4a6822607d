"""Owners, their members, invitations and API tokens."""

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from registry.db.fields import DigestField


class User(AbstractUser):
    """A user account. The email address is the user name."""

    email = models.EmailField(unique=True)
    language = models.CharField(
        max_length=10, blank=True, db_default="", help_text="preferred language; empty: the browser's"
    )
    browser_language = models.CharField(
        max_length=10, blank=True, db_default="", help_text="the browser's language when last seen"
    )
    time_zone = models.CharField(
        max_length=64, blank=True, db_default="", help_text="the browser's time zone when last seen"
    )
    blurs = models.BooleanField(
        default=False, db_default=False, help_text="blur found pictures until the user reveals them"
    )
    sign_out_count = models.PositiveIntegerField(
        default=0, db_default=0, help_text="number of times that all known browsers were forgotten"
    )

    @property
    def message_language(self) -> str:
        """Language code for messages to the user: the chosen one, or else the browser's; empty if unknown."""
        return self.language or self.browser_language


class Role(models.TextChoices):
    """Role of a member within an owner's organisation."""

    OWNER = "owner"
    REVIEWER = "reviewer"
    VIEWER = "viewer"


class Owner(models.Model):
    """A rights holder's organisation: members with roles, keys, works, watches."""

    role: str  # role of the current user; set by the pages of an owner

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    contact = models.CharField(max_length=200, blank=True)
    quota_bytes = models.BigIntegerField(null=True, blank=True)
    used_bytes = models.BigIntegerField(
        default=0, db_default=0, help_text="bytes used by pictures of works and documents"
    )
    derived = models.BooleanField(
        default=False, db_default=False, help_text="show works derived from the owner's works"
    )
    passkeys = models.BooleanField(
        default=False, db_default=False, help_text="require a fresh passkey for sensitive actions"
    )
    web_archive = models.BooleanField(
        default=False, db_default=False, help_text="also request web archives to save the pages"
    )
    sample = models.BooleanField(default=False, db_default=False, help_text="a sample owner; none of its data is real")
    visit_count_date = models.DateField(
        null=True, blank=True, help_text="day (UTC) of the last automatic visit to pages seen by other owners' watches"
    )
    visit_count = models.PositiveIntegerField(default=0, db_default=0, help_text="number of such visits on that day")
    created_at = models.DateTimeField(auto_now_add=True)
    members: "models.ManyToManyField[User, Membership]" = models.ManyToManyField(User, through="Membership")

    def __str__(self) -> str:
        return self.name


class Numbered(models.Model):
    """Abstract base of models whose rows have a number that is unique per owner and visible to users."""

    number = models.PositiveIntegerField()

    class Meta:
        abstract = True
        constraints = [models.UniqueConstraint(fields=["owner", "number"], name="%(class)s_identity")]
        ordering = ["owner", "number"]


class Membership(models.Model):
    """Membership of a user in an owner's organisation, with a role."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.REVIEWER)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "owner"], name="membership_identity")]


class Invitation(models.Model):
    """A link that can be used once, to become a member of an owner, or the operator if ``owner`` is null.

    Only the SHA-256 digest of the link's secret is stored.
    """

    owner = models.ForeignKey(Owner, null=True, blank=True, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(blank=True, help_text="recipient; empty for the operator")
    role = models.CharField(max_length=8, choices=Role.choices, blank=True)
    digest = DigestField(unique=True)
    by = models.CharField(max_length=200, help_text="member who sent the invitation")
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


class Scope(models.TextChoices):
    """Permission of an API token."""

    READ = "read", _("read: view and download all data")
    """View and download everything, identify pictures, preview licences."""
    WRITE = "write", _("write: works, watches, licences, reports")
    """Works and their declarations, watches, licences, reports, packages."""
    DECIDE = "decide", _("decide: case decisions and notes")
    """Decisions, notes and disputes of cases, reports of illegal content."""
    SEND = "send", _("send: notices, and links for external recipients")
    """Drafts of notices and their results, download links."""
    MANAGE = "manage", _("manage: members, webhooks and settings")
    """Members, invitations, API tokens, webhooks and keys for searches."""


SCOPES_BY_ROLE = {
    Role.VIEWER: frozenset({Scope.READ}),
    Role.REVIEWER: frozenset({Scope.READ, Scope.WRITE, Scope.DECIDE, Scope.SEND}),
    Role.OWNER: frozenset(Scope),
}
"""The largest set of scopes that a token of a member with this role can have."""


class ApiToken(models.Model):
    """A member's API token. Only its digest is stored; the member's current role limits its scopes."""

    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="api_tokens")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    begins = models.CharField(max_length=12, help_text="first characters of the token, to identify it")
    digest = DigestField(unique=True)
    scopes = ArrayField(models.CharField(max_length=8))
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True, help_text="time of the last use, to the minute")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["owner", "-made_at"], name="api_token_list")]

    @property
    def actor_name(self) -> str:
        """Name that records use for the actor: the user name and the name of the token."""
        return f"{self.user.get_username()} (token {self.name})"
