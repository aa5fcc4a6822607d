"""What pages about accounts ask."""

from django import template
from django.conf import settings

from desk.web.account.roles import NAMES
from registry.models import Scope

register = template.Library()

_BROWSERS = {"Edg": "Edge", "MicroMessenger": "WeChat", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
"""Programs by what they say of themselves; many say the later ones too."""
_DEVICES = {name: name.removesuffix(" OS") for name in ("iPhone", "iPad", "Android", "Windows", "Mac OS", "Linux")}


@register.simple_tag
def site_is_open() -> bool:
    """Whether anybody may make an account."""
    return bool(settings.CONFIG.sign_up == "open")


@register.filter
def browser_name(told: str) -> str:
    """What a browser says of itself, in a word or two; as it is where that isn't known."""
    known = [next((name for sign, name in signs.items() if sign in told), "") for signs in (_BROWSERS, _DEVICES)]
    return " · ".join(filter(None, known)) or told


@register.filter
def role_name(role: str) -> str:
    """A role's name in the reader's language."""
    return str(NAMES.get(role, role))


@register.filter
def scope_name(scope: str) -> str:
    """What a token's scope permits, in the reader's language."""
    return str(Scope(scope).label)
