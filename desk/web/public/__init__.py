"""Pages without an owner: home, accuracy, health, metrics, and the public log."""
