"""The chat template that a benchmark of the user's own names, and settings that say nothing with it."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from semalign.benchmarks.chat_templates import ALWAYS, AUTO
from semalign.benchmarks.chats import NONE
from semalign.benchmarks.decoding import read_text, user_path
from semalign.benchmarks.row_forms import CHAT, Form
from semalign.config.benchmarks import FileBenchmark
from semalign.runtime.errors import UserError

GENERATION = re.compile(r"\{%[-+]?\s*(?:end)?generation\s*[-+]?%\}")
CHOICES = (AUTO, NONE, ALWAYS)


def template_file(settings: FileBenchmark) -> Path | None:
    """The file of the chat template, if the settings name one."""
    return None if settings.chat_template in CHOICES else user_path(settings.chat_template)


def template_of(name: str, choice: str) -> str:
    """The choice itself, or the text of the template that it is the path of.

    Raises UserError, in one line, if there is no such file, or no Jinja in it.
    """
    if choice in CHOICES:
        return choice
    from jinja2 import Environment, TemplateSyntaxError

    path = user_path(choice)
    key = f"benchmarks.{name}.chat_template"
    if not path.exists():
        raise UserError(
            f"{key}: found no file {path}, expected {', '.join(CHOICES)} or the path of a Jinja template"
        )
    text = read_text(path, "a Jinja template")
    try:
        # the extensions that transformers has; nothing is run here
        Environment(extensions=["jinja2.ext.loopcontrols"]).parse(_without_generation(text))
    except TemplateSyntaxError as error:
        raise UserError(
            f"{path}: line {error.lineno}: found no Jinja ({error.message}), expected a chat template"
        ) from None
    return text


def _without_generation(text: str) -> str:
    """The template without transformers' own statements around what an assistant says."""
    return GENERATION.sub("", text)


def without_effect(name: str, settings: FileBenchmark, forms: Sequence[Form]) -> Iterator[str]:
    """A line per setting that changes nothing for rows of these forms."""
    chats = [form is CHAT for form in forms]
    if settings.chat_template == NONE and forms and not any(chats):
        yield (
            f"benchmarks.{name}.chat_template: found none, expected the key to be left out: rows with "
            f"{forms[0].words} are plain text anyway"
        )
    if settings.separator is not None and (
        (all(chats) and chats) or settings.chat_template not in (AUTO, NONE)
    ):
        yield (
            f"benchmarks.{name}.separator: found {settings.separator!r}, expected the key to be left out: the layout "
            "of a chat says what is between its turns"
        )
