"""Test the README: its commands, run in sequence in the test's own folders, and its numbers."""

import json
import re
import shlex
from pathlib import Path

import pytest

from tests import CHECKOUT
from tests.assets.command_line import CommandLine
from tests.assets.processes import find_processes, free_port, wait_until
from tests.assets.rows import photograph, recompress
from tests.assets.shop import LOOPBACK, Shop

ENDS = {"verify": 4}
"""Non-zero exit codes: no outside timestamp service is configured, and the README explains the effect."""


def readme_commands() -> list[list[str]]:
    """Return the words of each command, without comments."""
    text = (CHECKOUT / "README.md").read_text("utf-8").partition("\n## Quick start\n")[2]
    block = re.search(r"```\n(.*?)```", text, re.DOTALL)
    assert block is not None
    return [shlex.split(line, comments=True) for line in block[1].splitlines()]


FIGURE = re.compile(r"(?<![\w.,/])(?:\d{1,3}(?:,\d{3})+|\d+\.\d+(?: ?%)|\d+ ?%)(?![\w/])")
"""A number that looks measured: 1,000 or more, or a percentage."""
ERROR_RATE = re.compile(
    r"([\d,]+) photographs,.* (\d+) were falsely\s+called \*certain\*: at most ([\d,]+) per\s+million"
)


def read_page(name: str) -> str:
    return (CHECKOUT / name).read_text("utf-8")


def parse_number(text: str) -> int:
    return int(text.replace(",", ""))


def table_row(text: str, start: str) -> list[str]:
    """Return the cells of the table row that starts with this text."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {start}")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_readme_error_rate_equals_accuracy_page_and_calibration() -> None:
    claimed = ERROR_RATE.search(read_page("README.md"))
    assert claimed is not None
    accuracy = read_page("docs/explanation/accuracy.md")
    search_row, bound = (
        table_row(accuracy, "each searched for among all others"),
        table_row(accuracy, "… at most, in a million pictures"),
    )
    photographs, failed, at_most = map(parse_number, claimed.groups())
    assert (photographs, failed, at_most) == tuple(map(parse_number, (search_row[1], search_row[2], bound[2])))
    shipped = json.loads(read_page("indexer/models/calibration.json"))["bounds"]
    assert shipped["certain"] == {"photographs": photographs, "failed": failed, "at_most_in_a_million": at_most}
    assert [parse_number(cell) for cell in (search_row[3], bound[3])] == [
        shipped["review"]["failed"], shipped["review"]["at_most_in_a_million"],
    ]  # fmt: skip


def test_every_readme_figure_is_on_a_measurement_page() -> None:
    text = re.sub(r"```.*?```", "", read_page("README.md"), flags=re.DOTALL)
    measurements = set(FIGURE.findall(read_page("docs/explanation/accuracy.md") + read_page("docs/benchmarks.md")))
    figures = set(FIGURE.findall(text))
    assert figures
    assert figures <= measurements


@pytest.mark.long
def test_readme_commands_lead_from_owner_to_verified_bundle(open_folder: Path, shop: Shop) -> None:
    settings = {"EXHIBIT_ALLOWED_NETWORKS": LOOPBACK, "EXHIBIT_WEB_PORT": str(free_port()), "EXHIBIT_WORKERS": "1"}
    cli = CommandLine(open_folder / "data", {**settings, "EXHIBIT_CAPTURE_BROWSER": "none"})
    (open_folder / "portfolio").mkdir()
    (open_folder / "portfolio" / "one.jpg").write_bytes(photograph(1))
    (open_folder / "found.jpg").write_bytes(recompress(photograph(1)))
    own = {"~/Pictures/portfolio": open_folder / "portfolio", "https://shop.example/": shop.url()}
    (up, *lines), outputs = readme_commands(), {}
    assert up == ["make", "up"]
    try:
        cli.run("up", "--detach")
        for program, *words in lines:
            assert program == "bin/exhibit"
            paths = {name: open_folder / name for name in words if re.search(r"\.(jpg|json|zip)$", name)}
            arguments = [{**paths, **own}.get(word, word) for word in words]
            if words[:2] == ["user", "add"]:
                arguments.append("--generate-password")  # no terminal to type a password
            outputs[" ".join(words[:2])] = cli.run(*arguments, code=ENDS.get(words[0], 0)).out
    finally:
        cli.run("down", code=None)
    assert "1 case." in outputs["watch run"]
    [verdict] = [text for line, text in outputs.items() if line.startswith("verify ")]
    assert "not proven: time" in verdict
    assert "work 1, one" in outputs["identify found.jpg"]
    wait_until(lambda: not find_processes(open_folder))
