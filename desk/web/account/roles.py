"""The roles of members, in words."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from registry.models import Role


@dataclass(frozen=True, slots=True)
class RoleWords:
    """A role as people read it: how rows name it, a word, and what it may do."""

    value: str
    name: Promise
    means: Promise


ROLES = (
    RoleWords(
        Role.OWNER, pgettext_lazy("role", "owner"), pgettext_lazy("role", "Everything, members and settings too.")
    ),
    RoleWords(
        Role.REVIEWER,
        pgettext_lazy("role", "reviewer"),
        pgettext_lazy("role", "Decides cases, registers works, runs watches, sends notices."),
    ),
    RoleWords(Role.VIEWER, pgettext_lazy("role", "viewer"), pgettext_lazy("role", "Looks, and changes nothing.")),
)
