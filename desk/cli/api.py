"""Everything that the HTTP API does, called by its own code in this process."""

import json
import mimetypes
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl, urlencode

import click
from click.shell_completion import CompletionItem

from desk.cli.common.files import read_file, written_whole
from desk.cli.common.frame import Desk, examples, finish, open_desk, person
from desk.cli.common.show import note, say, table
from exhibit.errors import ExitCode, NotFoundError, WrongUseError

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile
    from django.http.response import HttpResponseBase

    from desk.api.common.auth import Actor

OPERATIONS = Path(__file__).with_name("operations.json")
"""Written by ``python -m tools.operations``: the API itself takes seconds to load."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
BELOW = "/api/v1"
JSON = "application/json"
MOST = 100
"""Rows of one piece of a list."""
MOST_BYTES = 128 * 2**20
"""Of one file."""
EXIT_CODES = {500: ExitCode.CHECK_FAILED, **dict.fromkeys((429, 503, 507), ExitCode.SERVICE_MISSING)}
"""Of statuses; others from 400 on are wrong use."""
_GAP = re.compile(r"\{\w+\}")
_OF_OWNER = re.compile(r"/owners/([^/]+)/(.+)")


@dataclass(frozen=True, slots=True)
class Operation:
    """What one operation says of itself.

    Attributes:
        path: below its owner, or below /api/v1 where it begins with a slash.
        asks: names in its query.
        form: names of texts in its form.
        files: names of files in its form.
        json: whether it takes JSON.
        typed: names of fields of its JSON that aren't texts, but numbers or truth values, or lists of them.
        file: whether its answer is a file.
    """

    method: str
    path: str
    says: str
    asks: Sequence[str] = ()
    form: Sequence[str] = ()
    files: Sequence[str] = ()
    json: bool = False
    typed: Sequence[str] = ()
    file: bool = False

    @property
    def line(self) -> tuple[str, str, str]:
        """What a list shows of it."""
        return self.method, self.path, self.says

    def fits(self, path: str) -> bool:
        """Whether it is at this path."""
        return re.fullmatch("[^/]+".join(map(re.escape, _GAP.split(self.path))), path) is not None


@cache
def operations() -> tuple[Operation, ...]:
    """All of them, subject by subject."""
    told = json.loads(OPERATIONS.read_text("utf-8"))
    return tuple(Operation(*name.split(" "), **one) for name, one in told.items())


def operation(method: str, path: str) -> Operation:
    """The operation at a path; raises where there is none, with those that come near."""
    there = sorted((one for one in operations() if one.fits(path)), key=lambda one: len(_GAP.findall(one.path)))
    if found := next((one for one in there if one.method == method), None):
        return found
    if there:
        raise WrongUseError(f"{path} takes {', '.join(one.method for one in there)}, and not {method}.")
    paths = {_GAP.sub("1", one.path): one.path for one in operations()}
    paths |= {one.strip("/").partition("/")[0]: one for one in reversed(paths.values())}
    near = [paths[one] for one in get_close_matches(re.sub(r"\d+|\{\w+\}", "1", path), paths)]
    meant = f"Did you mean {' or '.join(dict.fromkeys(near))}? " if near else ""
    raise NotFoundError(f"The API has no {path}.", hint=f"{meant}`exhibit api --list` shows all.")


def complete_method(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Methods that begin so."""
    return [one for one in METHODS if one.startswith(begun.upper())]


def complete_path(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Paths that begin so, with what is typed in place of their {gaps}."""
    typed, method = begun.split("/"), str(context.params.get("method") or "GET").upper()
    found: dict[str, str] = {}
    for one in operations():
        parts = one.path.split("/")
        fits = (
            mine == part or _GAP.fullmatch(part) for mine, part in zip(typed, parts[: len(typed) - 1], strict=False)
        )
        if one.method == method and len(parts) >= len(typed) and all(fits):
            path = "/".join([*typed[:-1], *parts[len(typed) - 1 :]])
            if path.startswith(begun) or _GAP.fullmatch(parts[len(typed) - 1]):
                found.setdefault(path, one.says)
    return [CompletionItem(path, help=says) for path, says in found.items()]


EXAMPLES = examples(
    "exhibit api GET cases --field decision=open",
    "exhibit api GET parties/shop.example",
    "exhibit api GET cases --all > cases.jsonl",
    'exhibit api POST cases/5/notes --field words="Ask the gallery first."',
    """exhibit api POST packages --json '{"cases": [3, 4], "recipient": "court"}'""",
    "exhibit api GET packages/1/file --output package.zip",
    "exhibit api POST works --file harbour.jpg --field title=Harbour",
    "exhibit api PUT searches/tineye/key --json - < key.json",
    "exhibit api GET /log/head",
    "exhibit api --list parties",
)


@click.command("api", epilog=EXAMPLES)
@click.argument("method", required=False, shell_complete=complete_method)
@click.argument("path", required=False, shell_complete=complete_path)
@click.option(
    "--list", "word", is_flag=False, flag_value="", metavar="[WORD]", help="List the operations, those with a word."
)
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=TEXT",
    help="A field of the query, form or JSON; one that is repeated is a list (of one: --json).",
)
@click.option("--json", "body", metavar="JSON", help="The JSON that it takes: a text, @FILE, or - for standard input.")
@click.option("--file", "files", multiple=True, metavar="[NAME=]FILE", help="A file that its form takes.")
@click.option("--output", metavar="FILE", help="Where its answer goes; - is standard output.")
@click.option("--all", "everything", is_flag=True, help="Follow a list to its end: a line of JSON for each row.")
@click.option("--owner", "named", metavar="OWNER", help="Whose; the only owner there is, if not named.")
@click.option("--as", "member", metavar="EMAIL", help="Do it as this member may; else as the operator.")
def api_command(
    *,
    method: str | None,
    path: str | None,
    word: str | None,
    fields: Sequence[str],
    body: str | None,
    files: Sequence[str],
    output: str | None,
    everything: bool,
    named: str | None,
    member: str | None,
) -> None:
    """Do what the HTTP API does at PATH, with METHOD, and print its answer as JSON; without both, list what there is.

    PATH is below the owner's address (cases/5), or below /api/v1 where it begins with a slash (/log/head). What an
    operation takes and answers is described at /api/v1/docs of your installation.
    """
    if method is None or word is not None:
        _list(word or "")
        return
    if path is None:
        raise WrongUseError("Say which path.", hint=f"`exhibit api --list {method}` shows those that take {method}.")
    method, (path, _, query) = method.upper(), path.removeprefix(BELOW).partition("?")
    within = _OF_OWNER.fullmatch(path)
    found = operation(method, within[2] if within else path)
    given = {**dict(parse_qsl(query, keep_blank_values=True)), **_named(_pairs(fields))}
    if everything:
        given = {"limit": str(MOST), **given}
    if found.file and output is None and sys.stdout.isatty():
        raise WrongUseError("Its answer is a file.", hint="Say where it goes: --output FILE")
    sent = _body(found, given, body, _files(found, files))
    desk = open_desk()
    actor = _actor(desk, member, named)
    if not path.startswith("/"):
        path = f"/owners/{_owner_of(desk, actor, named)}/{path}"
    answer = partial(_answer, desk, actor, found, path, sent)
    if everything:
        _follow(found, given, answer)
    else:
        _write(answer(given), output)
    if method == "POST" and not desk.workers_run:
        note("No worker runs: what has to be made of it waits for them (exhibit up).")


def _list(word: str) -> None:
    """Print the operations with a word in their method, path or sentence."""
    rows = [one.line for one in operations() if word.lower() in " ".join(one.line).lower()]
    if rows:
        table(("method", "path", "what"), rows)
    else:
        say(f"No operation has {word!r} in it.")


def _pairs(fields: Sequence[str]) -> Iterator[tuple[str, str]]:
    for text in fields:
        name, mark, value = text.partition("=")
        if not mark:
            raise WrongUseError(f"{text!r} isn't a field.", hint="Write NAME=TEXT.")
        yield name, value


def _named(pairs: Iterable[tuple[str, str]]) -> dict[str, str | list[str]]:
    """Values by their names; of a name that comes again a list."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _files(found: Operation, files: Sequence[str]) -> "dict[str, list[UploadedFile[bytes]]]":
    """Files by the names of their fields; one without a name is the first that the operation takes."""
    from django.core.files.uploadedfile import SimpleUploadedFile

    if files and not found.files:
        raise WrongUseError(f"{found.method} {found.path} takes no file.")
    named: dict[str, list[UploadedFile[bytes]]] = {}
    for text in files:
        name, mark, rest = text.partition("=")
        name, path = (name, Path(rest)) if mark and name in found.files else (found.files[0], Path(text))
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        named.setdefault(name, []).append(SimpleUploadedFile(path.name, read_file(path, MOST_BYTES), kind))
    return named


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent besides the query: a form's fields, or JSON."""

    form: Mapping[str, Any] | None = None
    text: str = ""


def _body(found: Operation, given: dict[str, Any], body: str | None, files: Mapping[str, object]) -> Body:
    """What is sent; fields that go into it are taken out of those that are given."""
    if body is not None and not found.json:
        raise WrongUseError(f"{found.method} {found.path} takes no JSON.")
    if body is not None:
        return Body(text=_json(body))
    if not (found.json or found.form or found.files):
        return Body()
    said = {name: given.pop(name) for name in list(given) if name not in found.asks}
    if not found.json:
        return Body(form={**said, **files})
    return Body(
        text=json.dumps({name: _typed(value) if name in found.typed else value for name, value in said.items()})
    )


def _typed(value: str | list[str]) -> object:
    """The number, the truth value or nothing that a text says; any other text is for the API to refuse."""
    if isinstance(value, list):
        return [_typed(one) for one in value]
    try:
        meant = json.loads(value)
    except ValueError:
        return value
    return value if isinstance(meant, str | list | dict) else meant


def _json(text: str) -> str:
    """The JSON that is meant; raises ``WrongUseError`` for what is none."""
    try:
        if text in {"-", "@-"}:
            text = sys.stdin.read()
        elif text.startswith("@"):
            text = Path(text[1:]).read_text("utf-8")
        json.loads(text)
    except OSError as error:
        raise WrongUseError(f"{text[1:]} can't be read: {error.strerror}.") from error
    except ValueError as error:
        raise WrongUseError(f"It isn't JSON: {error}.") from error
    return text


def _actor(desk: Desk, member: str | None, named: str | None) -> "Actor":
    """Who calls: a member in their role, or whoever runs the installation."""
    from desk.api.common.auth import Actor
    from registry import models, scoped
    from registry.members import people

    owners = models.Owner.objects.order_by("pk")
    if member is not None:
        user = people.user(member)
        by = f"{user.get_username()} (command line)"
        return Actor(user, by, f"user:{user.pk}", scoped.owners_of(user), None)
    if named is not None:
        owners = owners.filter(pk=desk.owner(named).pk)
    nobody = models.User(username=person())  # has no account: it is known by the machine
    return Actor(nobody, person(), person(), owners, frozenset(models.Scope))


def _owner_of(desk: Desk, actor: "Actor", named: str | None) -> str:
    """The short name of the owner that is meant: the named one, the member's only one, or the only one."""
    mine = list(actor.owners[:2])
    return mine[0].slug if named is None and len(mine) == 1 else desk.owner(named).slug


def _answer(
    desk: Desk, actor: "Actor", found: Operation, path: str, sent: Body, given: Mapping[str, Any]
) -> "HttpResponseBase":
    """What the API answers; a problem ends the command with its words."""
    from django.test import RequestFactory
    from django.urls import Resolver404, resolve

    from workers.pipeline import celery

    celery.give_up_soon()
    address = f"{BELOW}{path}{'?' * bool(given)}{urlencode(given, doseq=True)}"
    factory = RequestFactory(headers={"Host": f"{desk.config.web_host}:{desk.config.web_port}"})
    if sent.form is not None:
        request = factory.post(address, dict(sent.form))
    else:
        request = factory.generic(found.method, address, sent.text, JSON if found.json else "")
    try:
        match = resolve(request.path_info)
    except Resolver404:
        raise NotFoundError("There is nothing here.") from None
    request.resolver_match = match
    request.actor = actor  # type: ignore[attr-defined] # whom the API asks for
    answer: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
    if answer.status_code >= HTTPStatus.BAD_REQUEST:
        _refuse(answer.status_code, json.loads(b"".join(answer)))
    return answer


def _refuse(status: int, problem: Mapping[str, Any]) -> NoReturn:
    """End the command with the words of a problem."""
    note("\n".join(filter(None, (problem["detail"], problem.get("hint")))))
    for wrong in problem.get("errors", ()):
        note(f"  {wrong['where']}: {wrong['detail']}")
    finish(EXIT_CODES.get(status, ExitCode.WRONG_USE))


def _write(answer: "HttpResponseBase", output: str | None) -> None:
    """Print JSON, or write a file as it comes."""
    if answer.status_code == HTTPStatus.NO_CONTENT:
        return
    if answer.headers.get("Content-Type") == JSON and output is None:
        click.echo(json.dumps(json.loads(b"".join(answer)), indent=2, ensure_ascii=False))
    elif output in {None, "-"}:
        sys.stdout.buffer.writelines(answer)
    else:
        with written_whole(Path(str(output))) as file:
            file.writelines(answer)
    if (held := getattr(answer, "file_to_stream", None)) is not None:
        held.close()


def _follow(
    found: Operation, given: Mapping[str, Any], answer: "Callable[[Mapping[str, Any]], HttpResponseBase]"
) -> None:
    """Print each row of a list as a line of JSON, piece by piece."""
    cursor = next((name for name in ("cursor", "skip") if name in found.asks), None)
    if cursor is None:
        raise WrongUseError(f"{found.method} {found.path} isn't a list that comes in pieces.")
    piece: dict[str, Any] = {"next": given.get(cursor)}
    while True:
        after = {} if piece["next"] is None else {cursor: piece["next"]}
        piece = json.loads(b"".join(answer({**given, **after})))
        for row in piece["items"]:
            click.echo(json.dumps(row, ensure_ascii=False))
        if piece["next"] is None:
            return
