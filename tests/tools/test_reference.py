"""Test that `make reference` writes pages of all commands, settings, operations and fields, with descriptions."""

import re
import zipfile

import click
import pytest

from evidence.verify.checks.odds import TERMS
from tests import CHECKOUT
from tools.reference import FOLDER, bundle_fields, commands, json_output, odds
from tools.reference.pages import MODULES

PAGES = {module.NAME: module.page for module in MODULES}
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")


@pytest.fixture(scope="module")
def reference_pages() -> dict[str, str]:
    return {name: page() for name, page in PAGES.items()}


def test_every_command_setting_operation_and_field_is_documented(reference_pages: dict[str, str]) -> None:
    for name, text in reference_pages.items():
        assert len(text.splitlines()) > 20, name
        assert re.findall(r"^.*(?:\| \?|: \?$|: None$).*$", text, re.MULTILINE) == [], "say in the code what it is"


@pytest.mark.long
def test_reference_links_resolve(reference_pages: dict[str, str]) -> None:
    for name, text in reference_pages.items():
        for target, anchor in LINK.findall(text):
            if re.match(r"[a-z]+:", target):
                continue
            page = (FOLDER / target).resolve() if target else FOLDER / name
            words = reference_pages.get(page.name) or page.read_text("utf-8")
            headings = {
                re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
                for heading in re.findall(r"^#+ (.+)$", words, re.MULTILINE)
            }
            assert not anchor or anchor in headings, f"{name}: {target}#{anchor}"


def test_all_bundle_files_are_described() -> None:
    paths = ", ".join(bundle_fields.load_file_descriptions()).split(", ")
    forms = [re.sub(r"NN|\bN\b|SIZE|ID", r"\\w+", re.escape(path).replace(r"\*", ".+")) for path in paths]
    described = re.compile("|".join(f"{form}.+" if form.endswith("/") else form for form in forms))
    with zipfile.ZipFile(CHECKOUT / "tests" / "assets" / "vectors" / "bundle.zip") as packed:
        names = packed.namelist()
    assert len(names) > 30
    assert [name for name in names if not described.fullmatch(name)] == []


def test_documented_odds_terms_equal_code() -> None:
    assert odds.FORMULAE.keys() == TERMS.keys()
    assert "**16.221**" in odds.page()


def test_command_line_page_lists_keys_of_every_json_command() -> None:
    documented = {name.removeprefix("exhibit ") for name in json_output.load_keys()["commands"]}
    printing = {
        name
        for _section, name, command in commands.all_commands()
        if any("--json" in parameter.opts for parameter in command.params if isinstance(parameter, click.Option))
    }
    assert {name.partition(" --")[0] for name in documented} == printing
