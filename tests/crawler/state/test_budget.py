from crawler.formats.job import Limits
from crawler.state.budget import Budget


def test_budget_reports_the_first_exceeded_limit() -> None:
    budget = Budget(Limits(pages=1, images=1, bytes=10, hosts=1, memory_mb=1 << 20))  # includes the tests' process
    assert (
        budget.reserve("pages"),
        budget.reserve("images"),
        budget.reserve("bytes", 10),
        budget.reserve_host("a"),
    ) == (True,) * 4
    assert budget.exhausted_limit == ""
    assert not budget.reserve("bytes", 1)
    assert not budget.reserve("pages")
    assert budget.exhausted_limit == "budget-bytes"
    budget.release("images")
    assert budget.reserve("images")
    assert budget.reserve_host("a")
    assert not budget.reserve_host("b")
    assert not budget.is_memory_limit_exceeded
