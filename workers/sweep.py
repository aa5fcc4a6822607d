"""``python -m workers.sweep``: removes what processes and purges have left behind on this machine, and ends."""

import django

from workers.configuration import load_config
from workers.tasks.here import mark

if __name__ == "__main__":
    mark(load_config())
    django.setup()
    from workers.operations.retention import sweep_here  # needs Django, as the next
    from workers.services.wiring import services

    sweep_here(services())
