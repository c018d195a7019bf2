"""Pages of HTML from templates: they open from the file system, without a network."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment

from semalign.runtime.templates import environment

TEMPLATES = Path(__file__).parent / "templates"
Link = tuple[str, str]  # a name and the address it links to; none for the page itself


def fill(template: str, **data: Any) -> str:
    """Fill the template `<template>.html.j2`; values are escaped unless the template calls them safe."""
    return _environment().get_template(f"{template}.html.j2").render(**{"body": "", **data})


def links(names: Sequence[str], here: str = "") -> list[Link]:
    """The navigation of a notebook's page: the study's page and all notebooks' pages, `here` without a link."""
    own = [(name, "" if name == here else f"{name}.html") for name in names]
    return [("Study", "../index.html"), *own] if names else []


@cache
def _environment() -> Environment:
    return environment(TEMPLATES, escape=True)
