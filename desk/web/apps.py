"""The site as a Django app."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Pages, templates and static files."""

    name = "desk.web"
    label = "web"

    def ready(self) -> None:
        """Start logging sign-ins."""
        from desk.web.account.log import connect_signals  # noqa: PLC0415 - the models have been loaded

        connect_signals()
