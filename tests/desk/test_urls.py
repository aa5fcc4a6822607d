"""Test the URLs of the site and of its API."""

from django.urls import get_resolver, resolve


def test_site_and_api_are_both_routed_and_errors_have_a_page() -> None:
    assert resolve("/healthz").func.__module__.startswith("desk.web.")
    assert resolve("/api/v1/openapi.json").route.startswith("api/v1/")
    error_view = get_resolver().resolve_error_handler(500)
    assert error_view.__module__ == "desk.web.middleware.failures"
