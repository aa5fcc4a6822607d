"""How often what the machine said was wrong, as persons decided."""

from pathlib import Path

import click

from desk.cli.common.files import written_whole
from desk.cli.common.frame import examples, open_desk
from desk.cli.common.options import TO_WRITE, json_option
from desk.cli.common.show import counted, say, tell


@click.group(
    "accuracy",
    invoke_without_command=True,
    epilog=examples("exhibit accuracy", "exhibit accuracy --json", "exhibit accuracy export decisions.jsonl"),
)
@json_option
@click.pass_context
def accuracy_command(context: click.Context, *, as_json: bool) -> None:
    """Say how often persons found that what the machine called certain, or put up for review, was no copy.

    The interval holds at every moment together: it may be looked at after each decision.
    """
    if context.invoked_subcommand is not None:
        return
    open_desk()
    from evidence.accuracy import error_rates
    from registry.log import accuracy

    found = accuracy.present_accuracy()
    tell(found.to_plain(), error_rates.in_words(found), as_json=as_json)


@accuracy_command.command(
    "export",
    epilog=examples("exhibit accuracy export decisions.jsonl", "exhibit trust our-keys.json"),
    short_help="Write what outsiders need to compute it.",
)
@click.argument("file", type=TO_WRITE)
def export_decisions(*, file: Path) -> None:
    """Write into FILE all that an outsider needs to compute the same from the log.

    It holds every entry's type and time, and of decisions what the machine and the person said: no names, no addresses
    and no reasons.

    Whoever checks it also needs the log's key, by another way: `exhibit trust our-keys.json` writes it. They run:
    python -m evidence accuracy FILE --trust our-keys.json
    """
    desk = open_desk()
    from registry.log import accuracy

    with written_whole(file) as out:
        size = accuracy.export_accuracy(desk.services, out)
    say(f"Written to {file}: {counted(size, 'entry', 'entries')} of the log.")
