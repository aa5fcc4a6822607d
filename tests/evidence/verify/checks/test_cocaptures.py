"""Test that a partner's statement is compared with the partner's log, the capture, and the trust list."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from evidence.facts.cocapture import COMPARED_PROPERTIES
from evidence.formats.codec import MAX_JSON_BYTES
from evidence.verdict.result import State
from evidence.verify.checks import cocaptures
from evidence.verify.checks.inspection import Inspection
from evidence.verify.verifier import Verifier
from tests.assets.bundles import make_scene
from tests.assets.confirmed_captures import CHECK, LIES, WHOLE, ConfirmedBundle, confirm_capture
from tests.assets.resealing import seal_lie
from tests.assets.save_page_server import CHECK as ARCHIVE_CHECK, RECORDS
from tests.assets.tampering import write_zip


@pytest.fixture(scope="module")
def confirmed_bundle(tmp_path_factory: pytest.TempPathFactory) -> ConfirmedBundle:
    """A bundle whose capture a partner confirmed."""
    return confirm_capture(make_scene(tmp_path_factory.mktemp("scene")), tmp_path_factory.mktemp("seen"))


def test_capture_confirmed_by_partner_lists_both_installations(
    confirmed_bundle: ConfirmedBundle, tmp_path: Path
) -> None:
    verdict = Verifier(confirmed_bundle.trust).verify(write_zip(tmp_path / "seen.zip", confirmed_bundle.files))
    checks = {check.name: check for check in verdict.checks}
    assert (checks[CHECK].state, checks[WHOLE].state) == (State.PASSED, State.PASSED)
    assert ", ".join(COMPARED_PROPERTIES[name] for name in ("picture", "page", "text")) in checks[CHECK].sentence
    assert "the same server" in checks[CHECK].sentence
    assert "also retrieved each page" in checks[WHOLE].sentence
    assert verdict.failures == ()
    [capture] = [grade for grade in verdict.grades if grade.name == "capture"]
    assert capture.state is State.PASSED
    assert capture.by.endswith(" Ann and Bea")


def test_different_url_server_or_page_is_reported(confirmed_bundle: ConfirmedBundle, tmp_path: Path) -> None:
    elsewhere = "https://elsewhere.example/copy.jpg"
    for changes, words, state in (
        (
            {"picture": replace(confirmed_bundle.picture, server="192.0.2.9")},
            "the same URL and a different server ('192.0.2.9')",
            State.NOT_CHECKED,
        ),
        (
            {"picture": replace(confirmed_bundle.picture, final_url=elsewhere)},
            f"from a different URL, '{elsewhere}'",
            State.NOT_CHECKED,
        ),
        (
            {"page": replace(confirmed_bundle.statement.page, final_url=elsewhere)},
            "Different: final URL",
            State.PASSED,
        ),
        ({"page": replace(confirmed_bundle.statement.page, server="192.0.2.9")}, "Different: server", State.PASSED),
    ):
        files = confirmed_bundle.seal_answers(confirmed_bundle.answer_with(**changes))
        checks = {
            check.name: check
            for check in Verifier(confirmed_bundle.trust).verify(write_zip(tmp_path / "b.zip", files)).checks
        }
        assert (checks[CHECK].state, checks[WHOLE].state) == (state, state)
        assert words in checks[CHECK].sentence
        assert ("No partner retrieved the page of sighting" in checks[WHOLE].sentence) == ("page" in changes)


@pytest.mark.parametrize("status", [0, 301, 404, 500])
@pytest.mark.parametrize("what", ["page", "picture"])
def test_partner_that_got_no_page_or_picture_does_not_confirm_the_capture(
    confirmed_bundle: ConfirmedBundle, tmp_path: Path, what: str, status: int
) -> None:
    visited = confirmed_bundle.picture if what == "picture" else confirmed_bundle.statement.page
    files = confirmed_bundle.seal_answers(confirmed_bundle.answer_with(**{what: replace(visited, status=status)}))
    checks = {
        check.name: check
        for check in Verifier(confirmed_bundle.trust).verify(write_zip(tmp_path / "b.zip", files)).checks
    }
    assert (checks[CHECK].state, checks[WHOLE].state) == (State.NOT_CHECKED, State.NOT_CHECKED)


@pytest.mark.parametrize(
    ("by", "words"),
    [
        (
            {1: ["B"], 2: ["C"]},
            "retrieved by two installations, run by Ann and others (sighting 01: B; sighting 02: C).",
        ),
        (
            {1: ["B", "C"], 2: ["C"]},
            "retrieved by two installations, run by Ann and others (sighting 01: B, C; sighting 02: C).",
        ),
        ({1: ["B", "C"], 2: ["C", "B"]}, "retrieved by three installations, run by Ann, B and C."),
        ({1: ["B", "B"], 2: ["B"]}, "retrieved by two installations, run by Ann and B."),
        ({1: ["B", "b", "\uff22", " B\u200b"], 2: ["b"]}, "retrieved by two installations, run by Ann and B."),
    ],
)
def test_installations_that_observed_a_sighting_are_counted_per_sighting(
    confirmed_bundle: ConfirmedBundle, monkeypatch: pytest.MonkeyPatch, by: dict[int, list[str]], words: str
) -> None:
    monkeypatch.setattr(cocaptures, "_get_own_operator", lambda _inspection: "Ann")
    check = cocaptures._summarize_partners(cast("Inspection", None), by, {1: {"B"}})
    assert words in check.sentence
    assert "No partner retrieved the page of sighting" in check.sentence


def test_cocapture_file_is_read_only_twice(
    confirmed_bundle: ConfirmedBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_file, times = Inspection.read_file, Counter[str]()

    def count_reads(itself: Inspection, name: str, limit: int = MAX_JSON_BYTES) -> bytes:
        times[name.rpartition("/")[2]] += 1
        return read_file(itself, name, limit)

    monkeypatch.setattr(Inspection, "read_file", count_reads)
    Verifier(confirmed_bundle.trust).verify(write_zip(tmp_path / "seen.zip", confirmed_bundle.files))
    assert times["cocapture.json"] == 2  # once for its check, once for the checkpoints in it


@pytest.mark.parametrize("name", LIES)
def test_each_false_statement_is_detected(confirmed_bundle: ConfirmedBundle, tmp_path: Path, name: str) -> None:
    lie, check, state = LIES[name]
    verdict = Verifier(confirmed_bundle.trust).verify(write_zip(tmp_path / "lie.zip", lie(confirmed_bundle)))
    checks = {item.name: item for item in verdict.checks}
    assert str(checks[check].state) == state, checks[check].sentence
    if check == CHECK:
        assert checks[WHOLE].state == state.replace("failed", "not checked")


@pytest.mark.parametrize("name", ["Ann", "ann", "ANN ", "\uff21nn", "A\u200bnn"])
def test_partner_with_same_operator_does_not_count(
    confirmed_bundle: ConfirmedBundle, tmp_path: Path, name: str
) -> None:
    [pin] = confirmed_bundle.trust.partners
    trust = replace(confirmed_bundle.trust, partners=(replace(pin, operator=name),))
    verdict = Verifier(trust).verify(write_zip(tmp_path / "seen.zip", confirmed_bundle.files))
    checks = {check.name: check for check in verdict.checks}
    assert (checks[CHECK].state, checks[WHOLE].state) == (State.NOT_CHECKED, State.NOT_CHECKED)
    assert f"{name} operates both logs" in checks[CHECK].sentence
    assert verdict.failures == ()


@pytest.mark.parametrize(
    ("name", "is_told"), [("\u0410nn", True), ("An\u0578", True), ("Анна", False), ("写真館 Bea", False)]
)
def test_confusable_operator_name_is_reported(
    confirmed_bundle: ConfirmedBundle, tmp_path: Path, name: str, *, is_told: bool
) -> None:
    [pin] = confirmed_bundle.trust.partners
    trust = replace(confirmed_bundle.trust, partners=(replace(pin, operator=name),))
    verdict = Verifier(trust).verify(write_zip(tmp_path / "seen.zip", confirmed_bundle.files))
    [whole] = [check for check in verdict.checks if check.name == WHOLE]
    assert (whole.state, "with confusable letters" in whole.by) == (State.PASSED, is_told)


@pytest.mark.parametrize("name", RECORDS)
def test_web_archive_statements_are_attributed_to_archive(
    confirmed_bundle: ConfirmedBundle, tmp_path: Path, name: str
) -> None:
    lie, state, words = RECORDS[name]
    whole = Verifier(confirmed_bundle.trust).verify(
        write_zip(tmp_path / "seen.zip", seal_lie(confirmed_bundle.files, lambda *_: None))
    )
    verdict = Verifier(confirmed_bundle.trust).verify(
        write_zip(tmp_path / "told.zip", seal_lie(confirmed_bundle.files, lie))
    )
    [check] = [item for item in verdict.checks if item.name == ARCHIVE_CHECK]
    assert str(check.state) == state, check.sentence
    assert words in check.sentence
    grades = [next(item for item in each.grades if item.name == "capture") for each in (whole, verdict)]
    assert (grades[0] == grades[1]) == (state == "not checked")  # the statement does not improve the grade
