"""What people ask: read models folded from the events."""
