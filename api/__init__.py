"""How they ask: HTTP, command line and composition."""
