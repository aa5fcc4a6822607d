from crawler.formats.job import Target
from crawler.state.crawl import Frontier


def urls(frontier: Frontier, count: int) -> list[str]:
    popped = (frontier.pop() for _ in range(count))
    return [target.url for target in popped if target is not None]


def test_frontier_alternates_hosts_and_yields_each_url_once() -> None:
    frontier = Frontier(per_host=2)
    for url in ("http://a/1", "http://a/2", "http://a/3", "http://b/1", "http://A:80/1#x"):
        frontier.add(Target(url=url))
    assert len(frontier) == 4
    assert urls(frontier, 9) == ["http://a/1", "http://b/1", "http://a/2"]
    frontier.close(Target(url="http://a/1"))
    assert urls(frontier, 9) == ["http://a/3"]
    assert not frontier.add(Target(url="http://a/1"))


def test_frontier_yields_lower_depths_first_and_alternates_url_patterns() -> None:
    frontier = Frontier(per_host=99)
    for depth, path in [(2, "deep"), *((1, f"day/{n}") for n in range(3)), (1, "item/1"), (1, "item/2"), (0, "named")]:
        frontier.add(Target(url=f"http://a/{path}", depth=depth))
    paths = [url.removeprefix("http://a/") for url in urls(frontier, 9)]
    assert paths == ["named", "day/0", "item/1", "day/1", "item/2", "day/2", "deep"]


def test_processed_url_is_never_queued_again() -> None:
    frontier = Frontier(per_host=2)
    frontier.skip("http://a/1")
    assert not frontier.add(Target(url="http://A:80/1"))
