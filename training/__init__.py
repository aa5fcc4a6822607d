"""Training the descriptor that comes with Exhibit (``training/README.md``): outside the product, with PyTorch."""
