"""Run one experiment, in this process or in its own; estimate its cost; check the machine."""
