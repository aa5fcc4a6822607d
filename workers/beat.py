"""``python -m workers.beat``: ticks until it is told to end."""

import django

from workers.pipeline.celery import give_up_soon

if __name__ == "__main__":
    django.setup()
    give_up_soon()
    from workers.tasks.beat import keep_time  # needs Django
    from workers.wiring import services

    keep_time(services())
