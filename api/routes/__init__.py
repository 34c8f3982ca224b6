"""The HTTP routes; each file is one group of resources."""
