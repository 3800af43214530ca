"""Quiet libraries: no advice, no loading bars; errors still show."""

from __future__ import annotations

import logging
import warnings


def quiet_libraries() -> None:
    """Silence Lightning's tips and the model loaders' progress bars and remarks."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    for part in ("pytorch", "fabric"):
        logging.getLogger(f"lightning.{part}").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    for library in (diffusers_logging, transformers_logging):
        library.set_verbosity_error()
        library.disable_progress_bar()
