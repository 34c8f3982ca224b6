"""What is true: the pure core and its event store."""
