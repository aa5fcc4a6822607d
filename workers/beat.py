"""``python -m workers.beat``: runs the scheduler."""

import django

from workers.pipeline.celery import give_up_soon

if __name__ == "__main__":
    django.setup()
    give_up_soon()
    from workers.tasks.beat import Beat  # Needs Django.
    from workers.wiring import services

    Beat(services()).run()
