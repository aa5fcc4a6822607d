import os
import threading
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

from exhibit.errors import UnreadablePictureError
from exhibit.pictures.decode import Limits, decode, helper
from exhibit.pictures.picture_helper import handle_request
from tests.assets.badfiles import (
    encode,
    generate_photo,
)


def test_endlessly_reading_decoder_is_terminated() -> None:
    whole = encode(Image.new("L", (6000, 6000), 90), "JPEG", progressive=True)
    last_scan = whole[whole.rindex(b"\xff\xda") : -2]
    helper.close()  # its time is counted when it exits, also that for the files of earlier tests
    before = os.times()
    with pytest.raises(UnreadablePictureError) as refused:
        decode(whole[:-2] + last_scan * (2_000_000 // len(last_scan)) + b"\xff\xd9", Limits(seconds=0.5))
    assert refused.value.reason == "too-slow"
    helper.close()
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 5


def test_concurrent_threads_decode_identically() -> None:
    data = encode(generate_photo(), "PNG")
    results: list[bool] = []
    threads = [
        threading.Thread(
            target=lambda: results.append(np.array_equal(decode(data).pixels, np.asarray(generate_photo())))
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 8


def test_helper_returns_json_responses() -> None:
    request = {"limits": asdict(Limits()), "at_least": None}
    data = encode(generate_photo(), "PNG")
    response, pixels = handle_request({**request, "what": "decode"}, data)
    assert (response["shape"], response["scale"], len(pixels)) == ((64, 96, 3), 1, 64 * 96 * 3)
    assert handle_request({**request, "what": "inspect"}, data) == (
        {"info": {**response["info"], "incomplete": None}},
        b"",
    )
    assert handle_request({**request, "what": "metadata"}, data)[0]["metadata"]["author"] == ""
    refused, nothing = handle_request({**request, "what": "decode"}, b"%PDF-1.7")
    assert (refused["reason"], nothing) == ("not-a-picture", b"")
    assert "PDF" in refused["sentence"]
