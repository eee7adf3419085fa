"""`make bench`: figures with their spread, side by side in one run."""
