"""Test that public links are found by their token while valid, and that attempts at their password are limited."""

from datetime import timedelta

import pytest

from exhibit.clock import now
from exhibit.errors import NotFoundError, RefusedError, WrongUseError
from registry.bundles.links import (
    FREE_TRIES,
    MAX_DAYS,
    check_link_password,
    find_by_token,
    make_link,
    record_download,
    revoke_link,
)
from registry.models import DownloadLink, LogOpening, Owner, Report
from tests.assets.rows import owner


@pytest.fixture
def studio(db: None) -> Owner:
    return owner("studio")


@pytest.fixture
def report(studio: Owner) -> Report:
    file = {"name": "a.pdf", "media_type": "application/pdf", "digest": "00" * 32, "size": 1}
    return Report.objects.create(owner=studio, number=1, state="done", files=[file])


def test_a_link_is_found_by_its_token_until_its_day_or_until_it_is_taken_back(studio: Owner, report: Report) -> None:
    link, token = make_link(studio, report, days=3, by="Ann")
    assert find_by_token(token) == link
    assert find_by_token(token[:-1]) is None
    record_download(link, "a.pdf")
    assert DownloadLink.objects.get().downloads == 1
    assert not any(token in str((opening.content, opening.details)) for opening in LogOpening.objects.all())
    DownloadLink.objects.update(expires_at=now())
    assert find_by_token(token) is None
    DownloadLink.objects.update(expires_at=now() + timedelta(days=1))
    revoke_link(studio, 1, by="Ann")
    revoke_link(studio, 1, by="Ann")
    assert find_by_token(token) is None
    assert LogOpening.objects.filter(content__what="link revoked").count() == 1
    with pytest.raises(NotFoundError):
        revoke_link(owner("agency"), 1, by="Bob")


def test_nothing_can_be_linked_that_is_not_there_or_for_too_long(studio: Owner, report: Report) -> None:
    for days in (0, MAX_DAYS + 1):
        with pytest.raises(WrongUseError):
            make_link(studio, report, days=days, by="Ann")
    Report.objects.update(state="todo")
    with pytest.raises(WrongUseError):
        make_link(studio, report, days=1, by="Ann")


def test_wrong_passwords_cost_pauses_in_which_the_right_one_is_refused_too(studio: Owner, report: Report) -> None:
    link = make_link(studio, report, days=1, by="Ann", password="spruce")[0]
    check_link_password(link, "spruce")
    for _ in range(FREE_TRIES):
        with pytest.raises(RefusedError):
            check_link_password(link, "wrong")
    with pytest.raises(RefusedError):
        check_link_password(link, "spruce")
    DownloadLink.objects.update(locked_until=now())
    check_link_password(link, "spruce")
    assert DownloadLink.objects.get().failures == 0
