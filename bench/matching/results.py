"""Query results, saved line by line so that an interrupted run can continue."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import indexer

MAX_RANK = 10
"""Maximum rank that is saved."""


@dataclass(frozen=True, slots=True)
class RetrievalRank:
    """Result of a retriever for one picture.

    Attributes:
        place: Rank of the true work, 1 for the nearest; 0 beyond rank 10 or without a true work.
        distance: Distance of the true work.
        nearest_other: Smallest distance of any other work.
    """

    place: int
    distance: float
    nearest_other: float


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Results of all systems for one picture.

    Attributes:
        photo: Source photo.
        edit: Name of the edit.
        work: Work that the picture shows, or empty.
        decision: Exhibit's decision for that work: ``certain``, ``review`` or ``none``.
        others: Decisions on other works that Exhibit matched.
        ranked: Ranks by name of the retriever.
        seconds: CPU time of Exhibit's complete matching.
    """

    photo: str
    edit: str
    work: str
    decision: str
    others: Mapping[str, str]
    ranked: Mapping[str, RetrievalRank] = field(repr=False)
    seconds: float = 0.0

    @property
    def question(self) -> tuple[str, str]:
        """Identity of the query."""
        return self.photo, self.edit


class SavedResult(Protocol):
    """A saved result: a dataclass that identifies its query."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def question(self) -> tuple[str, str]:
        """Identity of the query."""


A = TypeVar("A", bound=SavedResult)


def parse_result(row: dict[str, Any]) -> QueryResult:
    """Parse a result from the JSON object of its line."""
    ranked = {name: RetrievalRank(**values) for name, values in row.pop("ranked").items()}
    return QueryResult(**row, ranked=ranked)


class ResultStore(Generic[A]):
    """A folder of saved results, for one state of the code and one selection of queries.

    Args:
        folder: Folder of all runs. Runs of other code are removed.
        choice: All parameters on which queries and works depend.
        parse: Function that parses a result from its line.
    """

    def __init__(self, folder: Path, choice: object, parse: Callable[[dict[str, Any]], A]) -> None:
        state = hashlib.sha256(
            json.dumps([_compute_code_digest(), choice], sort_keys=True, default=str).encode()
        ).hexdigest()[:16]
        self.folder = folder / state
        for old in folder.glob("*"):
            if old != self.folder:
                shutil.rmtree(old)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = self.folder / "answers.jsonl"
        self.done = {result.question: result for result in read_results(self._file, parse)}

    def save(self, result: A) -> None:
        """Append a result."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps(asdict(result)))  # The line break ends an incomplete line.
        self.done[result.question] = result


def read_results(file: Path, parse: Callable[[dict[str, Any]], A]) -> Iterator[A]:
    """Yield the results in a file, except incomplete lines; nothing if the file is missing."""
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        yield parse(row)


def _compute_code_digest() -> str:
    """Return a digest of the code and models of matching, edits and queries. Other code requires a new run."""
    root = Path(indexer.__file__).parent
    matching = (path for path in root.rglob("*") if path.suffix in {".py", ".onnx", ".faiss"})
    other_files = (*(root.parent / "exhibit").rglob("*.py"), root.parent / "bench" / "queries.py")
    query_folder = (path for name in ("matching", "primitives") for path in (root.parent / "bench" / name).glob("*.py"))
    files = sorted([*matching, *other_files, *query_folder])
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
