"""The registry as a Django app."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """All rows of the installation live in this one app."""

    name = "registry"
    label = "registry"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the receivers of signals, which subjects send to those above them."""
        from registry.cases import assigning  # noqa: F401, PLC0415 - models can be imported from here on
