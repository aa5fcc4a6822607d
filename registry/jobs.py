"""The jobs of the pipeline, each declared once: its rows, its queue, how many go into a message, and what it does.

A job is called by what it is: ``services.enqueue(jobs.seal, [bundle.pk])`` has it done soon by some worker, and
``jobs.seal(services, [bundle.pk])`` does it here and now. To add one, add its function here, and a module in the
package of its subject; every worker, queue, page and check reads this table. Importing it loads neither Django nor what
the jobs need: that is imported where it is done, after the fork.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from exhibit.errors import WrongUseError
from exhibit.sentences import Sentence
from registry.words import gettext, gettext_noop

if TYPE_CHECKING:
    from registry.db.claimable import Claimable
    from registry.services.services import Services

OPENED_AGAIN = Sentence("The case was opened again before the bundle was sealed. Deciding it again asks for another.")
"""Why a bundle isn't sealed that nobody wants any more."""
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


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One job: a function of the ports and the rows' primary keys, and how it is called."""

    name: str  # in messages and commands
    label: str  # what waits for it, for gettext
    work: "Callable[[Services, Sequence[int]], None]"
    queue: str
    model: str = ""  # of its rows, by name; none where the tick looks for no rows
    owner: str = ""  # the way from a row to its owner, where it has one
    batch: int = 1  # rows in one message
    fresh_first: bool = False  # rows that were put off come behind those that weren't
    asked: Mapping[str, Any] = field(default_factory=dict)  # rows that a person waits for go through a queue of theirs
    slow: bool = False  # its rows take hours by their nature
    settled: Mapping[str, Any] = field(default_factory=dict)  # any suffices: failed rows that need no operator

    def __call__(self, services: "Services", ids: Sequence[int]) -> None:
        """Do it for these rows, in this process."""
        self.work(services, ids)

    @property
    def rows(self) -> "type[Claimable]":
        """The model of its rows."""
        from registry import models

        found: type[Claimable] = getattr(models, self.model)
        return found

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
"""By name, in the order in which the tick looks at them."""


def _job(label: str, queue: str, model: str = "", owner: str = "", **more: Any) -> Callable[[Any], Job]:  # noqa: ANN401 - fields of Job
    """Make a function a job of its name."""

    def made(work: "Callable[[Services, Sequence[int]], None]") -> Job:
        JOBS[work.__name__] = Job(work.__name__, label, work, queue, model, owner, **more)
        return JOBS[work.__name__]

    return made


@_job(
    gettext_noop("pictures found, to be compared with the works"),
    MATCH,
    "Picture",
    batch=32,
    settled={"bytes_state__in": ("expired", "purged")},
)
def match(services: "Services", ids: Sequence[int]) -> None:
    """Compare found pictures with the works."""
    from registry.matches.match import match_pictures

    match_pictures(services, ids)


@_job(gettext_noop("files brought, to be registered"), IMPORTS, "UploadFile", "upload__owner", batch=8)
def register(services: "Services", ids: Sequence[int]) -> None:
    """Register files as works."""
    from registry.works.register import import_uploads

    import_uploads(services, ids)


@_job(
    gettext_noop("new works, to be compared with what was seen before"),
    PAST,
    "WorkPicture",
    "work__owner",
    batch=4,
    fresh_first=True,
    slow=True,
)
def search(services: "Services", ids: Sequence[int]) -> None:
    """Search what was ever seen for new works."""
    from registry.matches.search_past import search_pictures

    search_pictures(services, ids)


@_job(
    gettext_noop("visits for evidence"),
    EVIDENCE,
    "Capture",
    "case__owner",  # one message is one visit
    asked={"case__bundles__state__in": ("todo", "doing")},
)
def capture(services: "Services", ids: Sequence[int]) -> None:
    """Visit pages and keep what they serve."""
    from registry.cases.capture import capture_sightings

    capture_sightings(services, ids)


@_job(gettext_noop("captured pages, to be read"), DEFAULT, "PageReading", "capture__case__owner", batch=8)
def read_page(services: "Services", ids: Sequence[int]) -> None:
    """Read pages that visits kept, for the claim check and for mail addresses."""
    from registry.notices.page_readings import read_pages

    read_pages(services, ids)


@_job(gettext_noop("questions to a web archive"), VISITS, "ArchiveQuestion", "case__owner")
def ask_archive(services: "Services", ids: Sequence[int]) -> None:
    """Ask a web archive since when it has captures."""
    from registry.cases.ask_archive import answer_questions

    answer_questions(services, ids)


@_job(gettext_noop("bundles to be sealed"), ASKED, "Bundle", "case__owner", batch=4, settled={"error": OPENED_AGAIN})
def seal(services: "Services", ids: Sequence[int]) -> None:
    """Seal bundles of confirmed cases."""
    from registry.bundles.seal import seal_bundles

    seal_bundles(services, ids)


@_job(gettext_noop("receipts that witnesses owe"), DEFAULT, "AnchorReceipt", batch=50)
def witness(services: "Services", ids: Sequence[int]) -> None:
    """Ask outside witnesses for their receipts."""
    from registry.bundles.witness import ask_witnesses

    ask_witnesses(services, ids)


@_job(gettext_noop("reports"), FILES, "Report", "owner")
def report(services: "Services", ids: Sequence[int]) -> None:
    """Make reports."""
    from registry.reports.make_report import make_reports

    make_reports(services, ids)


@_job(gettext_noop("changes of licences, to be applied"), ASKED, "LedgerChange", "owner")
def ledger(services: "Services", ids: Sequence[int]) -> None:
    """Look at the cases that a change of licences concerns."""
    from registry.portions import look_at_ledger

    look_at_ledger(services, ids)


@_job(gettext_noop("groups of cases, to be put aside or opened again"), ASKED, "GroupDecision", "owner")
def group(services: "Services", ids: Sequence[int]) -> None:
    """Decide the cases of a group."""
    from registry.portions import decide_groups

    decide_groups(services, ids)


@_job(gettext_noop("changes of many works at once"), ASKED, "BulkEdit", "owner")
def bulk(services: "Services", ids: Sequence[int]) -> None:
    """Change many works."""
    from registry.portions import edit_works

    edit_works(services, ids)


@_job(gettext_noop("works held back, whose cases are to be opened"), ASKED, "Flood", "work__owner")
def release(services: "Services", ids: Sequence[int]) -> None:
    """Open the cases of works that were held back."""
    from registry.cases.release import release

    release(services, ids)


@_job(
    gettext_noop("notices to be sent"),
    ASKED,
    "NoticeMail",
    "notice__owner",
    settled={"begun_at__isnull": False},  # once its mail has begun, a member says whether it has left
)
def notice(services: "Services", ids: Sequence[int]) -> None:
    """Send notices by mail."""
    from registry.notices.send_notice import send_notices

    send_notices(services, ids)


@_job(gettext_noop("registries to be asked for parties"), ASKED, "PartyLookup", "owner")
def lookup(services: "Services", ids: Sequence[int]) -> None:
    """Ask registries who is behind a party."""
    from registry.parties.lookup import look_up

    look_up(services, ids)


@_job(gettext_noop("bundles to be put together in one file"), FILES, "Package", "owner")
def package(services: "Services", ids: Sequence[int]) -> None:
    """Put bundles together in one file."""
    from registry.bundles.make_package import make_packages

    make_packages(services, ids)


@_job(gettext_noop("mails to members"), MAIL, "MailChoice", "owner", batch=10)
def mail(services: "Services", ids: Sequence[int]) -> None:
    """Mail members what is new."""
    from registry.notifications.send_mail import send_digests

    send_digests(services, ids)


@_job(gettext_noop("push notifications"), DEFAULT, "PushBrowser", batch=50)
def push(services: "Services", ids: Sequence[int]) -> None:
    """Tell browsers of finds."""
    from registry.notifications.send_push import send_messages

    send_messages(services, ids)


@_job(gettext_noop("messages to webhooks"), DEFAULT, "Delivery", "webhook__owner", batch=50)
def deliver(services: "Services", ids: Sequence[int]) -> None:
    """Deliver messages to webhooks."""
    from registry.notifications import deliver

    deliver.deliver(services, ids)


@_job(gettext_noop("parts of crawls"), CRAWL, "CrawlSlice", "crawl__watch__owner")
def slice(services: "Services", ids: Sequence[int]) -> None:  # noqa: A001 - the noun of crawls
    """Crawl slices."""
    from registry.crawls.slice import crawl_slices

    crawl_slices(services, ids)


@_job(gettext_noop("results of contributors"), CRAWL, "EdgeResult", batch=200)
def edge(services: "Services", ids: Sequence[int]) -> None:
    """Take what contributors have measured."""
    from registry.edge.review import take_results

    take_results(services, ids)


@_job(gettext_noop("searches to be asked"), CRAWL, "Inquiry", "crawl__watch__owner")
def inquire(services: "Services", ids: Sequence[int]) -> None:
    """Ask image searches."""
    from registry.crawls.inquire import query_search

    query_search(services, ids)


@_job(gettext_noop("networks that come into use"), PAST, "DescriptorModel", slow=True)
def refingerprint(services: "Services", ids: Sequence[int]) -> None:
    """Describe all pictures anew by a network that comes into use."""
    from registry.matches.refingerprint import describe_anew

    describe_anew(services, ids)


@_job(gettext_noop("planning of crawls"), DEFAULT)
def plan(services: "Services", ids: Sequence[int]) -> None:
    """Plan the next slices of crawls."""
    from registry.crawls.plan import plan_crawls

    plan_crawls(services, ids)


UPKEEP_LABELS = {
    "tick": gettext_noop("schedules"),
    "retain": gettext_noop("bytes that expire"),
    "votes": gettext_noop("local features of works"),
}
"""What the tasks look after that no rows wait for."""

QUEUES = {name: queue for job in JOBS.values() for name, queue in job.queues.items()} | {
    "retain": UPKEEP,
    "votes": UPKEEP,
}
"""The queue of each task."""


def with_rows() -> list[Job]:
    """The jobs whose rows the tick looks for."""
    return [job for job in JOBS.values() if job.model]


def named(name: str) -> Job:
    """One of them; raises ``WrongUseError``."""
    found = JOBS.get(name)
    if found is None or not found.model:
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
    return [in_words(task.removesuffix("_asked")) for task, through in QUEUES.items() if through == queue]


def release_ended() -> None:
    """Free the rows of processes that were killed, on this machine and on those that are gone."""
    from registry.db import running, steps

    steps.release_ended([job.rows for job in with_rows()], running.silent_hosts)
