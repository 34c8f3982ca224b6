"""What must hold when things go wrong: races, killed writers, lost answers, crashed servers."""
