"""Works: bringing them, their pages, what is declared of them."""
