"""How much work waits, step by step."""

from django.db.models import Count, Q

from registry import steps
from registry.models import Picture, StepState, WorkPicture
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


def held_up() -> dict[str, str]:
    """What all rows of a step wait for, by step; steps that nothing holds up are left out."""
    told = {"match": steps.held_up(Picture), "search": steps.held_up(WorkPicture)}
    return {step: sentence for step, sentence in told.items() if sentence}
