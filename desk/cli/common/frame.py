"""What commands share: configuration, servers while they run, the owner, and workers."""

import getpass
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn
from zoneinfo import ZoneInfo

import click

from exhibit.config.config import Config
from exhibit.errors import ExitCode, NotFoundError, ServiceMissingError, WrongUseError
from exhibit.types import CaseDecision
from registry.configuration import load_config

if TYPE_CHECKING:
    from registry import models
    from registry.services.services import Services

DECISIONS = tuple(case_decision.value for case_decision in CaseDecision)


class Desk:
    """One command at work, with servers that answer and a schema that is up to date."""

    def __init__(self, config: Config) -> None:
        self.config = config

    @cached_property
    def zone(self) -> ZoneInfo:
        """The zone in which people read times."""
        return ZoneInfo(self.config.time_zone)

    @cached_property
    def workers_run(self) -> bool:
        """Whether workers run that do what waits; else the command works it off itself where it must."""
        return workers_run(self.config)

    @cached_property
    def services(self) -> "Services":
        """The ports. Hints go to the workers; where none run, rows wait for whoever looks at them next."""
        from registry.services.services import Services, skip_enqueue

        if not self.workers_run:
            return Services(self.config, skip_enqueue)
        from workers.pipeline import celery

        celery.give_up_soon()
        return Services(self.config, celery.enqueue)

    def owner(self, named: str | None) -> "models.Owner":
        """The owner with this short name or name; the only one, if nobody is named and there aren't several.

        A sample is meant only where it is named.
        """
        from registry import models, scoped

        if named is not None:
            return models.Owner.objects.filter(name=named).order_by("pk").first() or scoped.owner(named)
        owners = list(models.Owner.objects.filter(sample=False).order_by("slug")[:20])
        if not owners:
            sample = models.Owner.objects.filter(sample=True).order_by("slug").first()
            named_sample = f", or use the sample: --owner {sample.slug}" if sample else ""
            message = "There is only a sample owner." if sample else "There is no owner yet."
            raise NotFoundError(message, hint=f'Add one: exhibit owner add "NAME"{named_sample}')
        if len(owners) > 1:
            listed = ", ".join(row.slug for row in owners)
            raise WrongUseError("There are several owners.", hint=f"Choose one with --owner: {listed}")
        return owners[0]


def workers_run(config: Config) -> bool:
    """Whether workers run at this moment, on this machine or, with servers of one's own, anywhere."""
    from workers.tasks import supervisor

    if supervisor.running_status(config) is not None:
        return True
    if not (config.database_url and config.redis_url):
        return False
    from workers.pipeline import celery

    return celery.workers_answer()


def open_desk() -> Desk:
    """Have servers for the rest of the command: those of its context, those that run, or our own for its length."""
    context = click.get_current_context()
    if (desk := context.find_object(Desk)) is None:
        context.obj = desk = context.with_resource(_opened())
    return desk


@contextmanager
def _opened() -> Iterator[Desk]:
    from workers.database import schema
    from workers.servers import keeper

    config = load_config()
    with keeper.ensure_servers(config):
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
        schema.migrate()
        yield Desk(config)


def no_room(config: Config) -> str:
    """Why the disk counts as nearly full, and which setting says so; empty where there is room.

    Others are told to ask the operator, who gives these commands.
    """
    from workers.operations import checks

    disk = checks.disk_check(config)
    return "" if disk.ok else f"{disk.sentence} {disk.remedy}"


def check_crawling(config: Config) -> None:
    """Raise ``ServiceMissingError`` where crawling has stopped for want of room."""
    if hint := no_room(config):
        raise ServiceMissingError("Crawling has stopped because the disk is nearly full.", hint=hint)


def ask(question: str) -> None:
    """Go on only when the person says yes; raises ``WrongUseError`` where nobody can be asked."""
    if not sys.stdin.isatty():
        raise WrongUseError("This command requires a confirmation.", hint="Run it in a terminal, or add --yes.")
    click.confirm(question, abort=True)


def finish(code: ExitCode) -> NoReturn:
    """End the command with a code."""
    click.get_current_context().exit(int(code))


def person() -> str:
    """Who gives the command, as the record names it: the login name on this machine."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):  # no such user in this container
        return f"user {os.geteuid()} (command line)"


def examples(*lines: str, notes: Sequence[str] = ()) -> str:
    """An epilog with examples of a command, below lines such as related operations of the API."""
    before = "".join(("\b\n", *(f"{line}\n" for line in notes), "\n")) if notes else ""
    return before + "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
