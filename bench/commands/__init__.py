"""The commands of `python -m bench`. A module offers `add_arguments(parser, command)` and `run(command, args)`.

None imports torch before it needs it.
"""
