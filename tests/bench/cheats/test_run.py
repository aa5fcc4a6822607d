"""The benchmark of cheats counts what it says that it counts, and goes on where it was."""

from pathlib import Path

import pytest

from bench.cheats import run, tables
from bench.cheats.asking import COPY, FIT, Outcome, outcome_from
from bench.cheats.questions import crafts, disguised
from bench.cheats.strangers import METHODS
from bench.cheats.truth import Kind
from bench.edited import photos_in
from bench.matching.answers import Answer, Answers, Ranked
from bench.matching.questions import Folders, Roles
from bench.matching.run import Choice
from tests import CHECKOUT

ASSETS = CHECKOUT / "demo" / "assets"
PARTS = Roles(*(tuple(Path(f"{role}{k}.jpg") for k in range(9)) for role in ("work", "other", "stranger", "more")))


def outcome(kind: str, method: str, forward: str, reverse: str = "none", photo: str = "s.jpg") -> Outcome:
    far = {name: Ranked(0, 200.0, 200.0) for name in tables.USUAL}
    answer = Answer(photo, f"{method}: w", "w.jpg", forward, {}, far)
    ways = (forward,), (reverse,) if kind != COPY else ()
    return Outcome(answer, method, kind, 0.02, 30.0, *ways, FIT if forward == "none" else "", "figures")


def test_each_method_has_its_turn_and_works_and_strangers_change() -> None:
    asked = list(crafts(PARTS, 3 * len(METHODS), 1))
    assert [one.method for one in asked[: len(METHODS)]] == list(METHODS)
    assert len({one.question for one in asked}) == len(asked)
    of_one = [one for one in asked if one.method == "hash within 26 bits"]
    assert len({one.works for one in of_one}) == 3
    assert {one.stranger.name[:8] for one in asked} == {"stranger"}
    assert asked == list(crafts(PARTS, 3 * len(METHODS), 1))
    copies = list(disguised(PARTS, 100, 1))
    assert len({one.question for one in copies}) == 100


def test_a_certain_stranger_is_counted_whichever_way_round_it_is_asked() -> None:
    crafted = [
        outcome(Kind.STRANGER, "30 small patches in place", "none"),
        outcome(Kind.STRANGER, "30 small patches in place", "none", "certain", "t.jpg"),
        outcome(Kind.STRANGER, "30 small patches in place", "review", photo="u.jpg"),
        outcome(Kind.PARTIAL, "16 patches in place", "certain"),
        outcome(Kind.PIECES, "corner of 5%", "certain"),
    ]
    copies = [
        outcome(COPY, "bars", said, photo=f"{k}") for k, said in enumerate(["certain", "review", "none", "certain"])
    ]
    rows = {str(row["figure"]): row for row in tables.aims(crafted, copies)}
    certain = rows["crafted pictures (stranger), either way round: certain"]
    assert str(certain["reached"]).startswith("1 of 3, at most")
    assert certain[""] == "✗"
    assert str(rows["crafted pictures (stranger), either way round: review"]["reached"]).startswith("1 of 3")
    assert str(rows["disguised copies found"]["reached"]).startswith("0.750 of 4")
    assert [row["stranger"] for row in tables.wrong(crafted)] == ["t.jpg"]
    lost = tables.disguised(copies)[-1]
    assert (lost["copies"], lost["found"], lost[f"lost: {FIT}"]) == (4, "0.75", 1)


def test_outcomes_are_kept_as_they_were(tmp_path: Path) -> None:
    first = Answers(tmp_path, "choice", outcome_from)
    kept = outcome(Kind.STRANGER, "30 small patches in place", "review", "certain")
    first.add(kept)
    assert list(Answers(tmp_path, "choice", outcome_from).done.values()) == [kept]


def test_everything_is_asked_once_and_shown_in_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strangers = tmp_path / "strangers"
    strangers.mkdir()
    for path in photos_in(ASSETS / "unrelated")[:3]:
        (strangers / path.name).write_bytes(path.read_bytes())
    folders = Folders(others=(strangers,), unrelated=(strangers,))
    choice = Choice(photos=(ASSETS / "works",), folders=folders, works=2)
    asked: list[tuple[str, str]] = []
    keep = Answers.add

    def noted(self: Answers[Outcome], one: Outcome) -> None:
        asked.append(one.question)
        keep(self, one)

    monkeypatch.setattr(Answers, "add", noted)
    first = {name: rows for name, _, rows in run.measure(choice, 4, 1, tmp_path / "out")}
    assert len(asked) == 5
    assert [row["disguised by"] for row in first["cheats-disguised"]][-1] == "**all**"
    assert {row["is"] for row in first["cheats-crafted"]} == {"stranger", "**stranger**"}
    again = {name: rows for name, _, rows in run.measure(choice, 4, 1, tmp_path / "out")}
    assert again == first
    assert len(asked) == 5
