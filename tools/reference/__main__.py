"""Write all generated reference pages: ``python -m tools.reference``."""

import os
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
os.environ.setdefault("EXHIBIT_DATA", str(Path("var/check").resolve()))  # The settings create secrets on first use.
django.setup()

from tools.reference import FOLDER  # noqa: E402 - Django has to be set up first
from tools.reference.pages import MODULES  # noqa: E402

FOLDER.mkdir(exist_ok=True)
for module in MODULES:
    (FOLDER / module.NAME).write_text(module.page(), encoding="utf-8")
    print(FOLDER / module.NAME)
