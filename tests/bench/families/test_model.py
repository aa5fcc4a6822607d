"""A model of measured figures: its limits hold back other pictures, and a family that is left out isn't fitted with."""

from collections.abc import Iterator
from dataclasses import asdict

import pytest

from bench.families.measured import Laid, Measured, measured_from
from bench.families.model import decided, of_everything, of_one_transform
from bench.families.pairs import LOOK_ALIKES, UNDER_OVERLAYS
from bench.families.run import tables
from exhibit.types import Decision
from indexer.compare.rules import Measurements

EXACT = Measurements(20, 80, 0.9, 200, 0.9, 0.1, 0.8)
IMPRECISE = Measurements(60, 60, 0.5, 200, 0.3, 1.2, 5.0)
UNLIKE = Measurements(120, 0, 0.1, 0, 0.0, 9.0, 9.0)
WHOLE, FEW = Laid(200, 0.9, 0.1, 0.8, 0.8), Laid(30, 0.4, 2.0, 5.0, 0.3)


def pairs(kind: str, plain: Measurements, pieces: Laid | None, ruled: str = "none") -> Iterator[Measured]:
    for number in range(40):
        group = f"{kind} {number}"
        yield Measured(kind, group, "found", group, ruled, ruled, plain, pieces)


@pytest.fixture
def every() -> list[Measured]:
    return [
        *pairs("geometry", EXACT, WHOLE, "certain"),
        *pairs("tone", EXACT, None, "certain"),
        *pairs("bending", UNLIKE, WHOLE),
        *pairs(LOOK_ALIKES, IMPRECISE, FEW, "review"),
        *pairs(UNDER_OVERLAYS, UNLIKE, None),
    ]


def test_a_model_is_certain_of_copies_and_puts_up_no_more_look_alikes_than_it_may(every: list[Measured]) -> None:
    nearly = [Measured(LOOK_ALIKES, str(number), "", str(number), "", "", EXACT, FEW) for number in range(2)]
    many = [pair for _ in range(5) for pair in every if pair.kind == LOOK_ALIKES]
    known = [*every, *many, *nearly]
    said = dict(zip((pair.kind for pair in every), decided(known, every, of_everything, 0.01), strict=True))
    assert said["geometry"] is Decision.CERTAIN
    assert said[LOOK_ALIKES] is said[UNDER_OVERLAYS] is Decision.NONE
    assert decided(known, nearly, of_everything, 0.01) == [Decision.REVIEW] * 2  # two of 242


def test_what_only_one_family_shows_is_missed_when_that_is_left_out(every: list[Measured]) -> None:
    told = {name: {str(next(iter(row.values()))): row for row in rows} for name, _, rows in tables(every)}
    bent = told["families"]["bending"]
    assert (bent["copies"], bent["found: rules"], bent["found: fitted"]) == (40, "0.000", "1.000")
    assert float(str(bent["certain: left out"])) < float(str(bent["certain: fitted"]))
    assert told["families"]["**worst**"]["found: rules"] == "0.000"
    assert told["families"]["**mean**"]["certain: rules"] == "0.667"
    assert told["families-plain"]["bending"]["found: fitted"] == "0.000"  # one transform alone says nothing of it
    limits = told["families-limits"]
    assert (limits["rules"]["found, mean"], limits["rules"]["others: review"]) == ("0.667", 40)
    assert float(str(limits["1% for review"]["found, worst"])) < 1
    alike = told["families-others"][LOOK_ALIKES]
    assert (alike["pairs"], alike["review: rules"], alike["certain: rules"], alike["certain: fitted"]) == (40, 40, 0, 0)


def test_figures_are_read_as_they_were_kept(every: list[Measured]) -> None:
    assert [measured_from(asdict(pair)) for pair in every] == every
    assert (
        len({len(of_everything(pair)) for pair in every}) == len({len(of_one_transform(pair)) for pair in every}) == 1
    )
