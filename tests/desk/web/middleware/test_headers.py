"""Test the headers of every response for browsers and proxies."""

import pytest
from django.test import Client

from registry.models import User
from tests.assets.accounts import ann
from tests.assets.desk_scene import addresses

__all__ = ["ann"]


@pytest.mark.long
def test_every_response_forbids_foreign_resources(ann: User) -> None:
    client = Client()
    client.force_login(ann)
    for name, address in addresses().items():
        headers = client.get(address).headers
        policy = set(headers["Content-Security-Policy"].split("; "))
        assert {"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} <= policy, name
        assert "unsafe" not in headers["Content-Security-Policy"], name
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin", name
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin", name
        assert headers["X-Content-Type-Options"] == "nosniff", name
        assert headers["X-Frame-Options"] == "DENY", name
        assert headers["Referrer-Policy"] == "same-origin", name
        assert "camera=()" in headers["Permissions-Policy"], name


def test_personal_pages_are_not_cached_by_proxies(ann: User) -> None:
    client = Client()
    client.force_login(ann)
    for address in ("/account/", "/o/studio/members/", "/o/studio/works/"):
        assert "private" in client.get(address).headers["Cache-Control"]
