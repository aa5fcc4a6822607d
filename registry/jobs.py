"""Background jobs: functions that take the services and the primary keys of the rows to process.

A job is declared by :func:`job`, in the module ``jobs`` of the subject whose rows it processes. Each model has at most
one job, so a caller names the rows and not the function: ``services.enqueue(Bundle, [bundle.pk])`` makes a worker seal
a bundle soon. That way a subject can request work that a later subject does, without importing it. Workers, queues, the
status page and the periodic search for waiting rows all read :data:`JOBS`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from exhibit.errors import WrongUseError
from registry.translation import gettext, gettext_noop

if TYPE_CHECKING:
    from django.db.models import Model

    from registry.services.services import Services

FOREGROUND = "asked"  # short work that a person waits for
FILES = "files"  # files that a person waits for; long ones continue behind the others after some seconds
VISITS = "visits"  # evidence visits that a person waits for; those that crawls cause are in "evidence"
IMPORTS = "imports"  # registration of uploaded files, which a person waits for
DEFAULT = "default"  # short work, and webhooks
MAIL = "mail"  # mails to members, sent within two minutes: nothing else delays them
UPKEEP = "upkeep"  # work that nobody waits for
MATCH, EVIDENCE, CRAWL = "match", "evidence", "crawl"
PAST_SEARCH = "past"  # searches of everything seen before, which take up to a minute each

INTERACTIVE = (FOREGROUND, MAIL, FILES, VISITS, IMPORTS)
"""Queues of the worker for work that a person waits for: nothing that a crawl causes is sent to them."""
BACKGROUND = (DEFAULT, MATCH, PAST_SEARCH, EVIDENCE, CRAWL, UPKEEP)
"""Queues of the worker for all other work."""
QUEUES_OF = {"worker-interactive": INTERACTIVE, "worker-background": BACKGROUND}
SWEEP = "sweep"
"""Messages in this queue go to the background worker of every machine."""


def limits(workers: int) -> dict[str, int]:
    """Return how many processes of a worker may serve a queue at once, for long or memory-intensive queues."""
    return {FILES: 1, VISITS: 1, IMPORTS: workers, PAST_SEARCH: workers, EVIDENCE: workers, CRAWL: workers}


def max_processes(workers: int) -> dict[str, int]:
    """Return the maximum number of processes per worker: two remain for short work when every limit is reached."""
    bounds = limits(workers)
    return {name: 2 + sum(bounds.get(queue, 0) for queue in queues) for name, queues in QUEUES_OF.items()}


MAX_MESSAGES = 8
"""Messages of one job that a tick sends, unless the queue has this many: enough to keep the workers busy."""


Work = Callable[["Services", Sequence[int]], None]


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A job, as :func:`job` declares it.

    Attributes:
        name: Name in messages and commands; the function's name.
        label: Description of its rows, for gettext: "bundles to seal".
        work: The function.
        queue: The queue of its messages.
        rows: The model of its rows.
        periodic: True if the tick looks for waiting rows; otherwise the job runs only when enqueued.
        owner: Lookup from a row to its owner; empty if rows have none.
        batch: Rows per message.
        fresh_first: True if postponed rows come after all others.
        asked: Filter for rows that a person waits for; they have a queue of their own.
        slow: True if its rows may take hours.
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
        """Run the job on these rows, in this process."""
        self.work(services, ids)

    @property
    def queues(self) -> dict[str, str]:
        """The queue of each of the job's tasks, by task name."""
        return {self.name: self.queue} | ({self.task(is_requested=True): VISITS} if self.asked else {})

    def task(self, *, is_requested: bool) -> str:
        """Return the name of the job's task.

        With ``is_requested``, of the task for rows that a person waits for, if any.
        """
        return f"{self.name}_asked" if is_requested and self.asked else self.name

    def row_filter(self, task: str) -> Mapping[str, Any]:
        """Return the filter for the rows that a task handles."""
        return {} if task == self.name else self.asked

    def batches(self, ids: Sequence[int]) -> Iterator[list[int]]:
        """Yield the rows of each message."""
        for start in range(0, len(ids), self.batch):
            yield list(ids[start : start + self.batch])


JOBS: dict[str, Job] = {}
"""All jobs by name. Django fills it at start-up (:class:`registry.apps.RegistryConfig`)."""


def job(label: str, queue: str, rows: "type[Model]", **options: Any) -> Callable[[Work], Job]:  # noqa: ANN401 - fields of Job
    """Declare a function as the job of a model's rows.

    Args:
        label: Description of its rows, marked for translation.
        queue: The queue of its messages.
        rows: The model of its rows; no other job may have it.
        options: Further attributes of :class:`Job`.
    """

    def declare(work: Work) -> Job:
        if (existing := next((other for other in JOBS.values() if other.rows is rows), None)) is not None:
            raise ValueError(f"{rows.__name__} rows belong to the job {existing.name}.")
        JOBS[work.__name__] = Job(work.__name__, label, work, queue, rows, **options)
        return JOBS[work.__name__]

    return declare


def job_of(rows: "type[Model]") -> Job:
    """Return the job that processes this model's rows; raises ``LookupError`` if there is none."""
    for candidate in JOBS.values():
        if candidate.rows is rows:
            return candidate
    raise LookupError(f"No job works on {rows.__name__} rows.")


UPKEEP_LABELS = {
    "tick": gettext_noop("schedules"),
    "retain": gettext_noop("expiring bytes"),
    "votes": gettext_noop("local features of works"),
}
"""Labels of tasks that have no rows."""


def queues() -> dict[str, str]:
    """Return the queue of each task, by the task's name."""
    by_task = {name: queue for candidate in JOBS.values() for name, queue in candidate.queues.items()}
    return by_task | {"retain": UPKEEP, "votes": UPKEEP}


def periodic_jobs() -> list[Job]:
    """Return the jobs whose waiting rows the tick looks for."""
    return [job for job in JOBS.values() if job.periodic]


def get_job(name: str) -> Job:
    """Return the periodic job with this name; raises ``WrongUseError``."""
    job_found = JOBS.get(name)
    if job_found is None or not job_found.periodic:
        names = ", ".join(job.name for job in periodic_jobs())
        raise WrongUseError(f"There is no step {name!r}.", hint=f"There are {names}.")
    return job_found


def label(name: str) -> str:
    """Return the label of a job or task, for gettext; the name itself if unknown."""
    return JOBS[name].label if name in JOBS else UPKEEP_LABELS.get(name, name)


def translated_label(name: str) -> str:
    """Return the label of a job or task in the reader's language."""
    return gettext(label(name)) if name in JOBS or name in UPKEEP_LABELS else name


def labels_of_queue(queue: str) -> list[str]:
    """Return the labels of a queue's tasks in the reader's language."""
    return [translated_label(task.removesuffix("_asked")) for task, through in queues().items() if through == queue]
