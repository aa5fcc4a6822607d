"""``make chaos`` and ``make soak``: long runs of the whole product with failures or under a steady load."""
