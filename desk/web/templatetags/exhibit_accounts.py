"""Template tags for account pages."""

from django import template
from django.conf import settings

from desk.web.account.roles import NAMES
from registry.models import Scope

register = template.Library()

_BROWSERS = {"Edg": "Edge", "MicroMessenger": "WeChat", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
"""Browser names by a token in the user agent. Many browsers also send the later tokens."""
_DEVICES = {name: name.removesuffix(" OS") for name in ("iPhone", "iPad", "Android", "Windows", "Mac OS", "Linux")}


@register.simple_tag
def site_is_open() -> bool:
    """Return True if anybody may sign up."""
    return bool(settings.CONFIG.sign_up == "open")


@register.filter
def browser_name(user_agent: str) -> str:
    """Return a short name of a browser and device from its user agent, or the user agent if unknown."""
    names = [next((name for sign, name in signs.items() if sign in user_agent), "") for signs in (_BROWSERS, _DEVICES)]
    return " · ".join(filter(None, names)) or user_agent


@register.filter
def role_name(role: str) -> str:
    """Return a role's name in the reader's language."""
    return str(NAMES.get(role, role))


@register.filter
def scope_name(scope: str) -> str:
    """Return the name of a token's scope in the reader's language."""
    return str(Scope(scope).label)
