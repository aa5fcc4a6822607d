"""Changes of every kind to a sealed bundle: each has to be found, and named by the check that it breaks."""

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from bench.deceivers import KINDS, Change, World, made_world
from bench.progress import Progress
from bench.table import Row
from evidence.verdict.result import CONTAINER_CHANGED, Verdict
from evidence.verify.verifier import Verifier

FAILED = "a check fails"
UNKNOWN = "a check says unknown or not checked"
CONTAINER = "the container alone"
SENTENCE = "a check says something else"
NOTHING = "unnoticed"
OUTCOMES = (FAILED, UNKNOWN, CONTAINER, SENTENCE, NOTHING)


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one change.

    Attributes:
        kind: of the change.
        outcome: one of :data:`OUTCOMES`.
        named: whether a check that belongs to the change noticed it.
        number: of the change, to make it again.
    """

    kind: str
    outcome: str
    named: bool
    number: int


def measure(changes: int, seed: int = 1) -> list[Row]:
    """Make so many changes and verify each; a row for each kind."""
    found = find(changes, seed)
    rows = [_row(kind, [one for one in found if one.kind == kind]) for kind in KINDS]
    return [*rows, _row("all", found)]


def find(changes: int, seed: int = 1) -> list[Finding]:
    """What became of each change in a world of its own."""
    with TemporaryDirectory() as name, made_world(Path(name)) as world:
        return find_in(world, changes, seed)


def find_in(world: World, changes: int, seed: int = 1) -> list[Finding]:
    """What became of each change; kinds come in their shares."""
    progress = Progress("changes", changes)
    kinds = [kind for kind, (share, _) in KINDS.items() for _ in range(share)]
    findings = []
    original = Verifier(world.scene.trust).verify(world.folder / "bundle.zip")
    for number in range(changes):
        kind = kinds[number * 37 % len(kinds)]
        change = KINDS[kind][1](world, Random(f"{seed} {number}"))
        verdict = Verifier(world.scene.trust).verify(change.path)
        findings.append(judged(kind, number, change, verdict, original))
        progress(number + 1)
        _tidy(world)
    return findings


def judged(kind: str, number: int, change: Change, verdict: Verdict, original: Verdict) -> Finding:
    """How a verdict differs from that of the unchanged bundle."""
    before = {check.name: check for check in original.checks}
    states = {
        check.name for check in verdict.checks if check.name in before and check.state != before[check.name].state
    }
    states |= {check.name for check in verdict.failures}
    states |= before.keys() - {check.name for check in verdict.checks}
    sentences = {check.name for check in verdict.checks if check != before.get(check.name)}
    container = any(check.sentence.startswith(CONTAINER_CHANGED) for check in verdict.checks)
    outcome = FAILED if verdict.failures else UNKNOWN if states else CONTAINER if container else SENTENCE
    if not sentences and not states:
        outcome = NOTHING
    noticed = states or sentences
    named = not change.expected or any(name.startswith(change.expected) for name in noticed)
    return Finding(kind, outcome, named and outcome != NOTHING, number)


def _tidy(world: World) -> None:
    for fork in world.folder.glob("fork-*"):
        shutil.rmtree(fork)


def _row(kind: str, findings: Sequence[Finding]) -> Row:
    counted = Counter(one.outcome for one in findings)
    named = sum(one.named for one in findings)
    return {"change": kind, "changes": len(findings), **{one: counted[one] for one in OUTCOMES}, "named": named}
