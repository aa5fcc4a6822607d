"""``make chaos`` and ``make soak``: the whole product for a long time, disturbed or under a steady load."""
