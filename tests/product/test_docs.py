"""Test that everything named in the documentation exists: pages, links, commands with options, fields, numbers."""

import argparse
import importlib
import importlib.util
import json
import pkgutil
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from itertools import pairwise
from pathlib import Path

import click
import pytest

import exhibit
from crawler.formats.job import Job, Limits, Politeness, UserAgent
from crawler.formats.lines import PageLine
from desk.cli.api import METHODS, Operation, load_operations
from desk.cli.main import COMMANDS as COMMAND_NAMES
from evidence.documents.phrases import load_phrases
from exhibit import ports
from exhibit.config.config import Config, get_environment_name
from exhibit.types import Decision, Sighting, Verification
from registry.configuration import load_config
from tests import CHECKOUT
from tools.reference import FOLDER, crawl_fields
from tools.reference.pages import MODULES
from workers.servers.product import list_services

DOCS = CHECKOUT / "docs"
GENERATED = {FOLDER / module.NAME: module.page for module in MODULES}
"""The pages that `make reference` writes, which git does not have."""
PAGES = sorted({*CHECKOUT.glob("*.md"), *DOCS.rglob("*.md")} - set(GENERATED))
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
SPAN = re.compile(r"`([^`\n]+)`")
OWN_COMMANDS = re.compile(
    r"(\w+=\S+ )*(docker compose exec \w+ )?(bin/|\.venv/bin/)?(exhibit|python|make)\b(?![-./:,])"
)
AFTER = re.compile(r"\s(?:[|><]|&&|\|\|)\s?|\s<<")
HINT = re.compile(
    r"(?:(?:(?<=`)|(?<=: )|(?<=<code>)|(?<=bin/)|(?<=[.,] ))exhibit|python3? -m desk) ([a-z]+)(?: ([a-z-]+|[A-Z]+))?"
    r"(?: (/?[a-z][^\s`\"'<，。；]*))?"
)
"""A command in a hint: in code marks, after a colon or at the start of a sentence; with an API operation."""
NAMING = (
    *("bench", "bin", "crawler", "demo", "desk", "evidence", "exhibit", "indexer", "registry", "tools", "training"),
    *("workers", "Dockerfile", "Makefile", "docker-compose.yml"),
)
BINARY = (".mo", ".png", ".jpg", ".webp", ".onnx", ".npz", ".zip")
ALL = frozenset({*COMMAND_NAMES, *(name.partition(" ")[0] for name in COMMAND_NAMES)})
GROUPS = ALL - set(COMMAND_NAMES)
NUMBER = re.compile(r"^\|.*\| (-?[\d.]+) \| `([\w.]+)` \|$", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """A command as a page names it."""

    page: str
    words: tuple[str, ...]
    is_example: bool

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


def page_text(page: Path) -> str:
    return GENERATED[page]() if page in GENERATED else page.read_text(encoding="utf-8")


def page_name(page: Path) -> str:
    return str(page.relative_to(CHECKOUT))


def page_prose(page: Path) -> str:
    return FENCE.sub("", page_text(page))


def code_blocks(page: Path, language: str) -> list[str]:
    return [match[3] for match in FENCE.finditer(page_text(page)) if match[2] == language]


def page_links(page: Path) -> Iterator[tuple[Path, str]]:
    for match in LINK.finditer(page_prose(page)):
        target, _, anchor = match[1].partition("#")
        if not re.match(r"[a-z]+:", target):
            yield ((page.parent / target).resolve() if target else page), anchor


def link_root(page: Path) -> Path:
    """Return the folder that a page's links may not leave: the site of the documentation has no other files."""
    return DOCS if page.is_relative_to(DOCS) else CHECKOUT


def page_anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page_prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def page_commands(page: Path) -> Iterator[Command]:
    """Yield commands in blocks, which must be complete, and in code spans, which may be partial."""
    blocks = [match[3] for match in FENCE.finditer(page_text(page)) if match[2] in {"", "sh", "console"}]
    for line in "".join(blocks).splitlines():
        if words := split_command(line):
            yield Command(page_name(page), words, is_example=True)
    for span in SPAN.findall(page_prose(page)):
        if words := split_command(span):
            yield Command(page_name(page), words, is_example=False)


def split_command(line: str) -> tuple[str, ...]:
    """Return the words of one of Exhibit's commands, its program first; empty for other lines."""
    line = line.strip().removeprefix("$ ")
    if not OWN_COMMANDS.match(line):
        return ()
    words = shlex.split(AFTER.split(line)[0].replace("[", " ").replace("]", " "), comments=True)
    while "=" in words[0] or words[:2] == ["docker", "compose"]:
        words = words[4:] if words[0] == "docker" else words[1:]
    words[0] = words[0].rpartition("/")[2]
    if len(words) == 1:
        return ()
    if words[0] == "python" and words[1:3] == ["-m", "desk"]:
        words = ["exhibit", *words[3:]]
    return tuple(words)


COMMANDS = [command for page in PAGES for command in page_commands(page)]


def test_every_link_resolves() -> None:
    anchors = cache(page_anchors)
    lost = [
        f"{page_name(page)}: {target}#{anchor}"
        for page in PAGES
        for target, anchor in page_links(page)
        if not (target in GENERATED or (target.exists() and target.is_relative_to(link_root(page))))
        or (anchor and anchor not in anchors(target))
    ]
    assert lost == []


def test_every_documented_command_and_option_exists() -> None:
    checks = {"exhibit": check_exhibit_command, "python": check_module, "make": check_make}
    assert {command.words[0] for command in COMMANDS} == set(checks)
    wrong = []
    for command in COMMANDS:
        try:
            checks[command.words[0]](command)
        except (AssertionError, click.ClickException, SystemExit) as error:
            wrong.append(f"{command}: {error}")
    assert wrong == []


def check_exhibit_command(documented: Command) -> None:
    words = list(documented.words[1:])
    from desk.cli.main import exhibit as root

    command: click.Command = root
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, *words = words
        subcommand = command.get_command(click.Context(command), name)
        assert subcommand is not None, f"there is no command {name}"
        command = subcommand
    if command.name == "api" and words and words[0] in METHODS:
        check_fields(words)
    options = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h", "--version"}
    assert {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"} <= options
    if documented.is_example and not isinstance(command, click.Group) and "…" not in words and "..." not in words:
        parse_with_click(command, words)


def find_operations(method: str, path: str) -> list[Operation]:
    """Return the operations of a path in a command or hint; values or placeholders stand for its path parameters."""
    segments = path.removeprefix("/api/v1").partition("?")[0].split("/")
    operations = [
        operation
        for operation in load_operations()
        if operation.method == method
        and len(parts := operation.path.split("/")) == len(segments)
        and all(map(matches_segment, segments, parts))
    ]
    assert operations, f"the API has no {method} {path}"
    return operations


def check_fields(words: list[str]) -> None:
    """Verify that the operation in a command has the fields that the command sends."""
    operations = find_operations(words[0], words[1])
    known = {
        name for operation in operations for name in (*operation.query_parameters, *operation.form, *operation.json)
    }
    for option, value in pairwise(words):
        if option == "--field":
            assert value.partition("=")[0] in known, f"{words[0]} {words[1]} has no field {value}"
        elif option == "--json" and value.startswith("{"):
            outer = re.sub(r"(?<=.)\{[^{}]*\}", "", value)  # brackets of lists are optional parts of a command here
            assert set(re.findall(r'"(\w+)":', outer)) <= known, f"{words[0]} {words[1]} has other fields than {value}"


def matches_segment(segment: str, part: str) -> bool:
    """Return True if a segment of a path matches that of an operation."""
    return segment == part or part.startswith("{") or any(sign in segment for sign in "{%")


def test_every_command_in_a_hint_exists() -> None:
    """Test the commands in code, on pages of the site, in templates and in service settings."""
    listed = subprocess.run(["git", "ls-files", *NAMING], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    wrong, count = [], 0
    for name in listed.stdout.splitlines():
        text = (CHECKOUT / name).read_bytes().decode("utf-8", "ignore") if not name.endswith(BINARY) else ""
        for hint in HINT.finditer(text):
            count += 1
            command = " ".join(filter(None, hint.groups()[:2]))
            if hint[1] == "api" and hint[3] and str(hint[2]).isupper():
                try:
                    find_operations(str(hint[2]), hint[3].rstrip(".,;"))
                except AssertionError as error:
                    wrong.append(f"{name}: {error}")
            elif hint[1] not in ALL or (hint[1] in GROUPS and hint[2] and command not in ALL):
                wrong.append(f"{name}: exhibit {command}")
    assert count > 100
    assert wrong == []


def test_table_of_interfaces_lists_existing_paths() -> None:
    paths = {operation.path.removeprefix("/") for operation in load_operations()}
    table = (DOCS / "reference" / "interfaces.md").read_text("utf-8").partition("\n## ")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| ")]
    listed = [span for row in rows[1:] for span in SPAN.findall(row[4])]
    shown = {path.removeprefix("/api/v1/").replace("/N/", "/{number}/") for path in listed}
    assert len(shown) > 20
    assert {
        path for path in shown if not any(known == path or known.startswith(f"{path}/") for known in paths)
    } == set()


def parse_with_click(command: click.Command, arguments: list[str]) -> None:
    context = click.Context(command, info_name=command.name)
    values, rest, _ = command.make_parser(context).parse_args(list(arguments))
    assert not rest, f"too many words: {rest}"
    for parameter in command.params:
        value = values.get(parameter.name or "")
        if parameter.required:
            assert value not in (None, ()), f"{parameter.name} is missing"
        if isinstance(parameter.type, click.Choice) and isinstance(value, str):
            assert value in parameter.type.choices


def check_module(documented: Command) -> None:
    words = list(documented.words[1:])
    if words[0] == "-m":
        _, module, *words = words
        assert importlib.util.find_spec(module) is not None, f"there is no module {module}"
        if module == "workers.run":
            assert words[0] in {child.name for child in list_services(load_config())}
        elif documented.is_example and module not in {"pytest", "workers.servers.keeper"} and "…" not in words:
            parse_with_argparse(module, words)
    elif words[0].endswith(".py"):
        assert any((CHECKOUT / folder / words[0]).exists() for folder in (".", "evidence/standalone"))
    else:
        assert words[0] in {"-", "-c"}


def parse_with_argparse(module: str, arguments: list[str]) -> None:
    """Parse words with the module's parser, which has this name if it takes arguments."""
    program = f"{module}.__main__" if find_module(f"{module}.__main__") else module
    make = getattr(importlib.import_module(program), "_build_parser", None)
    if make is None:
        assert not arguments, f"{module} takes no arguments"
        return
    parser: argparse.ArgumentParser = make()
    parser.parse_args(arguments)


def check_make(documented: Command) -> None:
    targets = re.findall(r"^([\w-]+):", (CHECKOUT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert {word for word in documented.words[1:] if "=" not in word} <= set(targets)


def test_every_documented_file_exists() -> None:
    tops = {path.name for path in CHECKOUT.iterdir() if path.is_dir() and (path / "__init__.py").exists()} | {
        "docs",
        "tools",
    }
    lost = []
    for page in PAGES:
        for span in SPAN.findall(page_prose(page)):
            top, slash, rest = span.partition("/")
            if slash and top in tops and re.fullmatch(r"[\w./*-]*", rest) and not list(CHECKOUT.glob(span.rstrip("/"))):
                lost.append(f"{page_name(page)}: {span}")
    assert lost == []


def test_every_documented_code_name_exists() -> None:
    lost = [
        f"{page_name(page)}: {span}"
        for page in PAGES
        for span in SPAN.findall(page_prose(page))
        if re.fullmatch(r"(exhibit|registry|crawler|indexer|evidence|workers)(\.[A-Za-z_]\w*)+", span)
        and not (is_importable(span) or (CHECKOUT / span).exists() or span == "exhibit.toml")
    ]
    assert lost == []


def is_importable(dotted: str) -> bool:
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if importlib.util.find_spec(parts[0]) and find_module(name):
            target: object = importlib.import_module(name)
            for part in parts[length:]:
                if not hasattr(target, part):
                    return False
                target = getattr(target, part)
            return True
    return False


def find_module(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def test_every_port_is_described_with_its_name() -> None:
    code_spans = set(SPAN.findall(page_prose(DOCS / "contributing" / "architecture.md")))
    own = {name for name, value in vars(ports).items() if getattr(value, "__module__", "") == ports.__name__}
    assert own - {"ReportT_contra"} <= code_spans


def test_documented_matching_numbers_equal_code() -> None:
    rows = NUMBER.findall(page_text(DOCS / "explanation" / "how-matching-works.md"))
    assert len(rows) >= 10
    for number, name in rows:
        assert float(number) == pkgutil.resolve_name(name), name


def test_every_reason_delaying_a_decision_is_documented() -> None:
    reasons = {key.removeprefix("remark.") for key in load_phrases("en").sentences if key.startswith("remark.")}
    page = page_text(DOCS / "explanation" / "how-matching-works.md")
    assert {f"`{reason}`" for reason in reasons if reason != "same-bytes"} <= set(re.findall(r"`[\w-]+`", page))


def test_every_field_of_jobs_lines_and_matches_is_documented() -> None:
    from indexer.compare.wording import as_dict

    code_spans = set(SPAN.findall(crawl_fields.page()))
    match = as_dict(Verification(Decision.NONE, 256, 0, 0.0, None, False, 0, 0.0, 0.0, None, ""))  # noqa: FBT003 - in order
    for cls in (Job, Limits, Politeness, UserAgent):
        assert {field.name for field in fields(cls)} <= code_spans, cls.__name__
    assert set(match) <= code_spans
    sighting, page = ({field.name for field in fields(cls)} for cls in (Sighting, PageLine))
    assert {"page_url", "image_url", "digest", "found_in", "context"} <= sighting & code_spans
    assert {"sightings", "refusals", "links", "signals"} <= page & code_spans


def test_documented_job_is_valid() -> None:
    (block,) = code_blocks(CHECKOUT / "docs" / "reference" / "stand-alone.md", "json")
    job = Job.from_json(block)
    assert set(json.loads(block)) <= {field.name for field in fields(job)}


def test_documented_settings_are_accepted(tmp_path: Path) -> None:
    blocks = [block for page in PAGES for block in code_blocks(page, "toml")]
    assert blocks
    for block in blocks:
        for roots in re.findall(r'roots = "(.*)"', block):
            (tmp_path / roots).parent.mkdir(exist_ok=True)
            (tmp_path / roots).write_text("-")
        (tmp_path / "exhibit.toml").write_text(block, encoding="utf-8")
        load_config({"EXHIBIT_DATA": str(tmp_path)})


def test_documented_variables_exist_as_settings() -> None:
    composed = re.findall(r"\$\{(EXHIBIT_[A-Z_]+)", (CHECKOUT / "docker-compose.yml").read_text("utf-8"))
    setting_names = {get_environment_name(field.name) for field in fields(Config)} | set(composed)
    variables = {name for page in PAGES for name in re.findall(r"\bEXHIBIT_[A-Z_]+", page_text(page))}
    assert variables <= setting_names


def test_change_log_lists_this_version() -> None:
    newest = re.search(r"^## \[([\d.]+)\](.*)$", page_text(CHECKOUT / "CHANGELOG.md"), re.MULTILINE)
    assert newest
    assert newest[1] == exhibit.__version__ or newest[2] == " – unreleased"


@pytest.mark.long
def test_stand_alone_examples_work() -> None:
    """Test in a separate process, since a crawl runs only once in a process."""
    command = [sys.executable, "-m", "doctest", "docs/reference/stand-alone.md"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
