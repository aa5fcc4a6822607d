"""Owners and their members."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A person who signs in. The e-mail address is the name to sign in with."""

    email = models.EmailField(unique=True)
    language = models.CharField(max_length=10, blank=True, db_default="", help_text="empty for the browser's")
    browser_language = models.CharField(max_length=10, blank=True, db_default="", help_text="the browser's, last seen")
    time_zone = models.CharField(max_length=64, blank=True, db_default="", help_text="where the browser was last")
    blurs = models.BooleanField(default=False, db_default=False, help_text="found pictures are blurred until asked for")

    @property
    def reads(self) -> str:
        """The language of what is written to them: as chosen, or as the browser last asked; empty while unknown."""
        return self.language or self.browser_language


class Role(models.TextChoices):
    """What a member may do for an owner."""

    OWNER = "owner"
    REVIEWER = "reviewer"
    VIEWER = "viewer"


class Owner(models.Model):
    """A rights holder's organisation: members with roles, keys, works, watches."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    contact = models.CharField(max_length=200, blank=True)
    quota_bytes = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    members: "models.ManyToManyField[User, Membership]" = models.ManyToManyField(User, through="Membership")

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One person's role with one owner."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.REVIEWER)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "owner"], name="membership_identity")]
