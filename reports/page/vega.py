"""The Vega libraries as one script, out of the `vl-convert-python` package: no network is asked for it."""

from __future__ import annotations

import os
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from bench.files import write_atomically


def script() -> str:
    """`vegaEmbed` and what it needs. Bundling takes seconds, so that it is kept in the user's cache, by version."""
    import vl_convert

    kept = _cache() / f"vega-{vl_convert.get_vega_version()}-vl-convert-{version('vl-convert-python')}.js"
    with suppress(OSError):
        return kept.read_text(encoding="utf-8")
    # A closing tag inside a text of the script would end the page's script.
    bundled = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").replace("</script", r"<\/script")
    with suppress(OSError):  # a home that cannot be written costs the seconds, no more
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(kept, bundled)
    return bundled


def versions() -> str:
    """What is embedded, for the foot of the page."""
    import vl_convert

    return f"Vega {vl_convert.get_vega_version()}, Vega-Lite {vl_convert.get_vegalite_versions()[-1]}"


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xfusion-bench"
