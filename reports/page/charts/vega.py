"""The Vega libraries as one script, out of the `vl-convert-python` package: no network is asked for it."""

from __future__ import annotations

from functools import cache


@cache
def script() -> str:
    """`vegaEmbed` and what it needs. Bundling takes about a second."""
    import vl_convert

    # A closing tag inside a text of the script would end the page's script.
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").replace("</script", r"<\/script")


def versions() -> str:
    """Versions of the embedded libraries, for the foot of the page."""
    import vl_convert

    return f"Vega {vl_convert.get_vega_version()}, Vega-Lite {vl_convert.get_vegalite_versions()[-1]}"
