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


class RegistryConfig(AppConfig):
    """All rows of the installation live in this one app."""

    name = "registry"
    label = "registry"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Declare the jobs, and connect receivers of signals that subjects send to those above them."""
        for subject in SUBJECTS_WITH_JOBS:
            import_module(f"registry.{subject}.jobs")
        import_module("registry.cases.assigning")
