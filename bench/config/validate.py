"""Whether a config's settings go together, and those that are left to the architecture or to the machine."""

from __future__ import annotations

from importlib.util import find_spec

import architectures
from bench.config.auto import resolve_precision, resolve_products
from bench.config.checks import check_ranges, resolve_options
from bench.config.part_files import check_image_size, look_at_files
from bench.config.schema import LOGGERS, Config
from bench.system.errors import UserError, nearest


def validate(config: Config) -> None:
    """Check ranges, the architecture and fields against each other; fill in what is left to the architecture (options)
    or to the machine (precision, products)."""
    check_ranges(config)
    _check_loggers(config.runtime.loggers)
    catalogue = architectures.catalogue()
    name = config.model.architecture
    if name not in catalogue:
        raise UserError(f"model.architecture: unknown architecture '{name}'{nearest(name, catalogue)}")
    config.model.options = resolve_options(name, catalogue[name].options, config.model.options)
    if not all(0 <= beta < 1 for beta in config.train.betas):
        raise UserError(f"train.betas: must lie in [0, 1), not {list(config.train.betas)}")
    if config.eval.features == "inception":
        raise UserError("eval.features: inception is not in this version; use eval.features=embedded, or name a folder")
    if factor := look_at_files(config):  # else it is asked when the VAE is loaded
        check_image_size(config.data.image_size, config.model.patch_size, factor)
    if config.data.name == "coco" and not config.data.root:
        raise UserError("data.root: data.name=coco needs data.root=FOLDER")
    if config.data.name == "scenes" and config.data.root:
        raise UserError("data.root: data.name=scenes has no folder (did you mean data.name=coco?)")
    if config.runtime.devices > config.train.batch_size:
        raise UserError(
            f"runtime.devices: {config.runtime.devices} devices cannot share the {config.train.batch_size} pairs of a "
            f"step (train.batch_size)"
        )
    if config.train.text_weight == config.train.image_weight == 0:
        raise UserError("train.text_weight: text_weight and image_weight are both 0, so there is nothing to learn")
    train, runtime = config.train, config.runtime
    train.precision = resolve_precision(train.precision, runtime.accelerator)  # type: ignore[assignment]
    runtime.products = resolve_products(runtime.products, train.precision, runtime.accelerator)  # type: ignore[assignment]


def _check_loggers(names: list[str]) -> None:
    """Refuse a logger that is not known, or whose package of the same name is missing. Raises UserError."""
    for name in names:
        if str(name) not in LOGGERS:  # it may be a list too
            raise UserError(f"runtime.loggers: unknown logger '{name}'{nearest(str(name), LOGGERS)}")
        if find_spec(name) is None:
            remedy = "pip install -e '.[loggers]' -c constraints.txt"
            raise UserError(f"runtime.loggers: {name} is not installed ({remedy})")
