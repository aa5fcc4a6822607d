"""How much work waits, step by step."""

from django.db.models import Count, Q

from registry.models import StepState
from workers.steps.tick import BATCHES


def backlog() -> dict[str, dict[str, int]]:
    """Rows by step: ``waiting``, ``under_way`` and ``given_up``."""
    counts = {
        "waiting": Count("pk", filter=Q(state=StepState.TODO)),
        "under_way": Count("pk", filter=Q(state=StepState.DOING)),
        "given_up": Count("pk", filter=Q(state=StepState.FAILED)),
    }
    open_rows = ~Q(state=StepState.DONE)
    return {step: model._default_manager.filter(open_rows).aggregate(**counts) for step, model, _ in BATCHES}  # noqa: SLF001 - Django's public name
