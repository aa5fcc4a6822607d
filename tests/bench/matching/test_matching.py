"""The benchmark of matching counts what it says that it counts."""

from pathlib import Path

import numpy as np
import pytest

from bench.edited import Asked
from bench.matching.answers import Answer, Answers, Ranked, answer_from
from bench.matching.figures import alarms, among, below_strangers, interval, is_found, mean_over_edits, taken_for
from bench.matching.look import Look
from bench.matching.overlays import Judged, bound
from bench.matching.questions import Folders, answered, ranked, roles
from bench.matching.retrievers import FAR, HashRetriever

POOL = [Path(f"{number:03d}.jpg") for number in range(100)]


def answer(photo: str, edit: str, decision: str = "none", others: tuple[str, ...] = (), place: int = 0) -> Answer:
    near = Ranked(place, 10.0 * place or FAR, 25.0)
    return Answer(photo, edit, photo, decision, {f"w{k}": one for k, one in enumerate(others)}, {"hash": near})


def test_no_photo_has_two_roles() -> None:
    parts = roles(POOL, 30, 1, Folders())
    dealt = [*parts.works, *parts.others, *parts.unrelated, *parts.distractors]
    assert sorted(dealt) == POOL
    assert len(parts.works) == 30
    assert min(len(parts.others), len(parts.unrelated), len(parts.distractors)) > 5


def test_the_seed_decides_who_is_a_work() -> None:
    assert roles(POOL, 30, 1, Folders()) == roles(POOL[::-1], 30, 1, Folders())
    assert roles(POOL, 30, 1, Folders()).works != roles(POOL, 30, 2, Folders()).works


def test_works_at_the_same_distance_share_the_worst_place() -> None:
    distances = np.array([5.0, 3.0, 5.0, 9.0])
    assert ranked(distances, ["a", "b", "c", "d"], "a") == Ranked(3, 5.0, 3.0)
    assert ranked(np.full(4, FAR), ["a", "b", "c", "d"], "a").place == 0


def test_alarms_count_photos_and_bound_their_rate() -> None:
    answers = [answer(f"{k}", edit) for k in range(99) for edit in ("none", "text")]
    answers += [answer("99", edit, others=("certain",)) for edit in ("none", "text")]
    raised, photos, bound = alarms(answers, taken_for("certain"))
    assert (raised, photos) == (1, 100)
    assert bound == pytest.approx(0.0466, abs=0.0005)
    assert alarms(answers, taken_for("review"))[0] == 0


def test_a_photo_that_is_registered_in_many_pairs_counts_once() -> None:
    once = [Judged("text", (f"{k}", "other"), "none", 0, 0.0) for k in range(60)]
    often = [Judged("text", ("one", f"{k}"), "none", 0, 0.0) for k in range(60)]
    assert bound(once, "certain") < 0.05 < bound(often, "certain")


def test_recall_is_the_mean_over_edits_and_its_interval_draws_photos() -> None:
    answers = [answer(f"{k}", edit, "certain" if k < 5 else "none") for k in range(10) for edit in ("a", "b")]
    answers += [answer("0", "c", "review")]
    assert mean_over_edits(answers, is_found) == pytest.approx((0.5 + 0.5 + 1) / 3)
    low, high = interval(answers[:-1], is_found)
    assert low <= 0.2
    assert high >= 0.8


def test_a_retriever_separates_what_is_nearer_than_any_stranger() -> None:
    copies = [answer("a", "x", place=1), answer("b", "x", place=3)]
    strangers = [Answer("s", "none", "", "none", {}, {"hash": Ranked(0, FAR, 20.0)})]
    assert mean_over_edits(copies, among("hash", 3)) == 1
    assert mean_over_edits(copies, below_strangers("hash", strangers)) == 0.5


def test_a_run_that_was_stopped_goes_on_with_its_answers(tmp_path: Path) -> None:
    questions = [Asked(f"{k}", "text", f"{k}", b"", ".jpg") for k in range(3)]
    first = Answers(tmp_path, "choice", answer_from)
    answered("some", questions[:2], 2, first, lambda asked: answer(asked.photo, asked.edit, "review"))
    with (first.folder / "answers.jsonl").open("a") as file:
        file.write('\n{"photo": "2", "ed')
    again: list[str] = []

    def ask(asked: Asked) -> Answer:
        again.append(asked.photo)
        return answer(asked.photo, asked.edit, "certain")

    every = answered("all", questions, 3, Answers(tmp_path, "choice", answer_from), ask)
    assert again == ["2"]
    assert [one.decision for one in every] == ["review", "review", "certain"]
    assert Answers(tmp_path, "choice", answer_from).done.keys() == {("0", "text"), ("1", "text"), ("2", "text")}
    assert not Answers(tmp_path, "another choice", answer_from).done


def test_a_picture_without_a_usable_hash_is_far_from_everything() -> None:
    look = Look(b"")
    none = HashRetriever("none", 31, lambda _: np.zeros((0, 32), np.uint8), lambda _: np.zeros((1, 32), np.uint8))
    none.register(look)
    assert none.distances(look).tolist() == [FAR]
