"""A browser without a network of its own: started, replaced when it is lost, and taken through a page."""
