"""Pictures for looking at, their files, and what has to do with them."""
