"""The weights of the comparison (``indexer/models/weighing/``): pairs are measured, and the weights fitted to them.

``measuring`` keeps every figure of each pair, ``fitting`` makes a weighing of them, ``judging`` says what it decides.
"""
