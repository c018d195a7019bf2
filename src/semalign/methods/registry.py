"""Methods by name: each is announced in its own file, with `@method` above its function.

The announcing file holds the method's settings too. Configs are checked against them whenever Snakemake parses the
workflow, so such a file imports neither torch nor anything that does at its top: those imports are inside the function.
"""

from collections.abc import Callable
from typing import Any

from semalign.methods.base import Method, SettingsT, Transfer
from semalign.runtime.registry import Registry

METHODS: Registry[Method[Any]] = Registry("method", "semalign.methods", "method")


def method(
    name: str, *, title: str, settings: type[SettingsT], paper: str = ""
) -> Callable[[Transfer[SettingsT]], Method[SettingsT]]:
    """Announce a method; `title` is its printed name, `paper` where it was published (arXiv:...).

    Raises ValueError if its settings have another name.
    """
    named = settings.model_fields["method"].default
    if named != name:
        raise ValueError(
            f"method {name!r}: found {named!r} as `method` in {settings.__name__}, expected {name!r}"
        )
    return lambda transfer: Method(name, settings, transfer)
