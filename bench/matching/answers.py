"""What came of each question, kept line by line so that a run that was stopped goes on where it was."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import indexer

FIRST = 10
"""How far down a ranking is looked."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """What a retriever says of one picture.

    Attributes:
        place: of the true work, 1 for the nearest; 0 beyond the first ten, or without one.
        distance: of the true work.
        nearest_other: smallest distance of any other work.
    """

    place: int
    distance: float
    nearest_other: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What everybody says of one picture.

    Attributes:
        photo: what it was made of.
        edit: how.
        work: that it shows, or empty.
        decision: of Exhibit for that work: ``certain``, ``review`` or ``none``.
        others: works that Exhibit took it for besides, with the decision.
        ranked: by name of the retriever.
        seconds: processor time of Exhibit's whole path.
    """

    photo: str
    edit: str
    work: str
    decision: str
    others: Mapping[str, str]
    ranked: Mapping[str, Ranked] = field(repr=False)
    seconds: float = 0.0

    @property
    def question(self) -> tuple[str, str]:
        """Identity."""
        return self.photo, self.edit


class Answering(Protocol):
    """What can be kept of a question: a dataclass that knows which one it answers."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def question(self) -> tuple[str, str]:
        """Identity."""


A = TypeVar("A", bound=Answering)


def answer_from(row: dict[str, Any]) -> Answer:
    """An answer out of its line."""
    ranked = {name: Ranked(**values) for name, values in row.pop("ranked").items()}
    return Answer(**row, ranked=ranked)


class Answers(Generic[A]):
    """A folder of answers, for one state of the code and one choice of questions.

    Args:
        folder: where all runs are kept; those of other code are removed.
        choice: everything that the questions and the works depend on.
        read: makes one out of its line.
    """

    def __init__(self, folder: Path, choice: object, read: Callable[[dict[str, Any]], A]) -> None:
        state = hashlib.sha256(json.dumps([_code(), choice], sort_keys=True, default=str).encode()).hexdigest()[:16]
        self.folder = folder / state
        for old in folder.glob("*"):
            if old != self.folder:
                shutil.rmtree(old)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = self.folder / "answers.jsonl"
        self.done = {answer.question: answer for answer in lines(self._file, read)}

    def add(self, answer: A) -> None:
        """Keep one more."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps(asdict(answer)))  # on a line of its own, even after half of one
        self.done[answer.question] = answer


def lines(file: Path, read: Callable[[dict[str, Any]], A]) -> Iterator[A]:
    """What is kept in a file, less the line that was being written when a run was stopped; nothing without a file."""
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        yield read(row)


def _code() -> str:
    """A digest of the code that matches, edits and asks, and of its models: answers of other code aren't this run's."""
    root = Path(indexer.__file__).parent
    matching = (path for path in root.rglob("*") if path.suffix in {".py", ".onnx", ".faiss"})
    beside = (*(root.parent / "exhibit").rglob("*.py"), root.parent / "bench" / "edited.py")
    asking = (path for name in ("matching", "primitives") for path in (root.parent / "bench" / name).glob("*.py"))
    files = sorted([*matching, *beside, *asking])
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
