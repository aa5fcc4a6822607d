"""Test leases for work that one process does at a time: who holds them, and when another process takes over."""

from datetime import timedelta
from typing import Any

import pytest

from exhibit.clock import now
from exhibit.machine import get_process_identifier
from registry.db.leases import LEASE_SECONDS, LeaseHolder
from registry.models import Lease
from tests.assets.clocks import YEAR, set_clock

__all__ = ["set_clock"]

ELSEWHERE = "elsewhere|pid:[1]|7|7"


def give_lease(holder: str, *, until: timedelta) -> None:
    Lease.objects.update_or_create(name="tick", defaults={"holder": holder, "epoch": 3, "expires_at": now() + until})


def test_lease_held_by_other_process_cannot_be_taken(db: None) -> None:
    give_lease(ELSEWHERE, until=timedelta(seconds=LEASE_SECONDS - 5))
    assert not LeaseHolder("tick").take_or_renew()
    assert LeaseHolder("another").take_or_renew()
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
def test_lease_of_a_dead_process_can_be_taken_immediately(db: None, holder: str, until: timedelta) -> None:
    give_lease(holder, until=until)
    turn = LeaseHolder("tick")
    assert turn.take_or_renew()
    assert turn.epoch == 4
    time_left = Lease.objects.get().expires_at - now()
    assert timedelta(seconds=LEASE_SECONDS - 10) < time_left <= timedelta(seconds=LEASE_SECONDS)


def test_machine_clock_does_not_affect_leases(db: None, set_clock: Any) -> None:  # noqa: ANN401
    give_lease(ELSEWHERE, until=timedelta(seconds=LEASE_SECONDS - 5))
    set_clock(timedelta(minutes=10))
    assert not LeaseHolder("tick").take_or_renew()


def test_late_lease_holder_detects_that_the_lease_was_lost(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    turn = LeaseHolder("tick")
    assert turn.take_or_renew()
    give_lease(ELSEWHERE, until=timedelta(seconds=20))
    assert turn.take_or_renew()  # the lease was checked too recently to query again
    monkeypatch.setattr("registry.db.leases.RENEWAL_SECONDS", 0.0)
    assert not turn.take_or_renew()
