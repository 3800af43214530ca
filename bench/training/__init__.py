"""One training: the Lightning module, the loop, checkpoints, devices and loggers."""
