"""What needs no owner: the first page, accuracy, health, measurements, and the log for everybody."""
