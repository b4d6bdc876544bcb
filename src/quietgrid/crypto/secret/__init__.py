"""What can open something: masks, keys, roots. Imported by `meter`, `household` and `keyholder` only."""
