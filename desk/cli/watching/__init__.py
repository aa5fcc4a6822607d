"""The commands about watches, crawls and cases."""
