"""Bank files, real and made up, and what becomes of them."""
