"""Impossible times, and times not in canonical form, sealed with a stranger's key."""

from tests.assets.corpus import failing_case, pack_after
from tests.assets.corpus.json_texts import LOG, change_text, replace_first, seal_facts_text, seal_manifest_text

NONE = {
    "30 February": "2026-02-30T10:00:00.000000Z",
    "29 February of no leap year": "2025-02-29T10:00:00.000000Z",
    "29 February of a century": "1900-02-29T10:00:00.000000Z",
    "31 April": "2026-04-31T10:00:00.000000Z",
    "a thirteenth month": "2026-13-01T10:00:00.000000Z",
    "no month": "2026-00-10T10:00:00.000000Z",
    "no day": "2026-01-00T10:00:00.000000Z",
    "24 o'clock": "2026-01-10T24:00:00.000000Z",
    "a leap second": "2016-12-31T23:59:60.000000Z",
    "60 minutes": "2026-01-10T10:60:00.000000Z",
    "an offset of zero": "2026-01-10T10:00:00.000000+00:00",
    "an offset": "2026-01-10T12:00:00.000000+02:00",
    "no zone": "2026-01-10T10:00:00.000000",
    "a small z": "2026-01-10T10:00:00.000000z",
    "a blank for T": "2026-01-10 10:00:00.000000Z",
    "no fraction": "2026-01-10T10:00:00Z",
    "milliseconds": "2026-01-10T10:00:00.000Z",
    "nanoseconds": "2026-01-10T10:00:00.000000000Z",
    "a comma": "2026-01-10T10:00:00,000000Z",
    "the year 999": "0999-01-10T10:00:00.000000Z",
    "the year 0": "0000-01-10T10:00:00.000000Z",
    "five digits": "12026-01-10T10:00:00.000000Z",
    "a week": "2026-W02-6T10:00:00.000000Z",
    "other digits": "\u0662\u0660\u0662\u0666-01-10T10:00:00.000000Z",
    "a number": "1768039200",
    "nothing": "",
}
REAL = {
    "29 February": "2024-02-29T23:59:59.999999Z",
    "29 February of a fourth century": "2000-02-29T10:00:00.000000Z",
    "the year 1000": "1000-01-01T00:00:00.000000Z",
    "the last moment": "9999-12-31T23:59:59.999999Z",
}
SEALED_PATTERN, ENTERED_PATTERN = r'"sealed_at":"[^"]*"', r'"time":"[^"]*"'

CASES = {
    f"{what} in the manifest": failing_case(
        pack_after(seal_manifest_text(replace_first(SEALED_PATTERN, f'"sealed_at":"{text}"'))), "manifest"
    )
    for what, text in NONE.items()
}
CASES |= {
    f"{what} in the log's entry": failing_case(
        pack_after(change_text("proofs/log/entry.json", replace_first(ENTERED_PATTERN, f'"time":"{text}"'))), *LOG
    )
    for what, text in list(NONE.items())[::2]
}
CASES |= {
    f"{what} in the facts": failing_case(
        pack_after(seal_facts_text(replace_first(r'"first_seen":"[^"]*"', f'"first_seen":"{text}"'))), "facts"
    )
    for what, text in list(NONE.items())[::2]
}
CASES |= {
    f"{what} in the manifest": failing_case(
        pack_after(seal_manifest_text(replace_first(SEALED_PATTERN, f'"sealed_at":"{text}"'))),
        "bag",
        *(["order"] if text < "2026" else []),
    )
    for what, text in REAL.items()  # the manifest is valid; the bag states another day, the facts later times
}
