"""What everybody says of a crafted or a disguised picture, and at which gate a pair fell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cheats.questions import Craft, Disguise, file_of, picture
from bench.cheats.truth import Kind, psnr
from bench.matching.answers import Answer, Ranked, answer_from
from bench.matching.peers import FAR, Look, Retriever, peers
from bench.matching.questions import ranked
from bench.matching.registered import Registered
from exhibit.types import Decision, Verification
from indexer.compare.figures import HASH_REACH, MIN_DENSE
from indexer.search.search import compare_alone

NOT_NAMED, NO_TRANSFORM, PIXELS, FIT = "not named", "no transform", "pixels", "fit"
"""Gates: no stage named the work; details gave no transform; the pixels under it disagree; they don't lie precisely."""
COPY = "copy"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one picture.

    Attributes:
        answer: what everybody says of it, as a picture that was found, and of the first work.
        method: how it was made.
        kind: what it is of the work; ``copy`` where it was disguised.
        share: of the picture, what of the work (of the template) is seen.
        psnr: size of the change in decibels, or ``None`` where the shape is another one.
        forward: decisions when it is found and the works are registered, one for each work.
        reverse: decisions when it is registered, and each work is found.
        gate: at which the first pair fell, or empty.
        figures: of the first pair as it was found, for people.
    """

    answer: Answer
    method: str
    kind: str
    share: float
    psnr: float | None
    forward: tuple[str, ...]
    reverse: tuple[str, ...]
    gate: str
    figures: str

    @property
    def question(self) -> tuple[str, str]:
        """Identity."""
        return self.answer.question


def outcome_from(row: dict[str, Any]) -> Outcome:
    """An outcome out of its line."""
    answer = answer_from(row.pop("answer"))
    forward, reverse = (tuple(row.pop(name)) for name in ("forward", "reverse"))
    return Outcome(answer, **row, forward=forward, reverse=reverse)


@dataclass(frozen=True, slots=True, eq=False)
class Asker:
    """Who is asked.

    Attributes:
        registered: the works.
        retrievers: peers that know the same works.
        files: of the works, in their order.
    """

    registered: Registered
    retrievers: Sequence[Retriever]
    files: Sequence[Path]

    def outcome(self, asked: Craft | Disguise) -> Outcome:
        """Make the picture and ask everybody."""
        return self._of_disguised(asked) if isinstance(asked, Disguise) else self._of_crafted(asked)

    def _of_disguised(self, asked: Disguise) -> Outcome:
        pixels = asked.made()
        look = Look(file_of(pixels))
        compared = self._compared(look)
        answer = self._answer(asked.question, look, asked.work, compared, (asked.work,))
        changed = psnr(pixels, picture(asked.work))
        gate, figures = _fell(compared.get(asked.work))
        return Outcome(answer, asked.method, COPY, 1.0, changed, (answer.decision,), (), gate, figures)

    def _of_crafted(self, asked: Craft) -> Outcome:
        crafted = asked.made()
        look = Look(file_of(crafted.pixels))
        if crafted.registered is not None:
            return self._of_template(asked, look, Look(file_of(crafted.registered)), crafted.shown.picture)
        compared = self._compared(look)
        answer = self._answer(asked.question, look, asked.works[0], compared, asked.works)
        found = [compared.get(work) for work in asked.works]
        forward = tuple(str(Decision.NONE if one is None else one.decision) for one in found)
        reverse = tuple(self._the_other_way_round(work, look) for work in asked.works)
        changed = psnr(crafted.pixels, picture(asked.stranger) if crafted.before is None else crafted.before)
        share = max(crafted.shown.picture, crafted.shown.work)
        gate, figures = _fell(found[0])
        return Outcome(answer, asked.method, str(crafted.kind), share, changed, forward, reverse, gate, figures)

    def _of_template(self, asked: Craft, look: Look, registered: Look, share: float) -> Outcome:
        """Two strangers under one template, compared with each other alone."""
        there = compare_alone(look.features, lambda: look.data, registered.features)
        back = compare_alone(registered.features, lambda: registered.data, look.features)
        places: dict[str, Ranked] = {}
        for peer in peers():
            peer.register(registered)
            places[peer.name] = Ranked(0, float(peer.distances(look)[0]), FAR)
        answer = Answer(*asked.question, str(asked.works[0]), str(there.decision), {}, places)
        gate, figures = _fell(there)
        ways = (str(there.decision),), (str(back.decision),)
        return Outcome(answer, asked.method, str(Kind.TEMPLATE), share, None, *ways, gate, figures)

    def _compared(self, look: Look) -> dict[Path, Verification]:
        return {self.files[number]: said for number, said in self.registered.compared(look)}

    def _the_other_way_round(self, work: Path, crafted: Look) -> str:
        """The crafted picture is registered; the work is found somewhere."""
        features = self.registered.features(self.files.index(work))
        return str(compare_alone(features, work.read_bytes, crafted.features).decision)

    def _answer(
        self,
        question: tuple[str, str],
        look: Look,
        work: Path,
        compared: Mapping[Path, Verification],
        right: Sequence[Path],
    ) -> Answer:
        names = [str(path) for path in self.files]
        said = {path: one.decision for path, one in compared.items() if one.decision is not Decision.NONE}
        others = {str(path): str(decision) for path, decision in said.items() if path not in right}
        places = {one.name: ranked(one.distances(look), names, str(work)) for one in self.retrievers}
        return Answer(*question, str(work), str(said.get(work, Decision.NONE)), others, places)


def _fell(said: Verification | None) -> tuple[str, str]:
    """At which gate a pair fell, and its figures."""
    if said is None:
        return NOT_NAMED, ""
    figures = (
        f"hash {said.hamming}, {said.inliers} details, {said.dense:.2f} of windows,"
        f" {said.in_place or 0:.2f} in place, drift {said.drift or 0:.2f}"
    )
    if said.decision is not Decision.NONE:
        return "", figures
    if said.transform is None and said.hamming > HASH_REACH:
        return NO_TRANSFORM, figures
    return (PIXELS if said.dense < MIN_DENSE else FIT), figures
