"""Log lines as JSON."""

import json
import logging

from exhibit.logs import JsonLines, about, logged_as


def test_a_line_says_what_it_belongs_to_and_stays_one_line() -> None:
    record = logging.makeLogRecord({"name": "a", "levelname": "ERROR", "msg": "two\nlines of %s", "args": ("x",)})
    record.status = 404
    with logged_as(request_id="r", task_id=""), logged_as(task="exhibit.match"):
        told = JsonLines().format(record)
        assert about() == {"request_id": "r", "task": "exhibit.match"}
    assert "\n" not in told
    assert {"message": "two\nlines of x", "level": "error", "status": 404, "request_id": "r"}.items() <= json.loads(
        told
    ).items()
    assert "request_id" not in json.loads(JsonLines().format(record))
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        import sys

        record.exc_info = sys.exc_info()
    assert "ZeroDivisionError" in json.loads(JsonLines().format(record))["trace"]
