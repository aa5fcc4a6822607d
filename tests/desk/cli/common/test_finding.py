"""How commands find works: each option narrows."""

from desk.cli.common.finding import ONLY
from registry.models import Owner
from registry.works.collections import make_collection
from registry.works.works import Only
from tests.assets.command_line import Terminal
from tests.assets.rows import photograph, register
from workers.tasks.sync_runner import SyncRunner


def test_each_option_narrows_what_is_found(cli: Terminal, studio: str, inline: SyncRunner) -> None:
    of = Owner.objects.get(slug=studio)
    works = [register(inline.services, of, photograph(n), title).work for n, title in enumerate(("Port", "Tower"))]
    make_collection(of, "Harbours", by="Ann").works.set(works[:1])

    def found(*given: str) -> list[object]:
        return [work["number"] for work in cli.ask("work", "list", *given)["works"]]

    assert found() == found("--only", "authorless") == [1, 2]
    assert found("--match", "tow") == [2]
    assert found("--in", "Harbours") == [1]
    assert found("--only", "seen") == []
    assert tuple(Only) == ONLY
