"""Foreign formats and messages on one side, model values on the other."""
