"""A notice of a running site: a member drafts and signs it by the forms of its pages, and its addressee answers."""

import re
from html import unescape

import requests

from tests.assets.noticed import SENDER

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
TOLD = "We have a licence of your agency, number 77."


def submit(browser: requests.Session, page: str, to: str = "", **fields: str | tuple[str, bytes]) -> str:
    """Open a page, send a form of it, and return the page that follows; fields of bytes are files."""
    shown = browser.get(page, timeout=30).text
    token = _TOKEN.search(shown)
    assert token is not None, shown
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    files = {name: value for name, value in fields.items() if not isinstance(value, str)}
    sent = {"csrfmiddlewaretoken": token[1], **texts}
    answer = browser.post(to or page, sent, files=files, headers={"Referer": page}, timeout=60)
    assert answer.ok, answer.text
    return unescape(answer.text)


def signed_in(url: str, email: str, password: str) -> requests.Session:
    """A member's session."""
    browser = requests.Session()
    submit(browser, f"{url}/sign-in/", login=email, password=password)
    return browser


def letter_signed(member: requests.Session, owner: str, case: int) -> tuple[str, str]:
    """Draft a friendly letter about a case, fill it in, answer what speaks against it, and sign it as read.

    Returns the address of its page and the link that the letter ends with.
    """
    submit(member, f"{owner}/notices/new?case={case}", f"{owner}/notices/new", case=str(case), kind="offer.en")
    page = f"{owner}/notices/1/"
    submit(member, f"{page}edit", **SENDER)
    shown = member.get(page, timeout=30).text
    mark = re.search(r'name="read" value="(\w+)"', shown)
    assert mark is not None, shown
    fields = {"read": mark[1], "have-read": "1", "authorised": "1", "name": SENDER["sender_name"]}
    submit(member, page, f"{page}sign", **fields)
    submit(member, page, f"{page}send", how="hand")
    link = re.search(r"http://\S+/n/[\w-]+", member.get(f"{page}files/notice.txt", timeout=30).text)
    assert link is not None
    return page, link[0]


def answered(link: str) -> str:
    """Somebody without an account opens the link and shows a licence; the page that follows."""
    with requests.Session() as stranger:
        return submit(stranger, link, kind="licence", words=TOLD, file=("licence.pdf", b"%PDF-1.7 number 77"))
