from exhibit.config import load_config
from workers import tasks
from workers.celery import make_app


def test_what_has_to_happen_by_itself_is_scheduled_and_is_a_task() -> None:
    schedule = make_app(load_config()).conf.beat_schedule
    scheduled = {entry["task"] for entry in schedule.values()}
    assert scheduled == {"exhibit.tick", "exhibit.retain"}
    assert scheduled <= {tasks.tick_once.name, tasks.expire_bytes.name}


def test_the_tick_comes_as_often_as_it_is_configured() -> None:
    config = load_config({"EXHIBIT_DATA": "/absent", "EXHIBIT_TICK_SECONDS": "7"})
    assert make_app(config).conf.beat_schedule["tick"]["schedule"] == 7
