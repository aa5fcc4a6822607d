"""Test explanations of a search among an owner's works, and the pairs stored from them."""

from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image

from exhibit.digests import Digest
from exhibit.errors import RefusedError
from exhibit.types import Decision
from indexer.calibration.filed_pairs import FiledPairs, Judgement
from registry.crawls import denylists
from registry.matches.explanations import draw_alignment, explain_search, list_preceding_works, store_pair
from registry.models import Owner
from registry.retention.purge import purge_picture
from tests.assets.exposures import exposure
from tests.assets.rows import encode_jpeg, owner, photograph, recompress, register
from tests.assets.textured import textured
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    studio = owner("studio")
    for seed in (1, 2):
        register(inline.services, studio, photograph(seed))
    return studio


@pytest.mark.long
def test_explanation_lists_only_works_of_the_same_owner_as_preceding_works(inline: SyncRunner, studio: Owner) -> None:
    rival = owner("rival")
    register(inline.services, rival, recompress(photograph(3)))
    work = register(inline.services, studio, photograph(3)).work
    explanation = explain_search(inline.services, work, recompress(photograph(3)))
    assert explanation.decision is Decision.CERTAIN
    assert list_preceding_works(work, explanation) == []
    other = studio.works.get(number=1)
    lost = explain_search(inline.services, other, photograph(3))
    assert lost.failed_gate is not None
    assert lost.failed_gate.name in {"naming", "related"}  # another work's match does not affect this one


@pytest.mark.long
def test_alignment_is_drawn_with_and_without_a_match(inline: SyncRunner, studio: Owner) -> None:
    work = studio.works.get(number=1)
    for copy in (recompress(photograph(1)), photograph(50)):
        with Image.open(
            BytesIO(draw_alignment(inline.services, work, explain_search(inline.services, work, copy), copy))
        ) as picture:
            assert picture.width == 1600
    assert (
        draw_alignment(inline.services, work, explain_search(inline.services, work, b"no picture"), b"no picture")
        == b""
    )


@pytest.mark.long
def test_picture_matched_in_pieces_is_drawn_in_pieces(inline: SyncRunner) -> None:
    whole, (width, height) = textured(1), textured(1).size
    strips = Image.new("RGB", (width + 60, height + 80), "white")
    for place, number in enumerate((2, 0, 1)):
        part = whole.crop((number * width // 3, 0, (number + 1) * width // 3, height))
        strips.paste(part, (10 + place * (width // 3 + 15), (40, 5, 70)[place]))
    work, copy = register(inline.services, owner("studio"), encode_jpeg(whole)).work, encode_jpeg(strips)
    explanation = explain_search(inline.services, work, copy)
    assert explanation.examined is not None
    assert explanation.examined.pieces
    as_one = replace(explanation, examined=replace(explanation.examined, pieces=()))
    assert draw_alignment(inline.services, work, explanation, copy) != draw_alignment(
        inline.services, work, as_one, copy
    )


@pytest.mark.long
def test_match_explained_better_by_other_work_needs_review(
    inline: SyncRunner,
) -> None:
    studio = owner("studio")
    works = [register(inline.services, studio, exposure(number), f"Work {number}").work for number in (0, 1)]
    inline.run_until_idle()
    uncertain, certain = (explain_search(inline.services, work, recompress(exposure(1))) for work in works)
    assert (uncertain.decision, certain.decision) == (Decision.REVIEW, Decision.CERTAIN)
    assert uncertain.reasons[-1] == "series"
    assert not uncertain.gates[-1].passed


@pytest.mark.long
def test_purge_deletes_stored_pair_and_blocked_bytes_are_rejected(inline: SyncRunner, studio: Owner) -> None:
    services, work = inline.services, studio.works.get(number=1)
    copies = [recompress(photograph(1)), photograph(50)]
    for copy in copies:
        store_pair(
            services, work, explain_search(services, work, copy), copy, Judgement.COPY, name="found.jpg", by="Ann"
        )
    kept_pairs = FiledPairs(services.config.data_dir)
    assert [pair.about for pair in kept_pairs.load_pairs()] == ["studio work 1 / found.jpg"] * 2
    purge_picture(services, Digest.from_bytes(copies[0]), by="the test", reason="a complaint")
    assert [pair.copy for pair in kept_pairs.load_pairs()] == [Digest.from_bytes(copies[1]).hex]
    with pytest.raises(RefusedError):
        store_pair(
            services,
            work,
            explain_search(services, work, copies[0]),
            copies[0],
            Judgement.COPY,
            name="found.jpg",
            by="Ann",
        )
    denylists.block_digest(Digest.from_bytes(photograph(51)), by="the test", reason="a complaint")
    with pytest.raises(RefusedError):
        store_pair(
            services,
            work,
            explain_search(services, work, photograph(51)),
            photograph(51),
            Judgement.COPY,
            name="x",
            by="Ann",
        )
