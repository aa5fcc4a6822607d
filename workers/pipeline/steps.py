"""The steps of the pipeline, each declared once: its rows, what it does, the queue it goes through, how it is called.

To add a step, add its :class:`Step` here, and a module in :mod:`workers.steps`; every worker, queue, page and check
reads this table. Importing it loads neither Django nor any step.
"""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from exhibit.errors import WrongUseError
from exhibit.sentences import Sentence
from workers.texts.words import gettext, gettext_noop

if TYPE_CHECKING:
    from registry.models import Claimable

OPENED_AGAIN = Sentence("The case was opened again before the bundle was sealed. Deciding it again asks for another.")
"""Why a bundle isn't sealed that nobody wants any more."""
ASKED = "asked"  # short work that a person waits for, taken by its own worker and by free ones of "match"
FILES = "files"  # files that a person waits for: what takes long goes on behind the others after some seconds
VISITS = "visits"  # visits for evidence that a person waits for; those of what a crawl brings are in "evidence"
DEFAULT = "default"  # what is short, and what others are told
MAIL = "mail"  # mails to members, who are told within two minutes: nothing else stands before them
UPKEEP = "upkeep"  # what nobody waits for

MAX_MESSAGES = 8
"""Messages of one step that a tick sends, unless so many wait in its queue: enough to keep the workers busy."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the pipeline."""

    name: str  # of its tasks and in the commands
    run: str  # its function in ``workers.steps``, called with the ports and the rows' primary keys
    queue: str
    model: str = ""  # of its rows, by name; none for a step whose rows the tick doesn't look for
    owner: str = ""  # the way from a row to its owner, where it has one
    batch: int = 1  # rows in one message
    asked: Mapping[str, Any] = field(default_factory=dict)  # rows that a person waits for have a task ``NAME_asked``
    slow: bool = False  # its rows take hours by their nature
    settled: Mapping[str, Any] = field(default_factory=dict)  # any suffices: failed rows that need no operator

    @property
    def rows(self) -> "type[Claimable]":
        """The model of its rows."""
        from registry import models

        found: type[Claimable] = getattr(models, self.model)
        return found

    @property
    def queues(self) -> dict[str, str]:
        """The names of its tasks, each with its queue."""
        return {self.name: self.queue} | ({f"{self.name}_asked": VISITS} if self.asked else {})

    def only(self, task: str) -> Mapping[str, Any]:
        """Which of its rows a task of it is for."""
        return {} if task == self.name else self.asked

    def work(self, services: object, ids: Sequence[int]) -> None:
        """Do it for these rows."""
        module, _, function = self.run.rpartition(".")
        getattr(importlib.import_module(f"workers.steps.{module}"), function)(services, ids)

    def batches(self, ids: Sequence[int]) -> Iterator[list[int]]:
        """Rows, message by message."""
        for start in range(0, len(ids), self.batch):
            yield list(ids[start : start + self.batch])


_STEPS = (
    Step(
        "match",
        "matching.match.match_pictures",
        "match",
        "Picture",
        batch=32,
        settled={"bytes_state__in": ("expired", "purged")},
    ),
    Step("register", "matching.register.import_uploads", "match", "UploadFile", "upload__owner", batch=8),
    Step("search", "matching.search.search_pictures", "match", "WorkPicture", "work__owner", batch=4),
    Step(
        "segments", "matching.segments.search_segments", "match", "SegmentSearch", "work_picture__work__owner", batch=4
    ),
    Step(
        "capture",
        "cases.capture.capture_sightings",
        "evidence",
        "Capture",
        "case__owner",
        batch=2,
        asked={"case__bundles__state__in": ("todo", "doing")},
    ),
    Step("seal", "cases.seal.seal_bundles", ASKED, "Bundle", "case__owner", batch=4, settled={"error": OPENED_AGAIN}),
    Step("witness", "cases.witness.ask_witnesses", DEFAULT, "AnchorReceipt", batch=50),
    Step("report", "cases.report.make_reports", FILES, "Report", "owner"),
    Step("ledger", "portions.look_at_ledger", ASKED, "LedgerChange", "owner"),
    Step("group", "portions.decide_groups", ASKED, "GroupDecision", "owner"),
    Step("bulk", "portions.edit_works", ASKED, "BulkEdit", "owner"),
    Step("release", "cases.release.release", ASKED, "Flood", "work__owner"),
    # once a notice's mail has begun, a member says whether it has left
    Step(
        "notice",
        "notify.notice.send_notices",
        ASKED,
        "NoticeMail",
        "notice__owner",
        settled={"begun_at__isnull": False},
    ),
    Step("lookup", "cases.lookup.look_up", ASKED, "PartyLookup", "owner"),
    Step("package", "cases.package.make_packages", FILES, "Package", "owner"),
    Step("mail", "notify.mail.send_digests", MAIL, "MailChoice", "owner", batch=10),
    Step("deliver", "notify.deliver.deliver", DEFAULT, "Delivery", "webhook__owner", batch=50),
    Step("slice", "crawls.slice.crawl_slices", "crawl", "CrawlSlice", "crawl__watch__owner"),
    Step("edge", "crawls.edge.take_results", "crawl", "EdgeResult", batch=200),
    Step("inquire", "crawls.inquire.query_search", "crawl", "Inquiry", "crawl__watch__owner"),
    Step("refingerprint", "matching.refingerprint.describe_anew", "match", "DescriptorModel", slow=True),
    Step("plan", "crawls.plan.plan_crawls", DEFAULT),
)

STEPS = {step.name: step for step in _STEPS}  # by name, in the order in which the tick looks at them

LABELS = {
    "match": gettext_noop("pictures found, to be compared with the works"),
    "register": gettext_noop("files brought, to be registered"),
    "search": gettext_noop("new works, to be compared with what was seen before"),
    "segments": gettext_noop("parts of the archive, to be searched for new works"),
    "capture": gettext_noop("visits for evidence"),
    "seal": gettext_noop("bundles to be sealed"),
    "witness": gettext_noop("receipts that witnesses owe"),
    "report": gettext_noop("reports"),
    "ledger": gettext_noop("changes of licences, to be applied"),
    "group": gettext_noop("groups of cases, to be put aside or opened again"),
    "bulk": gettext_noop("changes of many works at once"),
    "release": gettext_noop("works held back, whose cases are to be opened"),
    "notice": gettext_noop("notices to be sent"),
    "lookup": gettext_noop("registries to be asked for parties"),
    "package": gettext_noop("bundles to be put together in one file"),
    "mail": gettext_noop("mails to members"),
    "deliver": gettext_noop("messages to webhooks"),
    "slice": gettext_noop("parts of crawls"),
    "edge": gettext_noop("results of contributors"),
    "inquire": gettext_noop("searches to be asked"),
    "refingerprint": gettext_noop("networks that come into use"),
    "plan": gettext_noop("planning of crawls"),
    "tick": gettext_noop("schedules"),
    "retain": gettext_noop("bytes that expire"),
    "votes": gettext_noop("local features of works"),
}
"""What waits for each step; and what the tasks look after that no rows wait for."""

QUEUES = {name: queue for step in STEPS.values() for name, queue in step.queues.items()} | {
    "retain": UPKEEP,
    "votes": UPKEEP,
}
"""The queue of each task."""


def with_rows() -> list[Step]:
    """The steps whose rows the tick looks for."""
    return [step for step in STEPS.values() if step.model]


def step_with_rows(name: str) -> Step:
    """One of them; raises ``WrongUseError``."""
    found = STEPS.get(name)
    if found is None or not found.model:
        known = ", ".join(step.name for step in with_rows())
        raise WrongUseError(f"There is no step {name!r}.", hint=f"There are {known}.")
    return found


def step_in_words(name: str) -> str:
    """What waits for a step, or what a task looks after, in the reader's language."""
    return gettext(LABELS[name]) if name in LABELS else name


def taken_by(queue: str) -> list[str]:
    """What goes through a queue, in the reader's language."""
    return [step_in_words(task.removesuffix("_asked")) for task, through in QUEUES.items() if through == queue]


def release_ended() -> None:
    """Free the rows of processes that were killed, on this machine and on those that are gone."""
    from registry.db import running, steps

    steps.release_ended([step.rows for step in with_rows()], running.silent_hosts)
