"""`exhibit api`: every operation of the HTTP API, called in this process."""

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
"""Written by ``python -m tools.operations`` from the OpenAPI document: the API itself takes seconds to load."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
BELOW = "/api/v1"
JSON = "application/json"
MOST = 100
"""Rows of one page of a list."""
MOST_BYTES = 128 * 2**20
"""Size of one file."""
DETAILED = 30
"""Operations that are listed with their parameters, at most."""
EXIT_CODES = {500: ExitCode.CHECK_FAILED, **dict.fromkeys((429, 503, 507), ExitCode.SERVICE_MISSING)}
"""By HTTP status; others from 400 on are usage errors."""
_GAP = re.compile(r"\{\w+\}")
_OF_OWNER = re.compile(r"/owners/([^/]+)/(.+)")


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the API.

    Attributes:
        path: Relative to the owner, or to /api/v1 if it starts with a slash.
        says: Its description.
        asks: Names of query parameters.
        form: Names of form fields.
        files: Names of files in the form.
        json: Names of the fields of its JSON body.
        typed: Those of them that are numbers or Booleans, or lists of these.
        lists: Those of them that are lists.
        file: Whether its response is a file.
    """

    method: str
    path: str
    says: str
    asks: Sequence[str] = ()
    form: Sequence[str] = ()
    files: Sequence[str] = ()
    json: Sequence[str] = ()
    typed: Sequence[str] = ()
    lists: Sequence[str] = ()
    file: bool = False

    def fits(self, path: str) -> bool:
        """Whether this path is one of the operation."""
        return re.fullmatch("[^/]+".join(map(re.escape, _GAP.split(self.path))), path) is not None


@cache
def operations() -> tuple[Operation, ...]:
    """All operations, by subject."""
    specs = json.loads(OPERATIONS.read_text("utf-8"))
    return tuple(Operation(*name.split(" "), **spec) for name, spec in specs.items())


def operation(method: str, path: str) -> Operation:
    """Return the operation at a path. Errors list similar paths."""
    candidates = sorted(
        (candidate for candidate in operations() if candidate.fits(path)),
        key=lambda candidate: len(_GAP.findall(candidate.path)),
    )
    if match := next((candidate for candidate in candidates if candidate.method == method), None):
        return match
    if candidates:
        methods = ", ".join(candidate.method for candidate in candidates)
        raise WrongUseError(f"{path} does not support {method}.", hint=f"It supports {methods}.")
    paths = {_GAP.sub("1", candidate.path): candidate.path for candidate in operations()}
    paths |= {candidate.strip("/").partition("/")[0]: candidate for candidate in reversed(paths.values())}
    near = [paths[candidate] for candidate in get_close_matches(re.sub(r"\d+|\{\w+\}", "1", path), paths)]
    suggestion = f"Did you mean {' or '.join(dict.fromkeys(near))}? " if near else ""
    raise NotFoundError(f"The API has no path {path}.", hint=f"{suggestion}List all paths: exhibit api --list")


def complete_method(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Methods that start with a text."""
    return [method for method in METHODS if method.startswith(begun.upper())]


def complete_path(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Paths that start with a text, with typed values in place of {parameters}."""
    typed, method = begun.split("/"), str(context.params.get("method") or "GET").upper()
    completions: dict[str, str] = {}
    for entry in operations():
        parts = entry.path.split("/")
        fits = (
            typed_part == part or _GAP.fullmatch(part)
            for typed_part, part in zip(typed, parts[: len(typed) - 1], strict=False)
        )
        if entry.method == method and len(parts) >= len(typed) and all(fits):
            path = "/".join([*typed[:-1], *parts[len(typed) - 1 :]])
            if path.startswith(begun) or _GAP.fullmatch(parts[len(typed) - 1]):
                completions.setdefault(path, entry.says)
    return [CompletionItem(path, help=says) for path, says in completions.items()]


EXAMPLES = examples(
    "exhibit api --list licence",
    "exhibit api GET cases --field state=open",
    "exhibit api GET cases --all > cases.jsonl",
    "exhibit api GET sites/shop.example",
    'exhibit api POST cases/5/notes --field text="Ask the gallery first."',
    "exhibit api POST works --file harbour.jpg --field title=Harbour",
    """exhibit api POST packages --json '{"cases": [3, 4], "recipient": "court"}'""",
    "exhibit api PUT searches/tineye/key --json - < key.json",
    "exhibit api GET packages/1/file --output package.zip",
    "exhibit api GET cases/3/bundles/1/file cases/4/bundles/1/file --output bundles/",
    "exhibit api GET cases --as ann@studio.example",
    "exhibit api GET /operator/partners",
)


@click.command("api", epilog=EXAMPLES)
@click.argument("method", required=False, shell_complete=complete_method)
@click.argument("paths", metavar="[PATH]...", nargs=-1, shell_complete=complete_path)
@click.option(
    "--list",
    "word",
    is_flag=False,
    flag_value="",
    metavar="[WORD]",
    help="List operations; with WORD, only matching ones.",
)
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=VALUE",
    help="Query parameter, form field or JSON field; repeat it for a list.",
)
@click.option("--json", "body", metavar="JSON", help="JSON body: text, @FILE, or - for standard input.")
@click.option("--file", "files", multiple=True, metavar="[NAME=]FILE", help="File to upload.")
@click.option(
    "--output",
    metavar="FILE",
    help="Output file, or - for standard output; a folder for several PATHs.",
)
@click.option("--all", "everything", is_flag=True, help="Get all pages of a list, one line of JSON per row.")
@click.option("--owner", "named", metavar="OWNER", help="Owner; required if there are several.")
@click.option("--as", "member", metavar="EMAIL", help="Email address of a member to act as; the operator by default.")
def api_command(
    *,
    method: str | None,
    paths: Sequence[str],
    word: str | None,
    fields: Sequence[str],
    body: str | None,
    files: Sequence[str],
    output: str | None,
    everything: bool,
    named: str | None,
    member: str | None,
) -> None:
    """Call an operation of the HTTP API, and print its response as JSON.

    PATH is relative to the owner (cases/5), or to /api/v1 if it starts with a slash (/log/checkpoint). Without --as,
    you act as the operator; only the operator can use paths below /operator. No token and no running server are needed.

    `exhibit api --list WORD` lists operations with their parameters. The reference with types and examples is at
    /api/v1/docs of your installation.
    """
    if method is None or word is not None:
        _list(word or "")
        return
    if not paths:
        raise WrongUseError("The path is missing.", hint=f"List operations with {method}: exhibit api --list {method}")
    if len(paths) > 1 and (method.upper() != "GET" or not output or Path(output).is_file()):
        raise WrongUseError("Several paths require GET and an output folder.", hint="Add --output FOLDER.")
    for path in paths:
        path, _, query = path.removeprefix(BELOW).partition("?")  # noqa: PLW2901 - without base path and query
        within = _OF_OWNER.fullmatch(path)
        target = operation(method.upper(), within[2] if within else path)
        parameters = {**dict(parse_qsl(query, keep_blank_values=True)), **_named(_pairs(fields))}
        if everything:
            parameters = {"limit": str(MOST), **parameters}
        if target.file and output is None and sys.stdout.isatty():
            raise WrongUseError("The response is a file.", hint="Add --output FILE.")
        sent = _body(target, parameters, body, _files(target, files))
        desk = open_desk()
        actor = _actor(desk, member, named)
        full = path if path.startswith("/") else f"/owners/{_owner_of(desk, actor, named)}/{path}"
        answer = partial(_answer, desk, actor, target, full, sent)
        if everything:
            _follow(target, parameters, answer)
        else:
            response = answer(parameters)
            _write(response, str(_file_in(Path(str(output)), response)) if len(paths) > 1 else output)
        if method.upper() == "POST" and not desk.workers_run:
            note("No worker is running: background jobs wait until you start Exhibit with `exhibit up`.")


def _file_in(folder: Path, response: "HttpResponseBase") -> Path:
    """Return where a response goes in a folder, which is created: the file's name as the response states it."""
    match = re.search(r'filename="([^"]+)"', response.headers.get("Content-Disposition", ""))
    if match is None:
        raise WrongUseError("This operation returns no file.", hint="Enter one path, or omit --output.")
    folder.mkdir(parents=True, exist_ok=True)
    return folder / Path(match[1]).name


def _list(word: str) -> None:
    """Print the operations with a word in their method, path or description; with their parameters where few."""
    matches = [entry for entry in operations() if word.lower() in f"{entry.method} {entry.path} {entry.says}".lower()]
    if not matches:
        say(f"No operation matches {word!r}. List all operations: exhibit api --list")
    elif len(matches) > DETAILED:
        table(("method", "path", "description"), [(entry.method, entry.path, entry.says) for entry in matches])
        note(f"{len(matches)} operations. For parameters, narrow the list: exhibit api --list WORD")
    for entry in matches if len(matches) <= DETAILED else ():
        say(f"{entry.method} {entry.path}\n  {entry.says}.")
        for option, names in (("--field", [*entry.asks, *entry.form, *entry.json]), ("--file", entry.files)):
            if names:
                say(f"  {option} {', '.join(names)}")
        if entry.file:
            say("  --output FILE")


def _pairs(fields: Sequence[str]) -> Iterator[tuple[str, str]]:
    for text in fields:
        name, mark, value = text.partition("=")
        if not mark:
            raise WrongUseError(f"{text!r} is not a field.", hint="Write --field NAME=VALUE.")
        yield name, value


def _named(pairs: Iterable[tuple[str, str]]) -> dict[str, str | list[str]]:
    """Values by name; a list for a repeated name."""
    values_by_name: dict[str, list[str]] = {}
    for name, value in pairs:
        values_by_name.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in values_by_name.items()}


def _usage(target: Operation) -> str:
    """The hint that lists an operation's parameters."""
    return f"Its parameters: exhibit api --list '{target.method} {target.path}'"


def _files(target: Operation, files: Sequence[str]) -> "dict[str, list[UploadedFile[bytes]]]":
    """Files by the names of their fields; the first field for a file without a name."""
    from django.core.files.uploadedfile import SimpleUploadedFile

    if files and not target.files:
        raise WrongUseError(f"{target.method} {target.path} accepts no file.", hint=_usage(target))
    files_by_name: dict[str, list[UploadedFile[bytes]]] = {}
    for text in files:
        name, mark, rest = text.partition("=")
        name, path = (name, Path(rest)) if mark and name in target.files else (target.files[0], Path(text))
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        files_by_name.setdefault(name, []).append(SimpleUploadedFile(path.name, read_file(path, MOST_BYTES), kind))
    return files_by_name


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request: form fields, or JSON."""

    form: Mapping[str, Any] | None = None
    text: str = ""


def _body(target: Operation, parameters: dict[str, Any], body: str | None, files: Mapping[str, object]) -> Body:
    """The body of a request; its fields are removed from those of the query."""
    if body is not None and not target.json:
        raise WrongUseError(f"{target.method} {target.path} accepts no JSON.", hint=_usage(target))
    if body is not None:
        return Body(text=_json(body))
    if not (target.json or target.form or target.files):
        return Body()
    fields = {name: parameters.pop(name) for name in list(parameters) if name not in target.asks}
    if not target.json:
        return Body(form={**fields, **files})
    fields |= {name: [value] for name, value in fields.items() if name in target.lists and isinstance(value, str)}
    return Body(
        text=json.dumps({name: _typed(value) if name in target.typed else value for name, value in fields.items()})
    )


def _typed(value: str | list[str]) -> object:
    """The number, Boolean or null that a text means; the API refuses other texts."""
    if isinstance(value, list):
        return [_typed(item) for item in value]
    try:
        parsed = json.loads(value)
    except ValueError:
        return value
    return value if isinstance(parsed, str | list | dict) else parsed


def _json(text: str) -> str:
    """The text of the JSON body; raises ``WrongUseError`` if it is not JSON."""
    try:
        if text in {"-", "@-"}:
            text = sys.stdin.read()
        elif text.startswith("@"):
            text = Path(text[1:]).read_text("utf-8")
        json.loads(text)
    except OSError as error:
        raise WrongUseError(f"{text[1:]} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        hint = 'Quote it: --json \'{"title": "Dawn"}\'. Or use --field.'
        raise WrongUseError(f"The body is not valid JSON: {error}.", hint=hint) from error
    return text


def _actor(desk: Desk, member: str | None, owner_slug: str | None) -> "Actor":
    """The caller: a member in their role, or the operator."""
    from desk.api.common.auth import Actor
    from registry import models, scoped
    from registry.members import accounts

    owners = models.Owner.objects.order_by("pk")
    if member is not None:
        user = accounts.get_user(member)
        by = f"{user.get_username()} (command line)"
        return Actor(user, by, f"user:{user.pk}", scoped.owners_of(user), None)
    if owner_slug is not None:
        owners = owners.filter(pk=desk.owner(owner_slug).pk)
    nobody = models.User(username=person())  # the operator needs no account on this machine
    return Actor(nobody, person(), person(), owners, frozenset(models.Scope), is_operator=True)


def _owner_of(desk: Desk, actor: "Actor", owner_slug: str | None) -> str:
    """The short name of the owner: the named one, the member's only one, or the only one."""
    own_slugs = list(actor.owners[:2])
    return own_slugs[0].slug if owner_slug is None and len(own_slugs) == 1 else desk.owner(owner_slug).slug


def _answer(
    desk: Desk, actor: "Actor", target: Operation, path: str, sent: Body, parameters: Mapping[str, Any]
) -> "HttpResponseBase":
    """The response of the API; a problem ends the command with its message."""
    from django.test import RequestFactory
    from django.urls import Resolver404, resolve

    from workers.pipeline import celery

    celery.give_up_soon()
    address = f"{BELOW}{path}{'?' * bool(parameters)}{urlencode(parameters, doseq=True)}"
    factory = RequestFactory(headers={"Host": f"{desk.config.web_host}:{desk.config.web_port}"})
    if sent.form is not None:
        request = factory.post(address, dict(sent.form))
    else:
        request = factory.generic(target.method, address, sent.text, JSON if target.json else "")
    try:
        match = resolve(request.path_info)
    except Resolver404:
        raise NotFoundError(f"{path} does not exist.", hint=f"Check the parameters of {target.path}.") from None
    request.resolver_match = match
    request.actor = actor  # type: ignore[attr-defined] # the authenticated caller
    answer: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
    if answer.status_code >= HTTPStatus.BAD_REQUEST:
        _refuse(answer.status_code, json.loads(b"".join(answer)))
    return answer


def _refuse(status: int, problem: Mapping[str, Any]) -> NoReturn:
    """End the command with the message of a problem."""
    note("\n".join(filter(None, (problem["detail"], problem.get("hint")))))
    for wrong in problem.get("errors", ()):
        note(f"  {wrong['where']}: {wrong['detail']}")
    finish(EXIT_CODES.get(status, ExitCode.WRONG_USE))


def _write(answer: "HttpResponseBase", output: str | None) -> None:
    """Print JSON, or write a file."""
    if answer.status_code == HTTPStatus.NO_CONTENT:
        return
    if answer.headers.get("Content-Type") == JSON and output is None:
        click.echo(json.dumps(json.loads(b"".join(answer)), indent=2, ensure_ascii=False))
    elif output in {None, "-"}:
        sys.stdout.buffer.writelines(answer)
    else:
        with written_whole(Path(str(output))) as file:
            file.writelines(answer)
    if (stream := getattr(answer, "file_to_stream", None)) is not None:
        stream.close()


def _follow(
    target: Operation, parameters: Mapping[str, Any], answer: "Callable[[Mapping[str, Any]], HttpResponseBase]"
) -> None:
    """Print each row of a list as a line of JSON, page by page."""
    cursor = next((name for name in ("cursor", "offset") if name in target.asks), None)
    if cursor is None:
        raise WrongUseError(f"{target.method} {target.path} is not a list with pages.", hint="Omit --all.")
    piece: dict[str, Any] = {"next": parameters.get(cursor)}
    while True:
        after = {} if piece["next"] is None else {cursor: piece["next"]}
        piece = json.loads(b"".join(answer({**parameters, **after})))
        for row in piece["items"]:
            click.echo(json.dumps(row, ensure_ascii=False))
        if piece["next"] is None:
            return
