"""The commands of `python -m sweeps`. A module offers `add_arguments(parser, command)` and `run(command, plan, args)`.

None imports torch.
"""
