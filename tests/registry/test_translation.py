import subprocess
import sys

from django.utils import translation

from registry.translation import gettext, gettext_noop, ngettext
from tests import CHECKOUT


def test_texts_are_translated_into_the_active_language() -> None:
    with translation.override("zh-hans"):
        assert gettext("Choose a role.") != "Choose a role."
        assert gettext_noop("Choose a role.") == "Choose a role."
    assert [ngettext("one thing", "many things", number) for number in (1, 2)] == ["one thing", "many things"]


def test_texts_are_untranslated_without_django_setup() -> None:
    program = "from registry.translation import gettext, ngettext; print(gettext('a'), ngettext('one', 'many', 2))"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, env={}, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "a many\n"
