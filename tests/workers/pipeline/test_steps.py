"""The table of steps: each can be loaded, has rows, a queue that a worker takes, and words."""

import importlib

import pytest

from exhibit.errors import WrongUseError
from registry import models
from workers.configuration import load_config
from workers.pipeline.steps import LABELS, QUEUES, STEPS, step_in_words, step_with_rows, with_rows
from workers.servers.product import services


def test_every_step_can_be_run_and_every_queue_is_taken() -> None:
    for step in STEPS.values():
        module, _, function = step.run.rpartition(".")
        assert callable(getattr(importlib.import_module(f"workers.steps.{module}"), function))
    assert set(LABELS) == {*STEPS, "tick", "retain", "votes"}
    for step in with_rows():
        assert step.rows is getattr(models, step.model)
        way = step.rows._default_manager.filter(**({f"{step.owner}__slug": "studio"} if step.owner else {}))
        assert "SELECT" in str(way.filter(**step.settled).query)
    workers = " ".join(" ".join(child.command) for child in services(load_config()))
    taken = {name for words in workers.split("-Q ")[1:] for name in words.split()[0].split(",")}
    assert set(QUEUES.values()) == taken
    assert QUEUES["capture_asked"] == "visits" != QUEUES["capture"]


def test_rows_go_out_in_messages_of_a_batch_in_their_order() -> None:
    step = STEPS["register"]
    rows = list(range(2 * step.batch + 1))
    assert [len(one) for one in step.batches(rows)] == [step.batch, step.batch, 1]
    assert [pk for one in step.batches(rows) for pk in one] == rows


def test_a_step_is_named_in_words_and_an_unknown_one_refused() -> None:
    assert step_in_words("seal") == "bundles to be sealed"
    assert step_in_words("tick") == "schedules"
    assert step_in_words("unknown") == "unknown"
    for name in ("unknown", "plan"):  # no rows wait for a plan
        with pytest.raises(WrongUseError, match="There is no step"):
            step_with_rows(name)
