"""The commands of `python -m reports`. A module offers `add_arguments(parser, command)` and `run(command, args)`.

None imports torch.
"""
