"""Command line of a stage: the options are the parameters of its function, the help is the function's docstring.

A parameter `benchmark` becomes the option `--benchmark`. A list takes all values up to the next option. A parameter
whose class is marked with `grouped` becomes one option per field, without a prefix.
"""

import dataclasses
import difflib
import importlib
import inspect
import itertools
import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath
from typing import Annotated, Any

from cyclopts import App, CycloptsError, MissingArgumentError, Parameter

from semalign.runtime.errors import UserError
from semalign.runtime.provenance import RECORD

# marks a dataclass whose fields become separate options: write @grouped above @dataclass
grouped = Parameter(name="*")
HELP = "--help"
NOTE = f"An artifact can be given as its folder or as the {RECORD} in that folder."
# defaults that the help does not show
UNSHOWN = ((), None, False, "", Path())


def load_stage(name: str) -> Callable[..., Any]:
    """Import the function that a name of the form `module:function` refers to."""
    module, _, function = name.partition(":")
    stage: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return stage


def call(stage: Callable[..., Any], arguments: Sequence[str], name: str | None = None) -> None:
    """Call a stage with command-line options; `--help` explains them, with `name` as the name of the command.

    Rules refer to an artifact by the `run.json` in its folder, stages by the folder; both are accepted. Raises
    UserError if an option is missing, unknown or of the wrong type.
    """
    app = App(
        name=name or f"{stage.__name__}.py",
        help_flags=[HELP],
        version_flags=[],
        help_format="plaintext",
        help_epilogue=NOTE,
        default_parameter=Parameter(consume_multiple=True, negative=()),
        result_action="return_value",
    )
    app.default(_by_name(stage))
    if HELP not in arguments:
        _check_options(stage.__name__, arguments, app)
    try:
        app([_folder(text) for text in arguments], exit_on_error=False, print_error=False)
    except CycloptsError as error:
        raise UserError(f"{stage.__name__}: {_explain(error)} ({HELP} lists the options)") from None


def _check_options(name: str, arguments: Sequence[str], app: App) -> None:
    """Raise UserError for unknown options and wrong whole numbers, before cyclopts reads the command line.

    Cyclopts would report a misspelt option as a missing one.
    """
    known = [each for argument in app.assemble_argument_collection() for each in argument.names]
    options = [text.partition("=")[0] for text in arguments if text.startswith("--")]
    if arguments and not arguments[0].startswith("-"):
        raise UserError(f"{name}: found {arguments[0]!r}, expected an option ({HELP} lists them)")
    for option in options:
        if option not in known:
            close = difflib.get_close_matches(option, known, 1)
            hint = f"did you mean {close[0]}?" if close else f"{HELP} lists the options"
            raise UserError(f"{name}: unknown option {option}; {hint}")
    integer_options = {
        each
        for argument in app.assemble_argument_collection()
        if argument.hint is int
        for each in argument.names
    }
    for option, value in itertools.pairwise(arguments):
        if option in integer_options and not re.fullmatch(r"[+-]?\d+", value):
            raise UserError(f"{name}: {option}: found {value!r}, expected a whole number")


def _explain(error: CycloptsError) -> str:
    """Return the error message as one line."""
    if isinstance(error, MissingArgumentError) and error.argument and not error.argument.tokens:
        return f"missing option {error.argument.name}"
    return " ".join(str(error).split())


def _by_name(stage: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the stage as a function with keyword-only parameters, so that every parameter becomes an option."""

    signature = inspect.signature(stage, eval_str=True)
    parameters = [_as_option(each.replace(kind=each.KEYWORD_ONLY)) for each in signature.parameters.values()]
    defaults = {each.name: each.default for each in parameters if each.default is not each.empty}

    def named(**options: Any) -> Any:
        for name, value in options.items():
            if name not in defaults and isinstance(value, list | tuple) and not value:
                raise UserError(f"{stage.__name__}: --{name}: found no value, expected at least one")
        return stage(**(defaults | options))

    named.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    named.__doc__ = stage.__doc__
    return named


def _as_option(parameter: inspect.Parameter) -> inspect.Parameter:
    """Give a group of optional options a default, and hide defaults that say nothing from the help."""
    group = parameter.annotation
    if isinstance(group, type) and dataclasses.is_dataclass(group):
        needed = parameter.default is inspect.Parameter.empty and _may_be_left_out(group)
        return parameter.replace(default=group()) if needed else parameter
    if any(parameter.default is unshown or parameter.default == unshown for unshown in UNSHOWN):
        return parameter.replace(annotation=Annotated[parameter.annotation, Parameter(show_default=False)])
    return parameter


def _may_be_left_out(group: Any) -> bool:
    """Return whether every field of a dataclass has a default."""
    missing = dataclasses.MISSING
    return all(
        (field.default, field.default_factory) != (missing, missing) for field in dataclasses.fields(group)
    )


def _folder(text: str) -> str:
    """Replace the path of a record by its folder; other values, and a bare file name, stay as they are."""
    path = PurePath(text)
    return str(path.parent) if path.name == RECORD != text else text
