"""What growth is told by: a line through two sizes, or the mean of what each picture takes."""

import pytest

from bench.capacity import _errors, told_by


def test_a_third_size_is_told_from_the_first_two() -> None:
    sizes = ((10, 21.0, 5.0), (100, 201.0, 7.0), (1000, 1501.0, 6.0))
    rows = [{"pictures": count, "rows, MB": rows, "match it, ms a picture": each} for count, rows, each in sizes]
    grown, each = _errors(*rows)
    assert (grown["told"], grown["measured"], grown["error"], grown["within a fifth"]) == (2001.0, 1501.0, "+33%", "no")
    assert (each["told"], each["error"], each["within a fifth"]) == (6.0, "+0%", "yes")


def test_descriptors_grow_by_steps_as_their_index_is_made() -> None:
    sizes = (10_000, 100_000, 1_000_000)
    assert told_by("index of descriptors, MB", sizes, 20.0, 50.0) == pytest.approx(500)
    assert told_by("index of descriptors, MB", (1_000, 10_000, 100_000), 2.0, 20.0) == pytest.approx(50)
    searched = told_by("a new work against the descriptors of all, ms", sizes, 14.0, 8.0)
    assert 8 * 4 < searched < 8 * 6  # two segments of 64 among 2,048 cells each, where there was one of 1,024
