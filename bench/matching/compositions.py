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
from bench.matching.answers import Answer, Answers
from bench.matching.figures import Judge, among, below_strangers, interval, is_certain, is_found, share
from bench.matching.questions import Folders, answer_of, answered, roles
from bench.matching.registered import Registered
from bench.matching.run import retrievers_of
from bench.primitives import FAMILIES, PRIMITIVES, Primitive, composed
from bench.progress import Progress
from bench.table import Row, Titled

STRENGTHS = (0.3, 0.7)
WORTH_A_ROW = 0.9
"""Share that is found of a primitive, below which it has a row of its own."""
KNOWN, HELD_OUT = "random chains", "random chains of primitives held back"


@dataclass(frozen=True, slots=True)
class Choice:
    """What is asked.

    Attributes:
        photos: a pool of photos, dealt out by the seed.
        folders: of photos whose role is given.
        works: how many of the pool.
        singles: primitives of each work, alone, in each of two strengths; they come in turns.
        chains: random chains of each work, of each of both kinds.
        most_unrelated: photos that are no works, at most.
        seed: of everything that is left to chance.
    """

    photos: tuple[Path, ...]
    folders: Folders = Folders()  # noqa: RUF009 - frozen
    works: int = 100
    singles: int = 20
    chains: int = 10
    most_unrelated: int = 400
    seed: int = 1


def measure(choice: Choice, out: Path, jobs: int = 1) -> Iterator[Titled]:
    """Ask everything, and give the tables; what a run that was stopped has asked is kept.

    Args:
        choice: what is asked.
        out: folder in which answers are kept.
        jobs: processes that ask.
    """
    parts = roles(photos_in(*choice.photos), choice.works, choice.seed, choice.folders)
    unrelated = parts.unrelated[: choice.most_unrelated]
    answers = Answers(out / "compositions", asdict(choice))
    registered = Registered(parts.registered, answers.folder, Progress("works measured", len(parts.registered)))
    peers, stages = retrievers_of(parts, registered, answers.folder)
    names = [str(path) for path in parts.registered]

    def ask(questions: Iterator[Asked], title: str, total: int) -> list[Answer]:
        return answered(
            title, questions, total, answers, lambda one: answer_of(one, registered, [*peers, *stages], names), jobs
        )

    total = len(parts.works) * 2 * (choice.singles + choice.chains)
    apart = ask(strangers(unrelated, parts.others, 1, choice.seed), "strangers asked", 2 * len(unrelated))
    copies = ask(_questions(choice, parts.works, parts.others), "compositions asked", total)
    judges = _judges([one.name for one in peers], [one.name for one in stages], apart)
    yield "compositions", "Copies that nobody listed, by family", _by_group(copies, judges, _family)
    rare = [row for row in _by_group(copies, judges, _primitive) if float(str(row["found"])) < WORTH_A_ROW]
    yield "compositions-missed", f"Primitives of which less than {WORTH_A_ROW:.0%} is found", rare
    alarmed = [answer for answer in (*apart, *copies) if answer.others]
    yield "compositions-alarms", "Taken for another work", [_alarm(answer) for answer in alarmed]


def _questions(choice: Choice, works: Sequence[Path], others: Sequence[Path]) -> Iterator[Asked]:
    around = [np.asarray(opened(path)) for path in others]
    for number, path in enumerate(works):
        work = np.asarray(opened(path))
        for wanted in _wanted(choice, number):
            seed = zlib.crc32(f"{choice.seed}:{path.name}:{wanted.name}".encode())
            made = composed(work, around, wanted.pool, seed, length=wanted.length, strength=wanted.strength)
            if made is not None:
                edit = f"{wanted.name}: {' + '.join(made.names)}"
                yield Asked(str(path), edit, str(path), made.data, ".jpg")


@dataclass(frozen=True, slots=True)
class _Wanted:
    name: str
    pool: Sequence[Primitive]
    length: int | None = None
    strength: float | None = None


def _wanted(choice: Choice, number: int) -> Iterator[_Wanted]:
    """For one work: primitives in turns, so that each meets many works; then chains of both kinds."""
    every = random.Random(choice.seed).sample(list(PRIMITIVES.values()), len(PRIMITIVES))
    for turn in range(number * choice.singles, (number + 1) * choice.singles):
        primitive = every[turn % len(every)]
        for strength in STRENGTHS:
            yield _Wanted(f"{primitive.family}, {strength}", [primitive], 1, strength)
    for chain in range(choice.chains):
        yield _Wanted(f"{KNOWN}, {chain}", [one for one in every if not one.held_out])
        yield _Wanted(f"{HELD_OUT}, {chain}", [one for one in every if one.held_out])


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
