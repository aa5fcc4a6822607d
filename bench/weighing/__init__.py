"""Fitting of the odds model of the comparison (``indexer/models/weighing/``) to measured pairs of pictures.

``measuring`` saves all measurements of each pair, ``fitting`` fits an odds model, ``evaluation`` evaluates it.

    make calibrate-weighing BENCH="--photos WORKS --unrelated STRANGERS --lookalikes FOLDER --works 300 --singles 4"
    python -m bench weighing-fit

The first command measures, fits and writes ``bench-out/weighing/PIPELINE.json``, in the format of the shipped files and
with a description of the data. An interrupted run continues. The second command only repeats the fit, within seconds.

The pairs: **copies** by listed edits, by single primitives and by random chains; **unrelated pictures**, each against
the works proposed by descriptor and votes; **other exposures**, the pictures of one group of ``groups.csv`` (file,
group, kind, expected; ambiguous groups are left out); **made exposures** (``bench.exposures``); **unrelated pictures
under one overlay** or in one page. Made exposures are only used for evaluation, and held-out primitives are never used
for fitting.

The parts of the model are logistic regressions without negative weights. The limits: related is a factor of e^0.5 above
the odds that 1 in 4,000 unrelated pairs exceeds; certain is a factor of e above all other exposures used for fitting;
review starts slightly below even odds (:data:`bench.weighing.fitting.REVIEW_LOG_ODDS`).

The shipped weights: 424 works, 998 unrelated pictures and 188 look-alikes of at most 640 pixels, divided into 16 parts
that were measured in parallel, each with ``--works 27 --each 1 --most-unrelated 63 --overlays 8 --pages 4 --singles 3
--chains 2`` and a seed from 100 to 115; exposures were made of 8 works of each part; 16,310 pairs, four minutes on 16
cores. Pairs of two product pictures, of two groceries and of two patterns were excluded from the unrelated ones.
"""
