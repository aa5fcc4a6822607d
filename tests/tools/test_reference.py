"""Test that `make reference` writes pages of all commands, settings, operations and fields, with descriptions."""

import re

import click
import pytest

from tools.reference import FOLDER, commands, json_output
from tools.reference.pages import MODULES

PAGES = {module.NAME: module.page for module in MODULES}
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")


@pytest.fixture(scope="module")
def written() -> dict[str, str]:
    return {name: page() for name, page in PAGES.items()}


def test_every_command_setting_operation_and_field_is_described(written: dict[str, str]) -> None:
    for name, text in written.items():
        assert len(text.splitlines()) > 20, name
        assert re.findall(r"^.*(?:\| \?|: \?$|: None$).*$", text, re.MULTILINE) == [], "say in the code what it is"


@pytest.mark.long
def test_links_of_its_pages_lead_somewhere(written: dict[str, str]) -> None:
    for name, text in written.items():
        for target, anchor in LINK.findall(text):
            page = (FOLDER / target).resolve() if target else FOLDER / name
            words = written.get(page.name) or page.read_text("utf-8")
            headings = {
                re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-")
                for one in re.findall(r"^#+ (.+)$", words, re.MULTILINE)
            }
            assert not anchor or anchor in headings, f"{name}: {target}#{anchor}"


def test_the_page_of_the_command_line_has_the_keys_of_every_command_that_prints_json() -> None:
    told = {name.removeprefix("exhibit ") for name in json_output.keys()["commands"]}
    printing = {
        name
        for _section, name, command in commands.all_commands()
        if any("--json" in one.opts for one in command.params if isinstance(one, click.Option))
    }
    assert {name.partition(" --")[0] for name in told} == printing
