"""Browser without network access of its own: launch, restart and page loading."""
