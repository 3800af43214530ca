"""What stored numbers can tell: estimates with intervals, tests of families, and what it would take to know more."""
