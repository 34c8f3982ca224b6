"""The bank's day: releases, refunds and their payment files, what became of them, and the end of the day."""
