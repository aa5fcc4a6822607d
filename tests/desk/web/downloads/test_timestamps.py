"""Test that the status of timestamp services is explained without technical terms."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from desk.schemas import evidence
from desk.web.downloads.packages import describe_response
from evidence.facts.case import TimestampFacts
from exhibit.clock import now
from exhibit.digests import Digest
from registry.bundles.proofs import list_bundle_timestamps
from registry.bundles.timestamp_status import TimestampStatus, load_timestamp_statuses
from registry.models import AnchorReceipt, Bundle, Case, LogCheckpoint, Owner, TimestampServiceState
from tests.assets.pages import numbers_at, select
from tests.assets.rows import owner
from tests.assets.sealed_bundles import create_sealed_bundle
from tests.assets.source import collapse_whitespace
from tests.desk.web.watches.test_past_pages import read_page, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["studio"]


BITCOIN = TimestampFacts(
    "opentimestamps", "calendars", development=False, state="pending", subject="checkpoint", time=None
)


AFTERNOON = datetime(2026, 11, 20, 15, 45, tzinfo=UTC)


def add_receipt(checkpoint: LogCheckpoint, duration: timedelta | None, witness: str = "calendars") -> None:
    AnchorReceipt.objects.create(
        kind="opentimestamps",
        service=witness,
        checkpoint=checkpoint,
        digest=Digest.from_bytes(f"{checkpoint.pk} {witness}".encode()),
        state="queued" if duration is None else "done",
        time=checkpoint.made_at,
        completed_at=None if duration is None else checkpoint.made_at + duration,
    )


@pytest.fixture
def bundle(inline: SyncRunner, studio: Owner) -> Bundle:
    """A sealed bundle with a complete receipt of a qualified authority, and two pending ones."""
    seal = Digest.from_bytes(b"seal")
    new_bundle = Bundle.objects.create(
        case=Case.objects.get(), number=1, state="done", seal_digest=seal, sealed_at=now()
    )
    response_fields = {"state": "done", "proof": b"x", "time": now(), "qualified": "2026-11-01"}
    for name, more in (("authority", response_fields), ("second", {"proof": b"x"}), ("third", {})):
        AnchorReceipt.objects.create(kind="rfc3161", service=name, bundle=new_bundle, digest=seal, **more)
    return new_bundle


def render_bundle(bundle_row: Bundle) -> str:
    return collapse_whitespace(read_page(bundle_row.case.owner, f"cases/{bundle_row.case.number}/"))


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (0.1, "Bitcoin: timestamp expected within minutes"),
        (1, "Bitcoin: timestamp expected today"),
        (4, "Bitcoin: timestamp expected tonight"),
        (11, "Bitcoin: timestamp expected tonight"),
        (20, "Bitcoin: timestamp expected tomorrow"),
        (60, "Bitcoin: timestamp expected on 23 Nov 2026"),
        (-1, "Bitcoin: timestamp overdue since 20 Nov 2026, 15:45; requested again"),
    ],
)
def test_expected_timestamp_is_shown_as_a_day_in_the_readers_time_zone(hours: float, text: str) -> None:
    with timezone.override("Europe/Berlin"):
        assert describe_response(TimestampStatus(BITCOIN, AFTERNOON + timedelta(hours=hours)), AFTERNOON) == text


def test_unresponsive_timestamp_service_is_reported() -> None:
    silent_answer = TimestampStatus(BITCOIN, AFTERNOON, AFTERNOON - timedelta(days=1), AFTERNOON + timedelta(hours=1))
    with timezone.override("UTC"):
        sentence = describe_response(silent_answer, AFTERNOON)
    assert re.findall(r"\d+ Nov 2026, \d\d:\d\d", sentence) == ["19 Nov 2026, 15:45", "20 Nov 2026, 16:45"]


@pytest.mark.long
def test_timestamps_of_many_bundles_need_constant_queries(
    inline: SyncRunner, django_assert_num_queries: object, django_assert_max_num_queries: object
) -> None:
    inline.services.config = inline.services.config
    studio = owner("studio")
    bundles = [create_sealed_bundle(inline, studio, seed) for seed in (1, 2)]
    inline.run_until_idle()
    for index, checkpoint in enumerate(LogCheckpoint.objects.order_by("size")):
        add_receipt(checkpoint, None if index == 0 else timedelta(hours=5))
        add_receipt(checkpoint, timedelta(hours=1), "another")
    answers = load_timestamp_statuses(bundles)
    for bundle in bundles:
        assert [item.facts for item in answers[bundle.pk]] == list(list_bundle_timestamps(bundle))
    rows = list(Bundle.objects.filter(pk__in=[item.pk for item in bundles]))
    with django_assert_num_queries(5):  # type: ignore[operator]
        load_timestamp_statuses(rows[:1])
    with django_assert_num_queries(5):  # type: ignore[operator]
        load_timestamp_statuses(rows)


@pytest.mark.long
def test_expected_timestamp_uses_recent_durations(inline: SyncRunner) -> None:
    bundle = create_sealed_bundle(inline)
    inline.run_until_idle()
    checkpoints = list(LogCheckpoint.objects.order_by("-size"))
    AnchorReceipt.objects.all().delete()
    for checkpoint in checkpoints:
        add_receipt(checkpoint, None)
    [before] = load_timestamp_statuses([bundle])[bundle.pk]
    other = LogCheckpoint.objects.create(origin="another/log", size=1, root=b"", note="")
    add_receipt(other, timedelta(hours=3))
    [after] = load_timestamp_statuses([bundle])[bundle.pk]
    assert before.expected_at is not None
    assert after.expected_at is not None
    assert before.expected_at - after.expected_at == timedelta(hours=9)  # 12 without any history, then 3
    TimestampServiceState.objects.create(
        kind="opentimestamps", service="calendars", unresponsive_since=now(), ask_after=now()
    )
    [silent_answer] = load_timestamp_statuses([bundle])[bundle.pk]
    assert silent_answer.unresponsive_since is not None


@pytest.mark.long
def test_case_shows_its_timestamps_and_which_are_qualified(bundle: Bundle) -> None:
    text = render_bundle(bundle)
    assert numbers_at(text, "timestamped") == ["1", "3", "1"]
    [qualified] = select(text, '[data-testid="qualified"]::text').getall()
    assert "1 Nov 2026" in qualified
    assert len(select(text, '[data-testid="unanswered"]')) == 2


def test_timestamp_service_kinds_are_explained(bundle: Bundle) -> None:
    text = render_bundle(bundle)
    assert re.search(r"authority · [^<]*RFC 3161", text)


def test_too_few_timestamps_are_reported(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, timestamps_needed=2))
    assert numbers_at(render_bundle(bundle), "not-timestamped") == ["1", "3", "2"]
    data = evidence.Bundle.from_row(bundle).model_dump(mode="json")
    assert data["is_timestamped"] is False
    assert data["timestamps"] == {"complete": 1, "requested": 3, "required": 2}
    assert [receipt["qualified_as_of"] for receipt in data["receipts"]] == ["2026-11-01", None, None]
