"""What can be read and done here, for whom: plain functions of (services, viewer, ...). Routes and pages only dress it.

Every function takes the viewer and asks `accounts.require` first. None returns an opened series of one home, because
there is none: the platform holds totals of groups and a few sums a home and period.
"""
