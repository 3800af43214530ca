"""`list`: architectures, presets and plug-ins. `show`: a request's resolved settings and identity. Runs nothing."""

from __future__ import annotations

import argparse

import architectures
from bench.config import load, part_files
from bench.runs import identity
from bench.system.command_line import add_request, split_request
from bench.system.files import size_of
from bench.system.plugins import PACKAGES, plugins

HEADINGS = {
    "task": "tasks (train.tasks.NAME=SHARE)",
    "loss": "losses (text and image: train.text_weight, train.image_weight; others: train.losses.NAME.weight=WEIGHT)",
    "metric": "metrics (all that suit a task's output are measured)",
    "data set": "data sets (data.name=NAME)",
}
"""Kind of plug-in -> heading of `list`, with the setting that chooses it."""


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add a request to `show`; `list` has no arguments."""
    if command == "show":
        add_request(parser)


def run(command: str, args: argparse.Namespace) -> int:
    """Print; returns 0."""
    return _list() if command == "list" else _show(args)


def _list() -> int:
    known = {kind: plugins(kind) for kind in PACKAGES}  # one that is broken is told before anything is printed
    print("architectures (model.architecture=NAME, options by model.options.OPTION=VALUE):")
    for name, description in architectures.catalogue().items():
        source = f" [{description.distribution}]" if description.distribution else ""
        print(f"  {name:18} {description.summary}{source}")
        for option, values in description.options.items():
            first, *others = values if isinstance(values, tuple) else (values,)
            print(f"  {'':18}   {option}={_text(first)} (default){''.join(f' | {_text(other)}' for other in others)}")
    print("\npresets:")
    for name in load.presets():
        comment = (load.PRESETS / f"{name}.yaml").read_text(encoding="utf-8").partition("\n")[0]
        print(f"  {name:18} {comment.lstrip('# ')}")
    for kind, found in known.items():
        print(f"\n{HEADINGS[kind]}:")
        for name, plugin in found.items():
            where = f" [{plugin.distribution}]" if plugin.distribution else ""
            print(f"  {name:18} {plugin.summary()}{where}")
    print("\nembedded weights (the default of model.llm, model.vae, eval.clip, eval.features):")
    for folder in sorted(path for path in part_files.WEIGHTS.glob("*") if path.is_dir()):
        megabytes = size_of(folder) / 1e6
        print(f"  {folder.name:18} {megabytes:.1f} MB")
    return 0


def _show(args: argparse.Namespace) -> int:
    config = load.load(*split_request(args.request))
    folder, eval_id = identity.run_folder(config), identity.eval_id(config)
    print(load.to_yaml(config), end="")
    print(f"# train_id: {identity.train_id(config)}\n# eval_id:  {eval_id}")
    print(f"# run:      {folder.path} ({folder.status(eval_id, config.train.steps)})")
    return 0


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
