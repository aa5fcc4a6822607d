"""The registry as a Django app."""

from importlib import import_module

from django.apps import AppConfig

SUBJECTS_WITH_JOBS = (
    "works",
    "crawls",
    "matches",
    "edge",
    "cases",
    "bundles",
    "notices",
    "parties",
    "reports",
    "notifications",
)
MODULES_WITH_RECEIVERS = ("cases.assignments", "cases.opening")
"""Modules with signal receivers. A lower-level package sends a signal when a higher-level package has to act."""


class RegistryConfig(AppConfig):
    """The app that contains all models of the installation."""

    name = "registry"
    label = "registry"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Import the modules that declare jobs and signal receivers. They need the loaded models."""
        for subject in SUBJECTS_WITH_JOBS:
            import_module(f"registry.{subject}.jobs")
        for module in MODULES_WITH_RECEIVERS:
            import_module(f"registry.{module}")
