"""What every query shares: who asks, about which moment, what exists for them, and in which form it is answered."""
