"""What people ask: read models folded and summed from the events, and the queries over them."""
