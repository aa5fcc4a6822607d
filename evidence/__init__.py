"""Facts become a sealed bundle; a bundle becomes a verdict."""
