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
"""Modules that receive signals: a subject sends a signal where a higher-level subject has to act."""


class RegistryConfig(AppConfig):
    """The app that contains all models of the installation."""

    name = "registry"
    label = "registry"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Declare the jobs and connect the receivers of signals, which need the models."""
        for subject in SUBJECTS_WITH_JOBS:
            import_module(f"registry.{subject}.jobs")
        for module in MODULES_WITH_RECEIVERS:
            import_module(f"registry.{module}")
