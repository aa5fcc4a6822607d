"""Names and descriptions of the members' roles."""

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from registry.models import Role

ROLE_NAMES: dict[str, Promise] = {
    Role.OWNER: pgettext_lazy("role", "owner"),
    Role.REVIEWER: pgettext_lazy("role", "reviewer"),
    Role.VIEWER: pgettext_lazy("role", "viewer"),
}
ROLE_DESCRIPTIONS: dict[str, Promise] = {
    Role.OWNER: pgettext_lazy("role", "Full access, including members and settings."),
    Role.REVIEWER: pgettext_lazy("role", "Can decide cases, register works, run watches and send notices."),
    Role.VIEWER: pgettext_lazy("role", "Read-only access."),
}
