"""`python -m quietgrid` is `quietgrid`."""

from quietgrid.cli import main

main()
