"""Sends all notices that wait, in a process of its own that a test may kill."""


def main() -> None:
    """Send what is due."""
    import django

    django.setup()
    from exhibit.config.config import load_config
    from registry.db import steps
    from registry.models import NoticeMail
    from workers.services.wiring import House
    from workers.steps.notify.notice import send_notices

    house = House(load_config())
    send_notices(house, steps.due_ids(NoticeMail, house.stale_after, 10))


if __name__ == "__main__":
    main()
