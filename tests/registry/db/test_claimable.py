"""Test the common columns of rows that job steps process."""

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction

from exhibit.clock import now
from registry import jobs
from registry.db.claimable import UNFINISHED, Claimable
from registry.models import Picture, StepState, StepTime


def test_row_is_postponed_only_while_waiting_until_a_time() -> None:
    assert Picture(state=StepState.QUEUED, not_before=now()).is_postponed
    assert not Picture(state=StepState.QUEUED).is_postponed
    assert not Picture(state=StepState.DONE, not_before=now()).is_postponed
    assert StepState.FAILED not in UNFINISHED


def test_every_claimable_model_has_a_job_step() -> None:
    claimable_models = {model for model in apps.get_app_config("registry").get_models() if issubclass(model, Claimable)}
    assert claimable_models - {step.model for step in jobs.list_periodic_jobs()} == set()
    assert all(issubclass(step.model, Claimable) for step in jobs.list_periodic_jobs())


def test_step_time_of_a_day_is_unique(db: None) -> None:
    StepTime.objects.create(step="match", day=now().date(), last_at=now())
    with pytest.raises(IntegrityError, match="step_time_identity"), transaction.atomic():
        StepTime.objects.create(step="match", day=now().date(), last_at=now())
