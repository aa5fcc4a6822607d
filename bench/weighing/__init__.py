"""Weights of the comparison (``indexer/models/weighing/``): pairs are measured, and the weights are fitted to them.

``measuring`` saves all measurements of each pair, ``fitting`` fits a weighing to them, ``judging`` evaluates it.

    make calibrate-weighing BENCH="--photos WORKS --unrelated STRANGERS --lookalikes FOLDER --works 300 --singles 4"
    python -m bench weighing-fit

The first command measures and fits, into ``bench-out/weighing/PIPELINE.json``, which has the format of the shipped
files and states its data; an interrupted run continues. The second fits to the saved measurements again, in seconds.

The pairs: **copies** by listed edits, by single primitives and by random chains; **unrelated pictures**, each against
the works proposed by descriptor and votes; **other exposures**, the pictures of one group of ``groups.csv`` (file,
group, kind, expected; ambiguous groups are left out); **made exposures** (``bench.exposures``); **unrelated pictures
under one overlay** or in one page. Made exposures are only used for evaluation, and held-out primitives are never used
for fitting.

The questions are logistic regressions without negative weights. The limits: 5% of unrelated pairs pass the glance; one
in 4,000 passes as related, less a factor of e^.5; the limit for certain is a factor of e above every other exposure
used for fitting; review begins where both are equally likely.

The shipped weights: 424 works, 998 unrelated pictures and 188 look-alikes of at most 640 pixels, divided into 16 parts
that were measured in parallel, each with ``--works 27 --each 1 --most-unrelated 63 --overlays 8 --pages 4 --singles 3
--chains 2`` and a seed from 100 to 115; exposures were made of 8 works of each part; 16,310 pairs, four minutes on 16
cores. Pairs of two product pictures, of two groceries and of two patterns were excluded from the unrelated ones.
"""
