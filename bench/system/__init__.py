"""This process and this machine: errors, files, signals, git, provenance. Knows nothing of experiments."""
