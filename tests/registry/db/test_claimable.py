"""Test the common columns of all rows that a step processes."""

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction

from exhibit.clock import now
from registry import jobs
from registry.db.claimable import UNFINISHED, Claimable
from registry.models import Picture, StepState, StepTime


def test_a_row_is_put_off_only_while_it_waits_for_a_moment() -> None:
    assert Picture(state=StepState.TODO, not_before=now()).is_postponed
    assert not Picture(state=StepState.TODO).is_postponed
    assert not Picture(state=StepState.DONE, not_before=now()).is_postponed
    assert StepState.FAILED not in UNFINISHED


def test_every_model_that_waits_has_a_step_and_every_step_a_model_that_waits() -> None:
    claimable_models = {model for model in apps.get_app_config("registry").get_models() if issubclass(model, Claimable)}
    assert claimable_models - {step.rows for step in jobs.periodic_jobs()} == set()
    assert all(issubclass(step.rows, Claimable) for step in jobs.periodic_jobs())


def test_a_steps_time_is_one_row_a_day(db: None) -> None:
    StepTime.objects.create(step="match", day=now().date(), last_at=now())
    with pytest.raises(IntegrityError, match="step_time_identity"), transaction.atomic():
        StepTime.objects.create(step="match", day=now().date(), last_at=now())
