"""Figures that can be checked: ours and the peers on the same work, in the same run."""
