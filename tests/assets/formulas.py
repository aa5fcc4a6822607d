"""Texts that spreadsheet programs evaluate as formulas, directly or after a conversion."""

FORMULAS = (
    "=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x")', "\t=1", "\r=1", "\n@x", "\tplain", "  =1", "\u00a0=1",
    "\u200b=1", "\ufeff=1", "\u3000=1", "＝1+1", "＋1", "－1", "＠SUM(A1)", " ＝1+1",
    "﹦1", "﹢1", "﹣1", "﹫x", "−1", "⁺1",
)  # fmt: skip
