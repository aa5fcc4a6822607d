"""Results of queries, saved line by line so that an interrupted run can continue."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import indexer

FIRST = 10
"""Number of ranks examined."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Result of a retriever for one picture.

    Attributes:
        place: Rank of the true work, 1 for the nearest; 0 beyond the first ten, or without a true work.
        distance: Distance of the true work.
        nearest_other: Smallest distance of any other work.
    """

    place: int
    distance: float
    nearest_other: float


@dataclass(frozen=True, slots=True)
class Answer:
    """Results of all systems for one picture.

    Attributes:
        photo: Source photo.
        edit: Name of the edit.
        work: The work that it shows, or empty.
        decision: Exhibit's decision for that work: ``certain``, ``review`` or ``none``.
        others: Other works that Exhibit took it for, with the decision.
        ranked: Results by name of the retriever.
        seconds: CPU time of Exhibit's complete matching.
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
        """Identity of the query."""
        return self.photo, self.edit


class Answering(Protocol):
    """A saved result: a dataclass that identifies its query."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def question(self) -> tuple[str, str]:
        """Identity of the query."""


A = TypeVar("A", bound=Answering)


def answer_from(row: dict[str, Any]) -> Answer:
    """Parse an answer from its line."""
    ranked = {name: Ranked(**values) for name, values in row.pop("ranked").items()}
    return Answer(**row, ranked=ranked)


class Answers(Generic[A]):
    """A folder of answers, for one state of the code and one selection of queries.

    Args:
        folder: Folder of all runs; those of other code are removed.
        choice: Everything that the queries and the works depend on.
        parse: Function that parses an answer from its line.
    """

    def __init__(self, folder: Path, choice: object, parse: Callable[[dict[str, Any]], A]) -> None:
        state = hashlib.sha256(json.dumps([_code(), choice], sort_keys=True, default=str).encode()).hexdigest()[:16]
        self.folder = folder / state
        for old in folder.glob("*"):
            if old != self.folder:
                shutil.rmtree(old)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = self.folder / "answers.jsonl"
        self.done = {answer.question: answer for answer in lines(self._file, parse)}

    def add(self, answer: A) -> None:
        """Save one more answer."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps(asdict(answer)))  # on a separate line, even after an incomplete one
        self.done[answer.question] = answer


def lines(file: Path, parse: Callable[[dict[str, Any]], A]) -> Iterator[A]:
    """Yield the answers in a file, without a line that was interrupted; nothing if the file is missing."""
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        yield parse(row)


def _code() -> str:
    """Return a digest of the code that matches, edits and queries, and of its models. Other code needs a new run."""
    root = Path(indexer.__file__).parent
    matching = (path for path in root.rglob("*") if path.suffix in {".py", ".onnx", ".faiss"})
    beside = (*(root.parent / "exhibit").rglob("*.py"), root.parent / "bench" / "queries.py")
    asking = (path for name in ("matching", "primitives") for path in (root.parent / "bench" / name).glob("*.py"))
    files = sorted([*matching, *beside, *asking])
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
