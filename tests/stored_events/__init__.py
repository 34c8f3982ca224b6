"""One file per event name ever stored, readable for ever."""
