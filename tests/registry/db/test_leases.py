"""Test leases for work that one process does at a time: who holds them, and when another process takes over."""

from datetime import timedelta
from typing import Any

import pytest

from exhibit.clock import now
from exhibit.machine import get_process_identifier
from registry.db.leases import LEASE_SECONDS, Turn
from registry.models import Lease
from tests.assets.clocks import YEAR, set_clock

__all__ = ["set_clock"]

ELSEWHERE = "elsewhere|pid:[1]|7|7"


def give_lease(holder: str, *, until: timedelta) -> None:
    Lease.objects.update_or_create(name="tick", defaults={"holder": holder, "epoch": 3, "expires_at": now() + until})


def test_held_lease_cannot_be_taken(db: None) -> None:
    give_lease(ELSEWHERE, until=timedelta(seconds=LEASE_SECONDS - 5))
    assert not Turn("tick").is_ours()
    assert Turn("another").is_ours()
    assert Lease.objects.get(name="tick").holder == ELSEWHERE


@pytest.mark.parametrize(
    ("holder", "until"),
    [
        (ELSEWHERE, timedelta(seconds=-1)),
        (ELSEWHERE, YEAR),  # set by a database clock that was ahead
        (f"{get_process_identifier().rpartition('|')[0]}|1", timedelta(seconds=20)),  # killed on this machine
    ],
    ids=["over", "ahead", "killed"],
)
def test_lease_of_dead_holder_is_taken_at_once(db: None, holder: str, until: timedelta) -> None:
    give_lease(holder, until=until)
    turn = Turn("tick")
    assert turn.is_ours()
    assert turn.epoch == 4
    time_left = Lease.objects.get().expires_at - now()
    assert timedelta(seconds=LEASE_SECONDS - 10) < time_left <= timedelta(seconds=LEASE_SECONDS)


def test_machine_clock_does_not_affect_leases(db: None, set_clock: Any) -> None:  # noqa: ANN401
    give_lease(ELSEWHERE, until=timedelta(seconds=LEASE_SECONDS - 5))
    set_clock(timedelta(minutes=10))
    assert not Turn("tick").is_ours()


def test_late_holder_detects_lost_lease(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    turn = Turn("tick")
    assert turn.is_ours()
    give_lease(ELSEWHERE, until=timedelta(seconds=20))
    assert turn.is_ours()  # the lease was checked too recently to query again
    monkeypatch.setattr("registry.db.leases.RENEWED", 0.0)
    assert not turn.is_ours()
