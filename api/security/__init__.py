"""Who may do what: deny by default, role and object checked for every request."""
