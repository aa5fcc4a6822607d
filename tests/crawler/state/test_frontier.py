from crawler.formats.job import Target
from crawler.state.frontier import Frontier


def urls(frontier: Frontier, count: int) -> list[str]:
    popped = (frontier.pop() for _ in range(count))
    return [target.url for target in popped if target is not None]


def test_a_frontier_takes_hosts_in_turn_and_each_address_once() -> None:
    frontier = Frontier(per_host=2)
    for url in ("http://a/1", "http://a/2", "http://a/3", "http://b/1", "http://A:80/1#x"):
        frontier.add(Target(url=url))
    assert len(frontier) == 4
    assert urls(frontier, 9) == ["http://a/1", "http://b/1", "http://a/2"]
    frontier.close(Target(url="http://a/1"))
    assert urls(frontier, 9) == ["http://a/3"]
    assert not frontier.add(Target(url="http://a/1"))
