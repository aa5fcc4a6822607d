"""What pages about accounts ask."""

from django import template
from django.conf import settings

from desk.web.roles import ROLES

register = template.Library()


@register.simple_tag
def site_is_open() -> bool:
    """Whether anybody may make an account."""
    return bool(settings.CONFIG.sign_up == "open")


@register.filter
def role_name(role: str) -> str:
    """A role's name in the reader's language."""
    return next((str(one.name) for one in ROLES if one.value == role), role)
