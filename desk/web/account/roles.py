"""Names and descriptions of the members' roles."""

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from registry.models import Role

NAMES: dict[str, Promise] = {
    Role.OWNER: pgettext_lazy("role", "owner"),
    Role.REVIEWER: pgettext_lazy("role", "reviewer"),
    Role.VIEWER: pgettext_lazy("role", "viewer"),
}
MEANS: dict[str, Promise] = {
    Role.OWNER: pgettext_lazy("role", "Everything, members and settings too."),
    Role.REVIEWER: pgettext_lazy("role", "Decides cases, registers works, runs watches, sends notices."),
    Role.VIEWER: pgettext_lazy("role", "Looks, and changes nothing."),
}
