"""Test that a timestamp service's answers are explained without technical terms."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from desk.schemas import evidence
from desk.web.downloads.packages import said_by
from evidence.facts.case import WitnessFacts
from exhibit.clock import now
from exhibit.digests import Digest
from registry.bundles.proofs import witnesses_of
from registry.bundles.witnessed import Answer, answers_of
from registry.models import AnchorReceipt, Bundle, Case, LogCheckpoint, Owner, WitnessState
from tests.assets.pages import numbers_at, select
from tests.assets.rows import owner
from tests.assets.sealed import sealed_bundle
from tests.assets.source import flat
from tests.desk.web.watches.test_past_pages import page, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["studio"]


BITCOIN = WitnessFacts(
    "opentimestamps", "calendars", development=False, state="pending", subject="checkpoint", time=None
)


AFTERNOON = datetime(2026, 11, 20, 15, 45, tzinfo=UTC)


def answered(of: LogCheckpoint, took: timedelta | None, witness: str = "calendars") -> None:
    AnchorReceipt.objects.create(
        kind="opentimestamps",
        witness=witness,
        checkpoint=of,
        digest=Digest.of(f"{of.pk} {witness}".encode()),
        state="todo" if took is None else "done",
        time=of.made_at,
        grown_at=None if took is None else of.made_at + took,
    )


@pytest.fixture
def bundle(inline: SyncRunner, studio: Owner) -> Bundle:
    """A sealed bundle with a complete receipt of a qualified authority, and two pending ones."""
    seal = Digest.of(b"seal")
    made = Bundle.objects.create(case=Case.objects.get(), number=1, state="done", seal_digest=seal, sealed_at=now())
    answered = {"state": "done", "proof": b"x", "time": now(), "qualified": "2026-11-01"}
    for name, more in (("authority", answered), ("second", {"proof": b"x"}), ("third", {})):
        AnchorReceipt.objects.create(kind="rfc3161", witness=name, bundle=made, digest=seal, **more)
    return made


def shown(of: Bundle) -> str:
    return flat(page(of.case.owner, f"cases/{of.case.number}/"))


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (0.1, "Bitcoin: expected within minutes"),
        (1, "Bitcoin: expected today"),
        (4, "Bitcoin: expected tonight"),
        (11, "Bitcoin: expected tonight"),
        (20, "Bitcoin: expected tomorrow"),
        (60, "Bitcoin: expected on 23 Nov 2026"),
        (-1, "Bitcoin: was expected by 20 Nov 2026, 15:45; it is asked again"),
    ],
)
def test_when_a_witness_is_expected_is_said_in_the_readers_day(hours: float, words: str) -> None:
    with timezone.override("Europe/Berlin"):
        assert said_by(Answer(BITCOIN, AFTERNOON + timedelta(hours=hours)), AFTERNOON) == words


def test_a_witness_that_is_silent_is_said_to_be() -> None:
    silent = Answer(BITCOIN, AFTERNOON, AFTERNOON - timedelta(days=1), AFTERNOON + timedelta(hours=1))
    with timezone.override("UTC"):
        sentence = "Bitcoin: hasn't answered since 19 Nov 2026, 15:45; asked again 20 Nov 2026, 16:45"
        assert said_by(silent, AFTERNOON) == sentence


@pytest.mark.long
def test_answers_for_many_bundles_are_those_for_each_and_cost_the_same(
    inline: SyncRunner, django_assert_num_queries: object, django_assert_max_num_queries: object
) -> None:
    inline.services.config = inline.services.config
    studio = owner("studio")
    bundles = [sealed_bundle(inline, studio, seed) for seed in (1, 2)]
    inline.run_until_idle()
    for place, checkpoint in enumerate(LogCheckpoint.objects.order_by("size")):
        answered(checkpoint, None if place == 0 else timedelta(hours=5))
        answered(checkpoint, timedelta(hours=1), "another")
    found = answers_of(bundles)
    for bundle in bundles:
        assert [one.facts for one in found[bundle.pk]] == list(witnesses_of(bundle))
    rows = list(Bundle.objects.filter(pk__in=[one.pk for one in bundles]))
    with django_assert_num_queries(5):  # type: ignore[operator]
        answers_of(rows[:1])
    with django_assert_num_queries(5):  # type: ignore[operator]
        answers_of(rows)


@pytest.mark.long
def test_a_witness_is_expected_when_it_took_that_long_lately(inline: SyncRunner) -> None:
    bundle = sealed_bundle(inline)
    inline.run_until_idle()
    checkpoints = list(LogCheckpoint.objects.order_by("-size"))
    AnchorReceipt.objects.all().delete()
    for checkpoint in checkpoints:
        answered(checkpoint, None)
    [before] = answers_of([bundle])[bundle.pk]
    other = LogCheckpoint.objects.create(origin="another/log", size=1, root=b"", note="")
    answered(other, timedelta(hours=3))
    [after] = answers_of([bundle])[bundle.pk]
    assert before.expected_at is not None
    assert after.expected_at is not None
    assert before.expected_at - after.expected_at == timedelta(hours=9)  # 12 without any history, then 3
    WitnessState.objects.create(kind="opentimestamps", witness="calendars", silent_since=now(), ask_after=now())
    [silent] = answers_of([bundle])[bundle.pk]
    assert silent.silent_since is not None


@pytest.mark.long
def test_a_case_tells_how_many_witnesses_have_answered_and_which_are_qualified_by_whose_word(bundle: Bundle) -> None:
    text = shown(bundle)
    assert numbers_at(text, "witnessed") == ["1", "3", "1"]
    [qualified] = select(text, '[data-testid="qualified"]::text').getall()
    assert "1 Nov 2026" in qualified
    assert len(select(text, '[data-testid="unanswered"]')) == 2


def test_what_a_witness_is_and_to_what_it_speaks_is_said_in_words(bundle: Bundle) -> None:
    text = shown(bundle)
    assert re.search(r"authority · [^<]*RFC 3161", text)


def test_fewer_witnesses_than_the_operator_wants_are_not_enough(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, witnesses_needed=2))
    assert numbers_at(shown(bundle), "not-witnessed") == ["1", "3", "2"]
    told = evidence.Bundle.from_row(bundle).model_dump(mode="json")
    assert told["is_timestamped"] is False
    assert told["timestamps"] == {"complete": 1, "requested": 3, "required": 2}
    assert [one["qualified_as_of"] for one in told["receipts"]] == ["2026-11-01", None, None]
