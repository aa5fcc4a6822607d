from crawler.formats.job import Limits
from crawler.state.budget import Budget


def test_budget_reports_the_first_exceeded_limit() -> None:
    budget = Budget(Limits(pages=1, images=1, bytes=10, hosts=1, memory_mb=1 << 20))  # includes the tests' process
    assert (budget.take("pages"), budget.take("images"), budget.take("bytes", 10), budget.take_host("a")) == (True,) * 4
    assert budget.spent == ""
    assert not budget.take("bytes", 1)
    assert not budget.take("pages")
    assert budget.spent == "budget-bytes"
    budget.give_back("images")
    assert budget.take("images")
    assert budget.take_host("a")
    assert not budget.take_host("b")
    assert not budget.memory_spent
