"""The registry as a Django app."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """All rows of the installation live in this one app."""

    name = "registry"
    label = "registry"
    default_auto_field = "django.db.models.BigAutoField"
