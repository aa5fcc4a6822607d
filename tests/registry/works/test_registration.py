"""Test two concurrent actions on the same image, one of them paused halfway."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from exhibit.config.config import Config
from exhibit.errors import RefusedError
from indexer.picture.features import extract
from registry.fingerprints import fingerprints
from registry.fingerprints.descriptor_models import add_model, drop_model
from registry.fingerprints.descriptors import find_members, start_building
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.ports import get_indexes
from registry.matches.match import match_pictures
from registry.models import Case, DescriptorChoice, DescriptorModel, Owner, Picture, Work
from registry.services.services import Services
from registry.works.registration import remove_work
from tests.assets.networks import network_files
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from workers.tasks.sync_runner import SyncRunner

MAX_WAIT_SECONDS = 30.0


@pytest.fixture
def two_services(transactional_db: None, config: Config, tmp_path: Path) -> Iterator[list[Services]]:
    """Two sets of services, as in two processes."""
    fingerprints.clear_cached_spaces()
    yield [SyncRunner(replace(config, data_dir=tmp_path)).services for _ in range(2)]
    fingerprints.clear_cached_spaces()


class Pause:
    """Pause the first call of a function until the test continues it; later calls pass through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, place: str, function: Callable[..., Any]) -> None:
        self.reached, self.may_continue = threading.Event(), threading.Event()
        self._function = function
        monkeypatch.setattr(place, self)

    def __call__(self, *args: object, **kwargs: object) -> object:
        if not self.reached.is_set():
            self.reached.set()
            assert self.may_continue.wait(MAX_WAIT_SECONDS)
        return self._function(*args, **kwargs)


def run_concurrently(pause: Pause, first: Callable[[], object], second: Callable[[], object]) -> None:
    """Run the second action while the first is paused, then continue the first.

    The first continues once a lock blocks the second, or the second has ended.
    """

    def run_and_close(action: Callable[[], object]) -> None:
        try:
            action()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        first_future = pool.submit(run_and_close, first)
        assert pause.reached.wait(MAX_WAIT_SECONDS)
        other = pool.submit(run_and_close, second)
        try:
            wait_for_lock(other)
        finally:
            pause.may_continue.set()
        first_future.result(MAX_WAIT_SECONDS)
        other.result(MAX_WAIT_SECONDS)


def wait_for_lock(other: Future[None]) -> None:
    until = time.monotonic() + MAX_WAIT_SECONDS
    while not other.done() and not is_lock_awaited():
        assert time.monotonic() < until


def is_lock_awaited() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        (count,) = cursor.fetchone()
    return bool(count)


def test_registration_during_removal_by_other_owner_stays_searchable(
    two_services: list[Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    first_services, other = two_services
    first = register(first_services, owner("studio"), photograph(1)).work
    rival = owner("rival")
    pause = Pause(
        monkeypatch, "registry.works.registration.vectors.remove_from_collection", fingerprints.remove_from_collection
    )
    run_concurrently(pause, lambda: remove_work(first, by="Ann"), lambda: register(other, rival, photograph(1)))
    assert find_members(Collection.WORKS, Picture.objects.values_list("pk", flat=True))


def test_removal_during_registration_by_other_owner_keeps_it_searchable(
    two_services: list[Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    first_services, other = two_services
    first = register(first_services, owner("studio"), photograph(1)).work
    rival = owner("rival")
    from registry.works import ownership

    pause = Pause(monkeypatch, "registry.works.registration.record_remarks", ownership.record_remarks)
    run_concurrently(pause, lambda: register(other, rival, photograph(1)), lambda: remove_work(first, by="Ann"))
    assert find_members(Collection.WORKS, Picture.objects.values_list("pk", flat=True))


def test_concurrent_registrations_of_one_picture_create_one_work(
    two_services: list[Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    first_services, other = two_services
    studio, messages = owner("studio"), []
    from registry.works import ownership

    pause = Pause(monkeypatch, "registry.works.registration.record_remarks", ownership.record_remarks)
    run_concurrently(
        pause,
        lambda: messages.append(register(first_services, studio, photograph(1))),
        lambda: messages.append(register(other, studio, photograph(1))),
    )
    assert Work.objects.count() == 1
    assert sorted(registered.is_new for registered in messages) == [False, True]
    assert {registered.work.pk for registered in messages} == {Work.objects.get().pk}


def test_concurrent_registrations_cannot_exceed_the_quota(
    two_services: list[Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    first_services, other = two_services
    studio, refusal_reasons = owner("studio"), []
    studio.quota_bytes = len(photograph(1)) + len(photograph(2)) - 1
    studio.save()
    from registry.works import ownership

    def register_second() -> None:
        try:
            register(other, Owner.objects.get(), photograph(2))
        except RefusedError as error:
            refusal_reasons.append(error.reason)

    pause = Pause(monkeypatch, "registry.works.registration.record_remarks", ownership.record_remarks)
    run_concurrently(pause, lambda: register(first_services, studio, photograph(1)), register_second)
    assert (Work.objects.count(), refusal_reasons) == (1, ["quota"])
    assert Owner.objects.get().used_bytes == len(photograph(1))


def test_model_can_be_dropped_while_pictures_are_matched(
    two_services: list[Services], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first_services, other = two_services
    studio = owner("studio")
    register(first_services, studio, photograph(1))
    picture_ids = record_sightings(first_services, *claim_new_slice(studio), [recompress(photograph(1))])
    start_building(add_model(other, *network_files(tmp_path)))
    pause = Pause(monkeypatch, "registry.matches.match.vectors.store_fingerprints", fingerprints.store_fingerprints)
    run_concurrently(pause, lambda: match_pictures(first_services, picture_ids), lambda: drop_model(other, "colours"))
    assert (Case.objects.count(), DescriptorModel.objects.count()) == (1, 1)
    assert DescriptorChoice.objects.get().building is None


@pytest.mark.django_db
def test_rolled_back_registration_is_not_indexed(inline: SyncRunner) -> None:
    services, studio = inline.services, owner("studio")
    with suppress(InterruptedError), transaction.atomic():
        register(services, studio, photograph(1))
        raise InterruptedError
    picture = register(services, studio, photograph(2)).work.pictures.get()
    get_indexes(services).refresh(Collection.WORKS)
    assert get_indexes(services).find_near(Collection.WORKS, extract(photograph(2)).hash_variants, max_distance=10) == {
        picture.pk
    }
    assert (
        get_indexes(services).find_near(Collection.WORKS, extract(photograph(1)).hash_variants, max_distance=10)
        == set()
    )
