"""Test that `make reference` writes pages of all commands, settings, operations and fields, with descriptions."""

import re

import click
import pytest

from tests import CHECKOUT
from tools.reference import FOLDER, api, bundle_fields, commands, settings

PAGES = {module.NAME: module.page for module in (commands, settings, api, bundle_fields)}
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")


@pytest.fixture(scope="module")
def reference_pages() -> dict[str, str]:
    return {name: page() for name, page in PAGES.items()}


def test_every_command_setting_operation_and_field_is_described(reference_pages: dict[str, str]) -> None:
    for name, text in reference_pages.items():
        assert len(text.splitlines()) > 50, name
        assert re.findall(r"^.*(?:\| \?|: \?$|: None$).*$", text, re.MULTILINE) == [], "say in the code what it is"


@pytest.mark.long
def test_links_of_its_pages_lead_somewhere(reference_pages: dict[str, str]) -> None:
    for name, text in reference_pages.items():
        for target, anchor in LINK.findall(text):
            page = (FOLDER / target).resolve() if target else FOLDER / name
            words = reference_pages.get(page.name) or page.read_text("utf-8")
            headings = {
                re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
                for heading in re.findall(r"^#+ (.+)$", words, re.MULTILINE)
            }
            assert not anchor or anchor in headings, f"{name}: {target}#{anchor}"


def test_the_page_of_the_command_line_has_the_keys_of_every_command_that_prints_json() -> None:
    page = (CHECKOUT / "docs" / "reference" / "command-output.md").read_text("utf-8")
    documented = set(re.findall(r"^\| `exhibit (.+?)` \| .*\w.* \|$", page, re.MULTILINE))
    printing = {
        name
        for _section, name, command in commands.all_commands()
        if any("--json" in parameter.opts for parameter in command.params if isinstance(parameter, click.Option))
    }
    assert {name.partition(" --")[0] for name in documented} == printing
