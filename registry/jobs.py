"""Background jobs: functions that take the services and the primary keys of the rows to process.

A job is declared by :func:`job`, in the module ``jobs`` of the package whose rows it processes. Each Django model has
at most one job, so callers name a model instead of a function: ``services.enqueue(Bundle, [bundle.pk])`` makes a worker
seal a bundle soon. A package can therefore request work of a higher-level package without importing it. Workers,
queues, the status page and the periodic search for pending rows all read :data:`JOBS`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from exhibit.errors import InvalidRequestError
from registry.translation import gettext, gettext_noop

if TYPE_CHECKING:
    from django.db.models import Model

    from registry.services.services import Services

FOREGROUND = "foreground"  # short work that a user waits for
FILES = "files"  # files that a user waits for; after some seconds, a long job is requeued behind the others
VISITS = "visits"  # evidence visits that a user waits for; visits caused by crawls are in "evidence"
IMPORTS = "imports"  # registration of uploaded files, which a user waits for
DEFAULT = "default"  # short work, and webhooks
MAIL = "mail"  # mails to members; a separate queue, so that they are sent within two minutes
UPKEEP = "upkeep"  # maintenance without a deadline
MATCH, EVIDENCE, CRAWL = "match", "evidence", "crawl"
PAST_SEARCH = "past"  # searches of all pictures seen before, which take up to a minute each

INTERACTIVE = (FOREGROUND, MAIL, FILES, VISITS, IMPORTS)
"""Queues of the worker for work that a user waits for. Crawls never send messages to them."""
BACKGROUND = (DEFAULT, MATCH, PAST_SEARCH, EVIDENCE, CRAWL, UPKEEP)
"""Queues of the worker for all other work."""
QUEUES_BY_WORKER = {"worker-interactive": INTERACTIVE, "worker-background": BACKGROUND}
SWEEP = "sweep"
"""Messages in this queue go to the background worker of every machine."""


def get_queue_limits(workers: int) -> dict[str, int]:
    """Return how many processes of a worker may serve a queue at once, for long or memory-intensive queues."""
    return {FILES: 1, VISITS: 1, IMPORTS: workers, PAST_SEARCH: workers, EVIDENCE: workers, CRAWL: workers}


def get_max_processes(workers: int) -> dict[str, int]:
    """Return the maximum processes per worker: the sum of its queue limits, plus two that remain for short work."""
    queue_limits = get_queue_limits(workers)
    return {name: 2 + sum(queue_limits.get(queue, 0) for queue in queues) for name, queues in QUEUES_BY_WORKER.items()}


MAX_MESSAGES = 8
"""Number of messages up to which a tick fills the queue of one job: enough to keep the workers busy."""


JobFunction = Callable[["Services", Sequence[int]], None]


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A job, as :func:`job` declares it.

    Attributes:
        name: Name in messages and commands; the function's name.
        label: Description of its rows, for gettext: "bundles to seal".
        function: The function.
        queue: The queue of its messages.
        model: Django model of its rows.
        periodic: True if the tick searches for pending rows; otherwise the job runs only when enqueued.
        owner: Lookup from a row to its owner; empty if rows have none.
        batch: Rows per message.
        fresh_first: True if postponed rows are processed after all others.
        requested: Filter for rows that a user waits for; they have a queue of their own.
        slow: True if its rows may take hours.
        settled: Filters for failed rows that need no action by the operator; a row must match one of them.
    """

    name: str
    label: str
    function: JobFunction
    queue: str
    model: "type[Any]"
    periodic: bool = True
    owner: str = ""
    batch: int = 1
    fresh_first: bool = False
    requested: Mapping[str, Any] = field(default_factory=dict)
    slow: bool = False
    settled: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, services: "Services", ids: Sequence[int]) -> None:
        """Run the job on these rows, in this process."""
        self.function(services, ids)

    @property
    def queues_by_task(self) -> dict[str, str]:
        """The queue of each of the job's tasks, by task name."""
        return {self.name: self.queue} | ({self.get_task_name(is_requested=True): VISITS} if self.requested else {})

    def get_task_name(self, *, is_requested: bool) -> str:
        """Return the name of the job's task.

        With ``is_requested``, return the task for rows that a user waits for, if the job has one.
        """
        return f"{self.name}_requested" if is_requested and self.requested else self.name

    def get_row_filter(self, task: str) -> Mapping[str, Any]:
        """Return the filter for the rows that a task handles."""
        return {} if task == self.name else self.requested

    def iterate_batches(self, ids: Sequence[int]) -> Iterator[list[int]]:
        """Yield the rows of each message."""
        for start in range(0, len(ids), self.batch):
            yield list(ids[start : start + self.batch])


JOBS: dict[str, Job] = {}
"""All jobs by name. Django fills it at start-up (:class:`registry.apps.RegistryConfig`)."""


def job(label: str, queue: str, model: "type[Model]", **options: Any) -> Callable[[JobFunction], Job]:  # noqa: ANN401 - fields of Job
    """Declare a function as the job of a model's rows.

    Args:
        label: Description of its rows, marked for translation.
        queue: The queue of its messages.
        model: Django model of its rows; no other job may have it.
        options: Further attributes of :class:`Job`.
    """

    def declare(function: JobFunction) -> Job:
        if (
            existing_job := next((candidate for candidate in JOBS.values() if candidate.model is model), None)
        ) is not None:
            raise ValueError(f"{model.__name__} rows belong to the job {existing_job.name}.")
        JOBS[function.__name__] = Job(function.__name__, label, function, queue, model, **options)
        return JOBS[function.__name__]

    return declare


def get_job_for_model(model: "type[Model]") -> Job:
    """Return the job that processes the rows of a Django model; raises ``LookupError`` if there is none."""
    for candidate in JOBS.values():
        if candidate.model is model:
            return candidate
    raise LookupError(f"No job processes {model.__name__} rows.")


UPKEEP_LABELS = {
    "tick": gettext_noop("scheduled tasks to start"),
    "retain": gettext_noop("expired files to delete"),
    "votes": gettext_noop("local features of works"),
}
"""Labels of tasks that have no rows."""


def list_queues_by_task() -> dict[str, str]:
    """Return the queue of each task, by the task's name."""
    by_task = {name: queue for candidate in JOBS.values() for name, queue in candidate.queues_by_task.items()}
    return by_task | {"retain": UPKEEP, "votes": UPKEEP}


def list_periodic_jobs() -> list[Job]:
    """Return the jobs for whose pending rows the tick searches."""
    return [job for job in JOBS.values() if job.periodic]


def get_job(name: str) -> Job:
    """Return the periodic job with this name; raises ``InvalidRequestError`` if there is none."""
    named_job = JOBS.get(name)
    if named_job is None or not named_job.periodic:
        names = ", ".join(job.name for job in list_periodic_jobs())
        raise InvalidRequestError(f"There is no step {name!r}.", hint=f"Steps: {names}.")
    return named_job


def get_label(name: str) -> str:
    """Return the label of a job or task, for gettext; the name itself if unknown."""
    return JOBS[name].label if name in JOBS else UPKEEP_LABELS.get(name, name)


def translate_label(name: str) -> str:
    """Return the label of a job or task in the active language."""
    return gettext(get_label(name)) if name in JOBS or name in UPKEEP_LABELS else name


def list_queue_labels(queue: str) -> list[str]:
    """Return the labels of a queue's tasks in the active language."""
    return [
        translate_label(task.removesuffix("_requested"))
        for task, task_queue in list_queues_by_task().items()
        if task_queue == queue
    ]
