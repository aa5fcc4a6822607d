"""What is found of copies that nobody listed: each primitive operation alone, and random chains of them.

The families are those of :mod:`bench.primitives`. A peer counts at the threshold that no stranger of this run passes,
so that its false alarms are as few as ours; a stage where it names the right work first, beyond every stranger.
"""

import random
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bench.edited import Asked, opened, photos_in, strangers
from bench.matching.answers import Answer, Answers, answer_from
from bench.matching.figures import Judge, among, below_strangers, interval, is_certain, is_found, share
from bench.matching.questions import Roles, answer_of, answered, roles
from bench.matching.registered import Registered
from bench.matching.run import Choice, retrievers_of
from bench.primitives import FAMILIES, PRIMITIVES, Primitive, composed
from bench.progress import Progress
from bench.table import Row, Titled

STRENGTHS = (0.3, 0.7)
WORTH_A_ROW = 0.9
"""Share that is found of a primitive, below which it has a row of its own."""
KNOWN, HELD_OUT = "random chains", "random chains of primitives held back"


def measure(choice: Choice, singles: int, chains: int, out: Path, jobs: int = 1) -> Iterator[Titled]:
    """Ask everything, and give the tables; what a run that was stopped has asked is kept.

    Args:
        choice: photographs, which of them are works, how many strangers, and the seed; the rest of it says nothing.
        singles: primitives of each work, alone, in each of two strengths; they come in turns.
        chains: random chains of each work, of each of both kinds.
        out: folder in which answers are kept.
        jobs: processes that ask.
    """
    parts = roles(photos_in(*choice.photos), choice.works, choice.seed, choice.folders)
    unrelated = parts.unrelated[: choice.most_unrelated]
    answers = Answers(out / "compositions", [asdict(choice), singles, chains], answer_from)
    registered = Registered(parts.registered, answers.folder, Progress("works measured", len(parts.registered)))
    peers, stages = retrievers_of(parts, registered, answers.folder)
    names = [str(path) for path in parts.registered]

    def ask(questions: Iterator[Asked], title: str, total: int) -> list[Answer]:
        return answered(
            title, questions, total, answers, lambda asked: answer_of(asked, registered, [*peers, *stages], names), jobs
        )

    total = len(parts.works) * 2 * (singles + chains)
    apart = ask(strangers(unrelated, parts.others, 1, choice.seed), "strangers asked", 2 * len(unrelated))
    copies = ask(questions(parts, choice.seed, singles, chains), "compositions asked", total)
    judges = _judges([peer.name for peer in peers], [stage.name for stage in stages], apart)
    yield "compositions", "Copies that nobody listed, by family", _by_group(copies, judges, _family)
    rare = [row for row in _by_group(copies, judges, _primitive) if float(str(row["found"])) < WORTH_A_ROW]
    yield "compositions-missed", f"Primitives of which less than {WORTH_A_ROW:.0%} is found", rare
    alarmed = [answer for answer in (*apart, *copies) if answer.others]
    yield "compositions-alarms", "Taken for another work", [_alarm(answer) for answer in alarmed]


def questions(parts: Roles, seed: int, singles: int, chains: int) -> Iterator[Asked]:
    """Each work in some primitives alone, in turns, then in chains of both kinds; none that leaves too little of it."""
    around = [np.asarray(opened(path)) for path in parts.others]
    order = random.Random(seed).sample(list(PRIMITIVES.values()), len(PRIMITIVES))
    for number, path in enumerate(parts.works):
        work = np.asarray(opened(path))
        turns = range(number * singles, (number + 1) * singles)
        for wanted in _wanted([order[turn % len(order)] for turn in turns], chains):
            drawn = zlib.crc32(f"{seed}:{path.name}:{wanted.name}".encode())
            made = composed(work, around, wanted.pool, drawn, length=wanted.length, strength=wanted.strength)
            if made is not None:
                edit = f"{wanted.name}: {' + '.join(made.names)}"
                yield Asked(str(path), edit, str(path), made.data, ".jpg")


@dataclass(frozen=True, slots=True)
class _Wanted:
    name: str
    pool: Sequence[Primitive]
    length: int | None = None
    strength: float | None = None


def _wanted(singles: Sequence[Primitive], chains: int) -> Iterator[_Wanted]:
    """Of one work: some primitives alone, then chains of both kinds."""
    for primitive in singles:
        for strength in STRENGTHS:
            yield _Wanted(f"{primitive.family}, {strength}", [primitive], 1, strength)
    for chain in range(chains):
        for name, held_out in ((KNOWN, False), (HELD_OUT, True)):
            pool = [primitive for primitive in PRIMITIVES.values() if primitive.held_out is held_out]
            yield _Wanted(f"{name}, {chain}", pool)


def _family(answer: Answer) -> str:
    return answer.edit.partition(",")[0]


def _primitive(answer: Answer) -> str:
    """The primitive alone, or what a chain begins with."""
    names = answer.edit.partition(": ")[2]
    return "" if " + " in names or _family(answer) in (KNOWN, HELD_OUT) else names


def _judges(peers: Sequence[str], stages: Sequence[str], apart: Sequence[Answer]) -> Mapping[str, Judge]:
    """Who else finds what, by the name of a column."""
    beyond = {name: below_strangers(name, apart) for name in (*peers, *stages)}
    first = {name: among(name, 1) for name in stages}

    def names_first(name: str) -> Judge:
        return lambda answer: first[name](answer) and beyond[name](answer)

    return {name: beyond[name] for name in peers} | {name: names_first(name) for name in stages}


def _by_group(copies: Sequence[Answer], judges: Mapping[str, Judge], of: Callable[[Answer], str]) -> list[Row]:
    groups: dict[str, list[Answer]] = defaultdict(list)
    for answer in copies:
        groups[of(answer)].append(answer)
    groups.pop("", None)
    rows = [_row(name, group, judges) for name, group in groups.items()]
    order = {name: place for place, name in enumerate((*FAMILIES, KNOWN, HELD_OUT))}
    return sorted(rows, key=lambda row: (order.get(str(row["what"]), 0), str(row["found"])))


def _row(name: str, group: Sequence[Answer], judges: Mapping[str, Judge]) -> Row:
    low, high = interval(group, is_found)
    missed = {who: share(group, _missed(judge)) for who, judge in judges.items()}
    most = max(missed, key=missed.__getitem__)
    return {
        "what": name,
        "copies": len(group),
        "certain": f"{share(group, is_certain):.3f}",
        "found": f"{share(group, is_found):.3f}",
        "95%": f"{low:.2f}–{high:.2f}",
        **{who: f"{share(group, judge):.3f}" for who, judge in judges.items()},
        "missed, but seen by": f"{missed[most]:.3f} {most}" if missed[most] else "–",
    }


def _missed(judge: Judge) -> Judge:
    return lambda answer: judge(answer) and not is_found(answer)


def _alarm(answer: Answer) -> Row:
    [(work, decision), *_] = answer.others.items()
    name = answer.photo.rpartition("/")[2]
    return {"picture": name, "as": answer.edit, "taken for": work.rpartition("/")[2], "decision": decision}
