"""Second persons: what moves a whole institution is proposed by one officer and approved by another."""
