"""Test that public links are found by their token while valid, and that attempts at their password are limited."""

from datetime import timedelta

import pytest

from exhibit.clock import now
from exhibit.errors import InvalidRequestError, NotFoundError, RefusedError
from registry.bundles.links import (
    FREE_ATTEMPTS,
    MAX_DAYS,
    check_link_password,
    create_link,
    find_link_by_token,
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


def test_link_is_found_until_expired_or_revoked(studio: Owner, report: Report) -> None:
    link, token = create_link(studio, report, days=3, by="Ann")
    assert find_link_by_token(token) == link
    assert find_link_by_token(token[:-1]) is None
    record_download(link, "a.pdf")
    assert DownloadLink.objects.get().downloads == 1
    assert not any(token in str((opening.content, opening.details)) for opening in LogOpening.objects.all())
    DownloadLink.objects.update(expires_at=now())
    assert find_link_by_token(token) is None
    DownloadLink.objects.update(expires_at=now() + timedelta(days=1))
    revoke_link(studio, 1, by="Ann")
    revoke_link(studio, 1, by="Ann")
    assert find_link_by_token(token) is None
    assert LogOpening.objects.filter(content__what="link revoked").count() == 1
    with pytest.raises(NotFoundError):
        revoke_link(owner("agency"), 1, by="Bob")


def test_link_requires_finished_report_and_valid_duration(studio: Owner, report: Report) -> None:
    for days in (0, MAX_DAYS + 1):
        with pytest.raises(InvalidRequestError):
            create_link(studio, report, days=days, by="Ann")
    Report.objects.update(state="queued")
    with pytest.raises(InvalidRequestError):
        create_link(studio, report, days=1, by="Ann")


def test_wrong_passwords_lock_link_temporarily(studio: Owner, report: Report) -> None:
    link = create_link(studio, report, days=1, by="Ann", password="spruce")[0]
    check_link_password(link, "spruce")
    for _ in range(FREE_ATTEMPTS):
        with pytest.raises(RefusedError):
            check_link_password(link, "wrong")
    with pytest.raises(RefusedError):
        check_link_password(link, "spruce")
    DownloadLink.objects.update(locked_until=now())
    check_link_password(link, "spruce")
    assert DownloadLink.objects.get().failures == 0
