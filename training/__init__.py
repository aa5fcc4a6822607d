"""Training of the descriptor model in Exhibit (``training/README.md``). Not part of the product; uses PyTorch."""
