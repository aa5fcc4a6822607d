"""Sentences that rows and errors carry, said in the reader's language.

Below the desk they are English, and rows keep them as they were written: whoever reads them later may read another
language than whoever caused them. A phrase here is such a sentence with a name wherever a value stands. Several may
follow each other; what no phrase fits, such as a person's own words, is shown as it is.
"""

import re
from functools import lru_cache

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_noop as _

from registry.cases.history import PHRASES as PHRASES_OF_HISTORY
from registry.cases.history import joined

HISTORY = tuple(PHRASES_OF_HISTORY.values())
"""Lines of a case's history, as rows kept them before they kept phrases by name; a reason may still be one."""

VISITS = (
    _("The page's address answered with status %(status)s: not there any more."),
    _("The page couldn't be visited:"),
    _("The page is there, but the image's address answered with status %(status)s."),
    _("The page is there, but the image wasn't seen."),
    _("The page is there."),
    _("The image's address answered with status %(status)s: not there any more."),
    _("The image couldn't be fetched:"),
    _("The image's address now serves %(kind)s instead of an image."),
    _("The image was served with exactly the bytes that were seen before."),
    _("The image's address now serves other bytes than were seen before."),
    _("its address answered with status %(status)s."),
    _("It isn't inside the page's HTML, where it had been seen."),
    _("The page's HTML doesn't name the image's address; scripts weren't run."),
    _("The browser shows no picture of the page:"),
    _("There is no screenshot of the whole page, but one of the part around the image:"),
    _("There is no screenshot of the whole page, but the page as PDF:"),
    _("There is no screenshot of the whole page, but one of the part around the image, and the page as PDF:"),
    _("The rendered page shows it at one place."),
    _("The rendered page shows it at %(times)s places."),
    _("The rendered page offers it in another size at one place."),
    _("The rendered page offers it in another size at %(times)s places."),
    _("The rendered page links to it at one place."),
    _("The rendered page links to it at %(times)s places."),
    _("The rendered page uses its address at one place."),
    _("The rendered page uses its address at %(times)s places."),
    _("Whether the rendered page shows it couldn't be found out."),
    _("The rendered page doesn't show it."),
    _("Visited without a browser:"),
    _("this program failed at the page."),
    _("The browser didn't come to an end."),
    _("Not visited: the operator's rules name %(host)s."),
    _("The operator's rules name %(host)s."),
    _("The operator's blocklist names bytes of this page; what carries or shows it wasn't kept."),
    _("The time for this visit was over."),
    _("The page couldn't be asked for."),
    _("The server's certificate couldn't be verified, or the encrypted connection failed."),
    _("The server gave no whole answer."),
    _("The server redirects too often."),
    _("The site asks for a login (status %(status)s), so the page wasn't seen; it may be there for others."),
    _("At the image's address the site asks for a login (status %(status)s)."),
    _("The site refuses this visit (status %(status)s), so the page wasn't seen; it may be there for others."),
    _("At the image's address the site refuses this visit (status %(status)s)."),
    _("The site refuses so many visits (status %(status)s), so the page wasn't seen; it may be there for others."),
    _("At the image's address the site refuses so many visits (status %(status)s)."),
    _(
        "The site refuses this visit for legal reasons (status %(status)s), so the page wasn't seen; it "
        "may be there for others."
    ),
    _("At the image's address the site refuses this visit for legal reasons (status %(status)s)."),
    _(
        "The site doesn't serve this visit now (status %(status)s), so the page wasn't seen; it may be "
        "there for others."
    ),
    _("At the image's address the site doesn't serve this visit now (status %(status)s)."),
    _(
        "The site asks visitors to show that they aren't programs (status %(status)s), so the page "
        "wasn't seen; it may be there for others."
    ),
    _("At the image's address the site asks visitors to show that they aren't programs (status %(status)s)."),
    _(
        "The site leads to a login or a check of visitors (status %(status)s), so the page wasn't seen; "
        "it may be there for others."
    ),
    _("At the image's address the site leads to a login or a check of visitors (status %(status)s)."),
    _("The page shows a password field, and neither names nor shows the image; others may see another page."),
    _("The page shows a password field, and doesn't show the image; others may see another page."),
    _("The page shows a check of visitors, and neither names nor shows the image; others may see another page."),
    _("The page shows a check of visitors, and doesn't show the image; others may see another page."),
    _(
        "The page shows a password field and a check of visitors, and neither names nor shows the "
        "image; others may see another page."
    ),
    _(
        "The page shows a password field and a check of visitors, and doesn't show the image; others "
        "may see another page."
    ),
)
"""What visits for evidence found."""

WEB = (
    _("The URL contains a space, a backslash or a control character."),
    _("The URL can't be read."),
    _("Only http and https are visited, not %(scheme)s."),
    _("The URL begins neither with http:// nor with https://."),
    _("The URL carries a user name or a password."),
    _("The URL has no host that can be read."),
    _("The URL's port isn't a number from 1 to 65535."),
    _("The port %(port)s isn't visited."),
    _("The host %(host)s has no address."),
    _("%(host)s isn't a host."),
    _("%(host)s is an unusual way to write an address."),
    _("Write an address as four decimal numbers without leading zeros."),
    _("%(address)s isn't an address."),
    _("The address %(address)s isn't on the public internet."),
    _("An operator can open a network of their own by a setting."),
    _("The answer has more than %(bytes)s bytes."),
    _("The server redirects more than %(times)s times."),
    _("The server answers too slowly."),
    _("The page takes too long to read."),
    _("The page takes too much memory to read."),
    _("The page can't be read."),
    _("It answered with status %(status)s."),
    _("It didn't answer in time."),
    _("It can't be reached."),
    _("The webhook is paused."),
    _("A member paused it."),
    _("A program paused it."),
    _("The secret of the webhook can't be unlocked."),
)
"""What keeps an address from being reached, and what became of a message to one."""

PICTURES = (
    _("The file is empty."),
    _("The file has more than %(bytes)s bytes."),
    _("The picture has no pixels."),
    _("The picture has too many pixels."),
    _("The picture is %(size)s; no side may be longer than %(most)s."),
    _("The picture takes longer than %(seconds)s s to decode."),
    _("The picture is damaged."),
    _("The picture is damaged, or of a kind that can't be read."),
    _("The picture breaks off."),
    _("The picture carries texts that unpack to too much."),
    _("These bytes aren't a picture that can be read."),
    _("Pictures are %(formats)s."),
    _("The operator's blocklist names these bytes."),
    _("The two pictures can't be laid on each other."),
)
"""Why a picture can't be read or drawn."""

MACHINE = (
    _("The disk is full."),
    _("The disk quota is used up."),
    _("A limit of this process forbids files of this size."),
    _("The disk is read-only."),
    _("A file of the data folder may not be read or written."),
    _("The disk can't be read or written."),
    _("Too many files are open."),
    _("There is not enough memory."),
    _("No more processes can be started."),
    _("This machine reaches no network."),
    _("The process that reads files of others was killed."),
    _("Is memory short?"),
    _("The process that reads files of others can't be started."),
    _("The process that reads files of others has no room."),
    _("The database doesn't answer."),
    _("The database can't write: its disk is full or fails."),
    _("Redis doesn't answer, or its disk or memory is full."),
)
"""What of the machine keeps work from being done."""

STEPS = (
    _("The worker died on this row."),
    _("The worker died %(count)s times on this row."),
    _("The step broke off:"),
    _("The case was opened again before the bundle was sealed. Deciding it again asks for another."),
    _("Bundle %(bundle)s of case %(case)s isn't sealed yet."),
    _("Try again in a moment."),
    _("Bundle %(bundle)s of case %(case)s was sealed without reduced pictures."),
    _("Decide the case again: a new bundle has them."),
    _("Case %(number)s wasn't sealed."),
    _("Decide the case again, and ask for the ZIP anew."),
    _("Together the bundles are larger than 4 GiB."),
    _("Ask for fewer cases at a time."),
    _("The disk is nearly full. It goes on when there is room."),
    _("The bytes of %(digest)s aren't here."),
    _("The stored bytes of %(digest)s have changed."),
    _("Restore this file from a backup, or remove it."),
    _("The sealing key was revoked meanwhile; another one seals."),
    _("No font with Chinese characters was found, so the document can't be made in Chinese."),
    _("Install one, for example with `apt-get install fonts-noto-cjk`, or ask for the English document."),
    _("The mail server didn't take it."),
    _("It may show a picture that was reported as illegal."),
    _("As long as it hasn't been sent: take the signature back, and sign the notice without the picture."),
)
"""Why work in the background waits or was given up."""

PAST = (
    _("A picture seen before resembles this work."),
    _("No address of it is known any more."),
    _("A picture seen on %(day)s at %(url)s resembled this work (hash distance %(bits)s of 256 bits)."),
    _(
        "A picture seen on %(day)s at %(url)s resembled this work (hash distance %(bits)s of 256 bits, in a small copy "
        "%(details)s details in place and %(share)s of the pixels alike)."
    ),
    _("A picture seen on %(day)s at %(url)s resembled this work (by its descriptor)."),
    _(
        "A picture seen on %(day)s at %(url)s resembled this work (by its descriptor, in a small copy %(details)s "
        "details in place and %(share)s of the pixels alike)."
    ),
    _("The same bytes came again."),
    _("Its bytes had expired, and other bytes are served there now."),
    _("Its bytes had expired, and the address no longer serves it:"),
    _("Its bytes had expired, and they couldn't be asked for again:"),
    _("it came from a file, or from a host that isn't visited."),
    _("the crawl ended before."),
    _("nothing came."),
)
"""What came of asking again for what was seen before a work was registered."""

WITNESSES = (
    _("https://%(place)s doesn't answer."),
    _("https://%(place)s doesn't answer:"),
    _("http://%(place)s doesn't answer."),
    _("http://%(place)s doesn't answer:"),
    _("%(place)s didn't answer a moment ago."),
    _("%(place)s answered with status %(status)s."),
    _("No calendar of %(name)s took the digest:"),
    _("The timestamp authority %(name)s answered with status %(status)s."),
    _("The timestamp authority %(name)s refused: %(why)s."),
    _("The timestamp authority %(name)s answered another request."),
    _("The timestamp's chain of certificates doesn't hold: %(why)s."),
    _("The timestamp's signature doesn't hold, or is of a kind that isn't accepted."),
    _("The timestamp reply can't be read."),
    _("The node refused %(method)s: %(why)s."),
    _("The node answered %(method)s with status %(status)s, not as a node."),
    _("The node of %(name)s is of the chain %(found)s, not %(chain)s."),
    _("The account %(account)s can pay for %(count)s more checkpoints."),
    _("Send it what the chain asks for gas."),
    _("%(name)s waits: a unit of gas costs %(price)s wei, and %(limit)s."),
    _("The receipt is about another digest."),
    _("Asking broke off: %(what)s."),
)
"""Why an outside witness is silent, or what it said is of no use."""

LOG = (
    _("The log's key isn't the one that signed before."),
    _("Put secrets/log.key back from your backup."),
    _("If it is lost, begin a new name: exhibit log new-origin --reason TEXT"),
    _("The log is shorter than the %(size)s entries it has signed."),
    _("The first %(size)s entries of the log aren't those it has signed."),
    _("A head was signed under the name %(name)s, which this log doesn't know: it is older."),
    _("Begin a new origin, which records the break: exhibit log new-origin --reason TEXT"),
    _("The file of the log's head, %(path)s, can't be read."),
    _("What was signed last can't be told."),
    _("The file of the log's head is missing."),
    _("%(size)s entries are known to have been signed; whether more were can't be told."),
    _(
        "The file of the log's head (%(size)s entries) was copied here, as when a folder is put back from a backup. "
        "Whether more were signed since can't be told."
    ),
    _(
        "Hold the newest bundle or checkpoint that was handed out against it: exhibit log check-against FILE. "
        "Then exhibit log accept-head if nothing is missing, exhibit log new-origin if something is, or can't be known."
    ),
)
"""Why the log's head isn't signed any more, and what to do."""

DEEDS = (
    _("There are no words."),
    _("Write something."),
    _("Say what is wrong with the decision."),
    _("Say why the decision stands."),
    _("Say what the picture shows, without describing it in detail."),
    _("Case %(number)s shows no picture."),
    _("Case %(number)s is open."),
    _("Case %(number)s is open: decide it instead."),
    _("Case %(number)s is decided: not licensed."),
    _("Case %(number)s is decided: licensed."),
    _("Case %(number)s is decided: cleared."),
    _("Reopen it first, with a reason, if that was wrong."),
    _("The decision of case %(number)s isn't disputed."),
    _("These are %(count)s cases."),
    _("Decide at most %(most)s at once."),
    _("No licence is named."),
    _("Choose the licence that permits the use."),
    _("There is no search %(name)s."),
    _("Your operator says which there are."),
    _("This can't be a key."),
    _("Paste it as the service shows it, in one line."),
    _("A watch can't mix files, searches and addresses on the web."),
    _("A watch needs at least one place to look at."),
    _("Say what to search for."),
    _("This watch was deleted meanwhile."),
    _("Only a watch that asks a search has a number of searches."),
    _("Only a watch that asks a search has words to search for."),
    _("The watch %(name)s is paused."),
    _("Resume it first."),
    _("A run is just ending."),
    _("The disk is nearly full, and crawling has stopped."),
    _("Ask the operator."),
    _("A watch runs at most once a minute and at least once in ten years."),
    _("%(name)s can't name a watch."),
    _("Give it a name with a letter in it."),
    _("%(owner)s has a watch %(name)s already."),
    _("Choose another name."),
    _("An owner needs a name."),
    _("This name can't be used here."),
    _("Add what tells you apart, such as a place."),
    _("The password can't be used."),
)
"""Why somebody's deed can't be done."""

PHRASES = (*DEEDS, *HISTORY, *VISITS, *WEB, *PICTURES, *MACHINE, *STEPS, *PAST, *WITNESSES, *LOG)
_NAME = re.compile(r"%\((\w+)\)s")
_FIRST = r"\S+?|[^.!?]+?"


def in_words(said: object) -> str:
    """A sentence, or an error with its hint, in the reader's language."""
    text = str(said)
    if (get_language() or "en").startswith("en"):
        return text
    found = _phrases_in(text)
    return joined(gettext(phrase) % dict(values) if values is not None else phrase for phrase, values in found)


@lru_cache(maxsize=4096)
def _phrases_in(text: str) -> tuple[tuple[str, tuple[tuple[str, str], ...] | None], ...]:
    """The phrases that follow each other in a text, each with its values; the last may be what none of them fits."""
    found: list[tuple[str, tuple[tuple[str, str], ...] | None]] = []
    while text:
        fits = [(match, phrase) for pattern, phrase in _patterns() if (match := pattern.match(text)) is not None]
        if not fits:
            return (*found, (text, None))
        match, phrase = max(fits, key=lambda one: (one[0].end(), -len(one[0].groups())))
        found.append((phrase, tuple(match.groupdict().items())))
        text = text[match.end() :].lstrip()
    return tuple(found)


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(_pattern(phrase) + r"(?=\s|$)"), phrase) for phrase in PHRASES)


def _pattern(phrase: str) -> str:
    """A phrase as an expression: a value ends where what follows it begins, and a first one with its sentence."""
    first, *rest = _NAME.split(phrase)
    found = re.escape(first)
    for name, after in zip(rest[::2], rest[1::2], strict=True):
        found += f"(?P<{name}>{'.+?' if found else _FIRST})" + re.escape(after)
    return found
