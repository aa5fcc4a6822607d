"""Write every page of docs/reference anew: ``python -m tools.reference``."""

import os
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
os.environ.setdefault("EXHIBIT_DATA", str(Path("var/check").resolve()))  # settings make their secrets on first use
django.setup()

from tools.reference import api, bundle_fields, commands, faces, scale, settings  # noqa: E402 - Django has to be set up first

for module in (commands, settings, api, faces, bundle_fields, scale):
    module.PAGE.write_text(module.page(), encoding="utf-8")
