from exhibit.clock import SLACK
from workers.configuration import load_config
from workers.pipeline.celery import TASK_SECONDS, make_app
from workers.tasks import tasks


def test_what_has_to_happen_by_itself_is_scheduled_and_is_a_task() -> None:
    schedule = make_app(load_config()).conf.beat_schedule
    scheduled = {entry["task"] for entry in schedule.values()}
    assert scheduled == {"exhibit.tick", "exhibit.retain", "exhibit.votes"}
    assert scheduled <= {tasks.tick_once.name, tasks.expire_bytes.name, tasks.keep_up_votes.name}


def test_what_takes_hours_is_neither_killed_after_minutes_nor_begun_twice() -> None:
    assert (tasks.keep_up_votes.time_limit or 0) > TASK_SECONDS
    assert not tasks.keep_up_votes.acks_late


def test_the_tick_comes_as_often_as_it_is_configured() -> None:
    config = load_config({"EXHIBIT_DATA": "/absent", "EXHIBIT_TICK_SECONDS": "7"})
    tick = make_app(config).conf.beat_schedule["tick"]
    assert tick["schedule"] == 7
    assert tick["options"]["expires"] > SLACK.total_seconds()  # by which the clock of who runs it may be ahead
