"""Run the scheduler: ``python -m workers.beat``."""

import django

from workers.pipeline.celery import set_short_timeouts

if __name__ == "__main__":
    django.setup()
    set_short_timeouts()
    from workers.tasks.beat import Scheduler  # Imported after django.setup().
    from workers.wiring import services

    Scheduler(services()).run()
