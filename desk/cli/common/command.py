"""Commands are functions: what one takes stands in its signature, and desk and owner are handed to it."""

import inspect
from collections.abc import Callable
from functools import reduce, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import click

from desk.cli.common.frame import Desk, examples, open_desk
from exhibit.types import Untyped

if TYPE_CHECKING:
    from registry.models import Owner


class Taken:
    """Says in a signature which option or argument a parameter is; ``found`` makes of its text what is handed over."""

    def __init__(self, *flags: str, found: Callable[[Desk, Any], object] | None = None, **how: Untyped) -> None:
        self.flags, self.found, self.how = flags, found, how

    def parameter(self, name: str) -> click.Parameter:
        """As click takes it: an argument where there are no flags."""
        return click.Option([*self.flags, name], **self.how) if self.flags else click.Argument([name], **self.how)


def _owner(desk: Desk, named: str | None) -> "Owner | None":
    return None if named is None else desk.owner(named)


AT_LEAST_1 = click.IntRange(min=1)
PLACE, THERE = click.Path(path_type=Path), click.Path(exists=True, path_type=Path)
TO_FILL, TO_WRITE = click.Path(file_okay=False, path_type=Path), click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
WHOSE = "Whose; the only owner there is, if not named."
AsJson = Annotated[bool, Taken("--json", is_flag=True, help="Print JSON instead of a table.")]
OwnerName = Annotated[str | None, Taken("--owner", metavar="OWNER", help=WHOSE)]
TheirOwner = Annotated[
    "Owner", Taken("--owner", metavar="OWNER", help=WHOSE, found=lambda desk, named: desk.owner(named))
]
AnyOwner = Annotated["Owner | None", Taken("--owner", metavar="OWNER", help="Only those of this owner.", found=_owner)]
Reason = Annotated[str, Taken("--reason", required=True, metavar="TEXT", help="Why; kept in the record.")]
Yes = Annotated[bool, Taken("--yes", is_flag=True, help="Don't ask.")]
GivenFile = Annotated[Path, Taken(type=FILE)]
FileName = Annotated[Path, Taken(type=TO_WRITE)]
DAY = click.DateTime(["%Y-%m-%d"])
Word = Annotated[str, Taken()]
MaybeWord = Annotated[str | None, Taken(required=False)]
Places = Annotated[tuple[Path, ...], Taken(nargs=-1, required=True, type=THERE)]
PictureMeant = Annotated[str, Taken(metavar="DIGEST|FILE")]
Label = Annotated[
    str, Taken("--label", default="", metavar="TEXT", help="Words that results then show beside these keys.")
]
Why = Annotated[str, Taken("--reason", default="", metavar="TEXT", help="Why; kept in the record.")]
Number = Annotated[int, Taken(type=AT_LEAST_1)]
MaybeNumber = Annotated[int | None, Taken(type=AT_LEAST_1, required=False)]
Numbers = Annotated[tuple[int, ...], Taken(nargs=-1, required=True, type=AT_LEAST_1)]


Run = Callable[..., None]


def together(*options: Callable[[Run], Run]) -> Callable[[Run], Run]:
    """Several options as one decorator, in their order."""
    return lambda command: reduce(lambda given, option: option(given), reversed(options), command)


def command(
    called: str, *shown: str, of: click.Group | None = None, above: str = "", **how: Untyped
) -> Callable[[Callable[..., None]], click.Command]:
    """Make a command of a function, in a group or by itself, with examples of its use and, ``above`` them, notes.

    An example is what follows the command's name, nothing if none is ``shown``; one that says `exhibit` stands alone.
    ``desk`` is the desk, opened; ``_desk``, where it only has to be. Every other parameter says by its type, as
    :class:`Taken`, or by a decorator of click what it is; decorated ones that have no name there come where the
    signature has ``**``.
    """

    def made(function: Callable[..., None]) -> click.Command:
        decorated = {parameter.name: parameter for parameter in reversed(function.__dict__.pop("__click_params__", []))}
        takes = inspect.signature(function).parameters
        marks = {name: mark for name in takes for mark in get_args(takes[name].annotation) if isinstance(mark, Taken)}
        desks = {"desk", "_desk"} & takes.keys()
        finds = {name: mark.found for name, mark in marks.items() if mark.found}

        @wraps(function)
        def run(**given: object) -> None:
            if finds or desks:
                desk = open_desk()
                given |= {name: found(desk, given[name]) for name, found in finds.items()} | dict.fromkeys(desks, desk)
            function(**given)

        params = []
        for name, parameter in takes.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                params += [found for other, found in decorated.items() if other not in takes]
            elif name not in desks:
                params.append(decorated.get(name) or marks[name].parameter(name))
        params.sort(key=lambda parameter: parameter.name == "as_json")
        make = click.command if of is None else of.command
        whole = " ".join(["exhibit", *([] if of is None else [str(of.name)]), called])
        lines = [words if "exhibit " in words else f"{whole} {words}".rstrip() for words in shown or ("",)]
        return make(called, params=params, epilog=above + examples(*lines), **how)(run)

    return made
