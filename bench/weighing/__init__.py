"""The weights of the comparison (``indexer/models/weighing/``): pairs are measured, and the weights fitted to them.

``measuring`` keeps every figure of each pair, ``fitting`` makes a weighing of them, ``judging`` says what it decides.

    make calibrate-weighing BENCH="--photos WORKS --unrelated STRANGERS --lookalikes FOLDER --works 300 --singles 4"
    python -m bench weighing-fit

The first measures and fits, into ``bench-out/weighing/PIPELINE.json``, which has the form of the shipped files and says
what it was fitted to; a run that was stopped goes on. The second fits what was measured once more, in seconds.

The pairs: **copies** by listed edits, by single primitives and by random chains; **strangers**, each beside the works
that descriptor and votes name; **other exposures**, the pictures of one group of ``groups.csv`` (file, group, kind,
expected; groups said to be ambiguous are left out); **made exposures** (``bench.exposures``); **strangers under one
overlay** or in one page. Made exposures are judged only, and primitives that are held back are never fitted to.

The questions are logistic regressions without weights below zero. The limits: 5% of pairs with strangers pass the
glance; one in 4,000 passes for related, less a factor of e^.5; what is certain lies a factor of e above every other
exposure that was fitted with; review begins where both are as likely.

The shipped weights: 424 works, 998 strangers and 188 look-alikes of at most 640 pixels, dealt into 16 parts that were
measured side by side, each with ``--works 27 --each 1 --most-unrelated 63 --overlays 8 --pages 4 --singles 3
--chains 2`` and a seed from 100 to 115; exposures were made of 8 works of each part; 16,310 pairs, four minutes on 16
cores. Pairs of two product pictures, of two groceries and of two patterns were left out of the strangers.
"""
