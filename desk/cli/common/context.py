"""Context of commands: configuration, database and Redis, the owner, and workers."""

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
from exhibit.errors import ExitCode, InvalidRequestError, NotFoundError, ServiceMissingError
from exhibit.types import CaseDecision
from registry.configuration import load_config

if TYPE_CHECKING:
    from registry import models
    from registry.services.services import Services

DECISIONS = tuple(case_decision.value for case_decision in CaseDecision)


class CommandContext:
    """Context of a running command, with available database and Redis servers and a migrated schema."""

    def __init__(self, config: Config) -> None:
        self.config = config

    @cached_property
    def zone(self) -> ZoneInfo:
        """Time zone in which commands print times."""
        return ZoneInfo(self.config.time_zone)

    @cached_property
    def has_workers(self) -> bool:
        """True if workers are running. Otherwise the command runs the jobs itself if it must wait for them."""
        return are_workers_running(self.config)

    @cached_property
    def services(self) -> "Services":
        """Services with a job queue. If no workers are running, jobs remain in the database until workers start."""
        from registry.services.services import Services, skip_enqueue

        if not self.has_workers:
            return Services(self.config, skip_enqueue)
        from workers.pipeline import celery

        celery.set_short_timeouts()
        return Services(self.config, celery.enqueue)

    def get_owner(self, name: str | None) -> "models.Owner":
        """Return the owner with this short name or name, or the only owner if no name is given.

        The sample owner is returned only by its name.

        Raises:
            NotFoundError: There is no such owner, or no owner yet.
            InvalidRequestError: No name is given, and there are several owners.
        """
        from registry import models, scoped

        if name is not None:
            return models.Owner.objects.filter(name=name).order_by("pk").first() or scoped.get_owner(name)
        owners = list(models.Owner.objects.filter(sample=False).order_by("slug")[:20])
        if not owners:
            sample = models.Owner.objects.filter(sample=True).order_by("slug").first()
            sample_hint = f", or use the sample: --owner {sample.slug}" if sample else ""
            message = "There is only a sample owner." if sample else "There is no owner yet."
            raise NotFoundError(message, hint=f'Add an owner: exhibit owner add "NAME"{sample_hint}')
        if len(owners) > 1:
            slugs = ", ".join(row.slug for row in owners)
            raise InvalidRequestError("There are several owners.", hint=f"Choose one with --owner: {slugs}")
        return owners[0]


def are_workers_running(config: Config) -> bool:
    """Return True if workers are running on this machine or, with configured external servers, on any machine."""
    from workers.tasks import supervisor

    if supervisor.read_running_status(config) is not None:
        return True
    if not (config.database_url and config.redis_url):
        return False
    from workers.pipeline import celery

    return celery.is_worker_responding()


def open_command_context() -> CommandContext:
    """Return the command's context. The first call connects to running servers, or starts them for this command."""
    context = click.get_current_context()
    if (desk := context.find_object(CommandContext)) is None:
        context.obj = desk = context.with_resource(_open_session())
    return desk


@contextmanager
def _open_session() -> Iterator[CommandContext]:
    from workers.database import schema
    from workers.servers import keeper

    config = load_config()
    with keeper.ensure_servers(config):
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
        schema.migrate()
        yield CommandContext(config)


def describe_full_disk(config: Config) -> str:
    """Explain why the disk counts as nearly full, with the setting that defines it; empty if it is not.

    The text is for the operator, who runs these commands. Other users are told to contact the operator.
    """
    from workers.operations import checks

    disk = checks.check_disk(config)
    return "" if disk.ok else f"{disk.sentence} {disk.remedy}"


def check_crawling_allowed(config: Config) -> None:
    """Check that crawling has not stopped.

    Raises:
        ServiceMissingError: Crawling has stopped because the disk is nearly full.
    """
    if hint := describe_full_disk(config):
        raise ServiceMissingError("Crawling has stopped because the disk is nearly full.", hint=hint)


def confirm(question: str) -> None:
    """Ask for a confirmation, and abort the command without it.

    Raises:
        InvalidRequestError: Standard input is not a terminal.
    """
    if not sys.stdin.isatty():
        raise InvalidRequestError(
            "This command requires confirmation.", hint="Run the command in a terminal, or add --yes."
        )
    click.confirm(question, abort=True)


def exit_with(code: ExitCode) -> NoReturn:
    """Exit the command with a code."""
    click.get_current_context().exit(int(code))


def get_actor_name() -> str:
    """Return the name of the user in audit records: the login name on this machine."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):  # Containers may run with a user ID that has no name.
        return f"user {os.geteuid()} (command line)"


def format_examples(*lines: str, notes: Sequence[str] = ()) -> str:
    """Format the epilog of a command: notes, such as related operations of the API, followed by examples."""
    heading = "".join(("\b\n", *(f"{line}\n" for line in notes), "\n")) if notes else ""
    return heading + "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
