"""The command line of a stage: options are the parameters of its function, help is the function's docstring.

A parameter `benchmark` is the option `--benchmark`; a list takes all values up to the next option. A parameter whose
class is marked with `grouped` is a set of options: one per field, without a prefix.
"""

import dataclasses
import importlib
import inspect
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any

from cyclopts import App, CycloptsError, Parameter

from semalign.runtime.errors import UserError

RECORD = "run.json"
# mark a dataclass whose fields are options of their own: @grouped above @dataclass
grouped = Parameter(name="*")


def load_stage(name: str) -> Callable[..., Any]:
    """Import the function that `module:function` names."""
    module, _, function = name.partition(":")
    stage: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return stage


def call(stage: Callable[..., Any], arguments: Sequence[str]) -> None:
    """Call a stage with the options on a command line; `--help` explains them.

    Rules know an artifact by the `run.json` in its folder, stages by the folder: either may be given. Raises UserError
    for an option that is missing, unknown or not of its type.
    """
    app = App(
        name=f"{stage.__name__}.py",
        help_flags=["--help"],
        version_flags=[],
        help_format="plaintext",
        default_parameter=Parameter(consume_multiple=True, negative=()),
    )
    app.default(_by_name(stage))
    try:
        app([_folder(text) for text in arguments], exit_on_error=False, print_error=False)
    except CycloptsError as error:
        raise UserError(
            f"{stage.__name__}: {' '.join(str(error).split())} (--help lists the options)"
        ) from None


def _by_name(stage: Callable[..., Any]) -> Callable[..., Any]:
    """The stage as a function whose parameters are given by name alone."""

    def named(**options: Any) -> Any:
        return stage(**options)

    signature = inspect.signature(stage, eval_str=True)
    parameters = [
        _with_default(each.replace(kind=each.KEYWORD_ONLY)) for each in signature.parameters.values()
    ]
    named.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    named.__doc__ = stage.__doc__
    return named


def _with_default(parameter: inspect.Parameter) -> inspect.Parameter:
    """A group of options that may all be left out has a default: all of them left out."""
    group = parameter.annotation
    if not dataclasses.is_dataclass(group) or parameter.default is not inspect.Parameter.empty:
        return parameter
    missing = dataclasses.MISSING
    optional = all(
        (field.default, field.default_factory) != (missing, missing) for field in dataclasses.fields(group)
    )
    return parameter.replace(default=group()) if optional and isinstance(group, type) else parameter


def _folder(text: str) -> str:
    path = PurePath(text)
    return str(path.parent) if path.name == RECORD else text
