"""A notice on a running site: a member drafts and signs it with the forms of its pages, and the addressee replies."""

import re
from html import unescape

import requests

from tests.assets.notice_drafts import SENDER

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
REPLY_TEXT = "We have a licence of your agency, number 77."


def submit_form(browser: requests.Session, page: str, action: str = "", **fields: str | tuple[str, bytes]) -> str:
    """Open a page, submit its form, and return the page that follows. Fields with bytes are uploaded as files."""
    html = browser.get(page, timeout=30).text
    token = _TOKEN.search(html)
    assert token is not None, html
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    files = {name: value for name, value in fields.items() if not isinstance(value, str)}
    sent = {"csrfmiddlewaretoken": token[1], **texts}
    answer = browser.post(action or page, sent, files=files, headers={"Referer": page}, timeout=60)
    assert answer.ok, answer.text
    return unescape(answer.text)


def sign_in(url: str, email: str, password: str) -> requests.Session:
    """Sign a member in and return the session."""
    browser = requests.Session()
    submit_form(browser, f"{url}/sign-in/", login=email, password=password)
    return browser


def sign_letter(member: requests.Session, owner: str, case: int) -> tuple[str, str]:
    """Draft a friendly letter about a case, complete it, resolve its warnings, and sign it as read.

    Returns:
        The URL of the notice's page, and the link at the end of the letter.
    """
    submit_form(member, f"{owner}/notices/new?case={case}", f"{owner}/notices/new", case=str(case), kind="offer.en")
    page = f"{owner}/notices/1/"
    submit_form(member, f"{page}edit", **SENDER)
    html = member.get(page, timeout=30).text
    read_mark = re.search(r'name="read" value="(\w+)"', html)
    assert read_mark is not None, html
    fields = {"read": read_mark[1], "have-read": "1", "authorised": "1", "name": SENDER["sender_name"]}
    submit_form(member, page, f"{page}sign", **fields)
    submit_form(member, page, f"{page}send", how="hand")
    link = re.search(r"http://\S+/n/[\w-]+", member.get(f"{page}files/notice.txt", timeout=30).text)
    assert link is not None
    return page, link[0]


def reply_with_licence(link: str) -> str:
    """Open the link without an account, upload a licence in reply, and return the page that follows."""
    with requests.Session() as session:
        return submit_form(session, link, kind="licence", words=REPLY_TEXT, file=("licence.pdf", b"%PDF-1.7 number 77"))
