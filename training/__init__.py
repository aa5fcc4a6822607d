"""Training of the descriptor network included in Exhibit (``training/README.md``). Not part of the product; PyTorch."""
