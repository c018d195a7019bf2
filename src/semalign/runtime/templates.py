"""Templates of text that this package holds, filled by Jinja: a name that is missing is an error, never a blank."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def environment(folder: Path, escape: bool = False) -> Environment:
    """Jinja's environment of the templates in a folder; `escape` is for HTML. Lines of statements leave no blank."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=escape,
        trim_blocks=True,
        lstrip_blocks=True,
    )
