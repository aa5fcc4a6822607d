"""Background jobs: functions of the services and the primary keys of the rows that they work on.

A job is declared by :func:`job`, in the module ``jobs`` of the subject whose rows it works on. There is one job for a
kind of row at most, so a caller names the rows and not the function: ``services.enqueue(Bundle, [bundle.pk])`` has a
worker seal a bundle soon. That way a subject can ask for work that a later subject does, without importing it.
Workers, queues, the status page and the periodic search for waiting rows all read :data:`JOBS`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from exhibit.errors import WrongUseError
from registry.words import gettext, gettext_noop

if TYPE_CHECKING:
    from django.db.models import Model

    from registry.services.services import Services

ASKED = "asked"  # short work that a person waits for
FILES = "files"  # files that a person waits for: what takes long goes on behind the others after some seconds
VISITS = "visits"  # visits for evidence that a person waits for; those of what a crawl brings are in "evidence"
IMPORTS = "imports"  # registration of uploaded files, which a person waits for
DEFAULT = "default"  # what is short, and what others are told
MAIL = "mail"  # mails to members, who are told within two minutes: nothing else stands before them
UPKEEP = "upkeep"  # what nobody waits for
MATCH, EVIDENCE, CRAWL = "match", "evidence", "crawl"
PAST = "past"  # searches of everything that was seen before, which take up to a minute at a time

INTERACTIVE = (ASKED, MAIL, FILES, VISITS, IMPORTS)
"""Queues of the worker for what a person waits for: nothing that a crawl brings goes through it."""
BACKGROUND = (DEFAULT, MATCH, PAST, EVIDENCE, CRAWL, UPKEEP)
"""Queues of the worker for the rest."""
QUEUES_OF = {"worker-interactive": INTERACTIVE, "worker-background": BACKGROUND}
SWEEP = "sweep"
"""A message of this queue goes to the background worker of every machine."""


def limits(workers: int) -> dict[str, int]:
    """How many processes of a worker may be at a queue at once, where that is long or takes much memory."""
    return {FILES: 1, VISITS: 1, IMPORTS: workers, PAST: workers, EVIDENCE: workers, CRAWL: workers}


def most_processes(workers: int) -> dict[str, int]:
    """How many processes each worker has at most: two are left to short work when every limit is reached."""
    bounds = limits(workers)
    return {name: 2 + sum(bounds.get(queue, 0) for queue in queues) for name, queues in QUEUES_OF.items()}


MAX_MESSAGES = 8
"""Messages of one job that a tick sends, unless so many wait in its queue: enough to keep the workers busy."""


Work = Callable[["Services", Sequence[int]], None]


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A job, as :func:`job` declares it.

    Attributes:
        name: In messages and commands; the function's name.
        label: What its rows are, for gettext: "bundles to seal".
        work: The function.
        queue: The queue of its messages.
        rows: The model of its rows.
        periodic: Whether waiting rows are looked for regularly; else the job is done only when it is enqueued.
        owner: Lookup from a row to its owner; empty where rows have none.
        batch: Rows per message.
        fresh_first: Whether rows that were put off come after all others.
        asked: Filter for rows that a person waits for; they go through a queue of their own.
        slow: Whether its rows may take hours.
        settled: Filters, any of which suffices, for failed rows that need no operator.
    """

    name: str
    label: str
    work: Work
    queue: str
    rows: "type[Any]"
    periodic: bool = True
    owner: str = ""
    batch: int = 1
    fresh_first: bool = False
    asked: Mapping[str, Any] = field(default_factory=dict)
    slow: bool = False
    settled: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, services: "Services", ids: Sequence[int]) -> None:
        """Do it for these rows, in this process."""
        self.work(services, ids)

    @property
    def queues(self) -> dict[str, str]:
        """The names of its tasks, each with its queue."""
        return {self.name: self.queue} | ({self.task(asked=True): VISITS} if self.asked else {})

    def task(self, *, asked: bool) -> str:
        """The name of its task; of the one for rows that a person waits for, if it has one."""
        return f"{self.name}_asked" if asked and self.asked else self.name

    def only(self, task: str) -> Mapping[str, Any]:
        """Which of its rows a task of it is for."""
        return {} if task == self.name else self.asked

    def batches(self, ids: Sequence[int]) -> Iterator[list[int]]:
        """Rows, message by message."""
        for start in range(0, len(ids), self.batch):
            yield list(ids[start : start + self.batch])


JOBS: dict[str, Job] = {}
"""All jobs by name. Django fills it at start-up (:class:`registry.apps.RegistryConfig`)."""


def job(label: str, queue: str, rows: "type[Model]", **options: Any) -> Callable[[Work], Job]:  # noqa: ANN401 - fields of Job
    """Declare a function as the job of a kind of row.

    Args:
        label: What its rows are, marked for translation.
        queue: The queue of its messages.
        rows: The model of its rows; no other job may have it.
        options: Further attributes of :class:`Job`.
    """

    def declare(work: Work) -> Job:
        if (taken := next((other for other in JOBS.values() if other.rows is rows), None)) is not None:
            raise ValueError(f"{rows.__name__} rows belong to the job {taken.name}.")
        JOBS[work.__name__] = Job(work.__name__, label, work, queue, rows, **options)
        return JOBS[work.__name__]

    return declare


def job_of(rows: "type[Model]") -> Job:
    """Return the job that works on this kind of row; raises ``LookupError`` if none does."""
    for declared in JOBS.values():
        if declared.rows is rows:
            return declared
    raise LookupError(f"No job works on {rows.__name__} rows.")


UPKEEP_LABELS = {
    "tick": gettext_noop("schedules"),
    "retain": gettext_noop("bytes that expire"),
    "votes": gettext_noop("local features of works"),
}
"""What the tasks look after that no rows wait for."""


def queues() -> dict[str, str]:
    """Return the queue of each task, by the task's name."""
    found = {name: queue for declared in JOBS.values() for name, queue in declared.queues.items()}
    return found | {"retain": UPKEEP, "votes": UPKEEP}


def with_rows() -> list[Job]:
    """The jobs whose rows the tick looks for."""
    return [job for job in JOBS.values() if job.periodic]


def named(name: str) -> Job:
    """One of them; raises ``WrongUseError``."""
    found = JOBS.get(name)
    if found is None or not found.periodic:
        known = ", ".join(job.name for job in with_rows())
        raise WrongUseError(f"There is no step {name!r}.", hint=f"There are {known}.")
    return found


def label(name: str) -> str:
    """What waits for a job, or what a task looks after, for gettext; the name itself where it is unknown."""
    return JOBS[name].label if name in JOBS else UPKEEP_LABELS.get(name, name)


def in_words(name: str) -> str:
    """The same in the reader's language."""
    return gettext(label(name)) if name in JOBS or name in UPKEEP_LABELS else name


def taken_by(queue: str) -> list[str]:
    """What goes through a queue, in the reader's language."""
    return [in_words(task.removesuffix("_asked")) for task, through in queues().items() if through == queue]
