"""This process and this machine: errors, files, signals, git, provenance. No experiments."""
