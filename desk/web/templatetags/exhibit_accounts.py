"""Template tags for account pages."""

from django import template
from django.conf import settings

from desk.web.account.roles import ROLE_NAMES
from registry.models import Scope

register = template.Library()

_BROWSERS = {"Edg": "Edge", "MicroMessenger": "WeChat", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
"""Browser names, by token in the user agent, in order of precedence: browsers also send the tokens of others."""
_DEVICES = {name: name.removesuffix(" OS") for name in ("iPhone", "iPad", "Android", "Windows", "Mac OS", "Linux")}


@register.simple_tag
def is_sign_up_open() -> bool:
    """Return True if anyone may sign up."""
    return bool(settings.CONFIG.sign_up == "open")


@register.filter
def browser_name(user_agent: str) -> str:
    """Return a short name of a browser and device, derived from the user agent, or the user agent if unknown."""
    names = [
        next((name for token, name in names_by_token.items() if token in user_agent), "")
        for names_by_token in (_BROWSERS, _DEVICES)
    ]
    return " · ".join(filter(None, names)) or user_agent


@register.filter
def role_name(role: str) -> str:
    """Return a role's name in the reader's language."""
    return str(ROLE_NAMES.get(role, role))


@register.filter
def scope_name(scope: str) -> str:
    """Return the name of an API token's scope in the reader's language."""
    return str(Scope(scope).label)
