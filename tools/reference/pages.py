"""Modules of the generated pages. Django must be set up before this import."""

from tools.reference import (
    api,
    api_examples,
    asvs,
    bundle_fields,
    checks,
    commands,
    crawl_fields,
    json_output,
    names,
    network_cards,
    odds,
    outside,
    search_fields,
    settings,
    site_limits,
)

MODULES = (
    api, api_examples, asvs, bundle_fields, checks, commands, crawl_fields, json_output, names, network_cards, odds,
    outside, search_fields, settings, site_limits,
)  # fmt: skip
"""Each module has a ``NAME`` and a function ``page``."""
