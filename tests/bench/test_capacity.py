"""What growth is told by: a line through two sizes, or the mean of what each picture takes."""

from bench.capacity import _errors


def test_a_third_size_is_told_from_the_first_two() -> None:
    sizes = ((10, 21.0, 5.0), (100, 201.0, 7.0), (1000, 1501.0, 6.0))
    rows = [{"pictures": count, "rows, MB": rows, "match it, ms a picture": each} for count, rows, each in sizes]
    grown, each = _errors(*rows)
    assert (grown["told"], grown["measured"], grown["error"], grown["within a fifth"]) == (2001.0, 1501.0, "+33%", "no")
    assert (each["told"], each["error"], each["within a fifth"]) == (6.0, "+0%", "yes")
