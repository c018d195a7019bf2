"""Config files that extend another one and contain only the differences, and the place of each key in them."""

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from semalign.config.base import shown
from semalign.config.blaming import Judge, Layer, first_telling, holder_of
from semalign.config.orphans import without_orphans
from semalign.config.reading import read_mapping, value_of
from semalign.runtime.errors import Problems, UserError

logger = logging.getLogger("semalign")
KEY = "extends"
COMMAND = "--config"  # what messages call the settings of the command line
UNNAMED = "config"


@dataclass(frozen=True)
class Config:
    """The merged content of config files, and the files themselves with what each says, from weakest to strongest."""

    data: dict[str, Any]
    layers: tuple[Layer, ...] = field(default=())
    left_out: tuple[str, ...] = field(
        default=()
    )  # keys of weaker files that are about what stronger ones removed

    def until(self, count: int) -> "Config":
        """Return the config of the weakest `count` files alone."""
        return _joined(self.layers[:count])

    def name(self, line: str) -> str:
        """Return a problem preceded by the file that has its key, or unchanged if it is not about a key of the config.

        Keys of a problem are those up to the first colon and space, such as `methods.sft.lora: ...`.
        """
        return self.name_all([line])[0]

    def name_all(
        self, lines: Sequence[str], fallback: bool = False, judge: "Told | None" = None
    ) -> list[str]:
        """Return problems of keys preceded by their files; with `fallback`, all the others by the strongest file.

        With `judge`, which returns the problems of a config (None if it can't be judged), the file of a problem is the
        weakest one with which it is told; otherwise the one that has its key.
        """

        @cache
        def told(count: int) -> Sequence[str] | None:
            return judge(self.until(count)) if judge else None

        return [self._named(line.removeprefix(f"{UNNAMED}: "), fallback, told) for line in lines]

    def _named(self, line: str, fallback: bool, told: Judge) -> str:
        number, whole = holder_of(self.layers, line.partition(": ")[0])
        if number is None and not fallback:
            return line
        strongest = len(self.layers) - 1
        if strongest < 0:
            return f"{UNNAMED}: {line}"
        holder = strongest if number is None else number
        own = first_telling(line, len(self.layers), holder, told)
        where = f" (this key is in {self.layers[holder][0]})" if whole and own > holder else ""
        return f"{self.layers[own][0]}: {line}{where}"

    def warn(self) -> None:
        """Say which keys were left out along with others."""
        if self.left_out:
            logger.warning(
                "config: left out, since what they are about is gone: %s", ", ".join(self.left_out)
            )

    @contextlib.contextmanager
    def naming(self, judge: "Told | None" = None) -> Iterator[None]:
        """Name the files in the problems of a UserError that is raised inside; `judge` as for `name_all`."""
        try:
            yield
        except UserError as error:
            raise UserError(*self.name_all(error.lines, judge=judge)) from None


Told = Callable[[Config], Sequence[str] | None]


def read_config(paths: Sequence[Path | str], settings: Mapping[str, Any] | None = None) -> Config:
    """Read config files, each with the file that it extends, and merge them; the last one and `settings` are strongest.

    `settings` are those of the command line, whose values are texts. Raises UserError with the problems of all files.
    """
    problems = Problems()
    layers: list[Layer] = []
    for path in paths:
        with problems.collect():
            layers += _with_bases(str(path), read_mapping(path))
    if settings:
        with problems.collect():
            layers += _with_bases(COMMAND, _values(dict(settings)))
    problems.check()
    return _joined(layers)


def check_config_files(paths: Sequence[Path | str]) -> None:
    """Exit with one line per problem of config files that Snakemake is about to read."""
    try:
        read_config(paths)
    except UserError as error:
        sys.exit(error.report())


def config_of(data: dict[str, Any], name: str = UNNAMED) -> Config:
    """Return a config that is given as a mapping, with the file that it extends."""
    return _joined(_with_bases(name, data))


def read_yaml(path: Path | str) -> dict[str, Any]:
    """Read a config file as it is. Raises UserError if it can't be read or is not a mapping of sections."""
    return read_mapping(path)


def extended(data: dict[str, Any]) -> dict[str, Any]:
    """Merge a config into the file that its key `extends` names.

    Sections are merged key by key, at every depth. A list or a value replaces that of the other file, and null
    removes a key, with what the other file says of a benchmark or method that is gone. Raises UserError if the file is
    missing or if files extend each other in a circle.
    """
    return config_of(data).data


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return `below` updated with the keys of `above`, in the order of `below`, new keys last.

    A null for a key that `below` does not have is kept, so that it is not taken for a removal without effect.
    """
    result = dict(below)
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            result[key] = merged(below[key], value)
        elif value is None and key in below and not _means_something(key, below, above):
            result.pop(key, None)
        else:
            result[key] = value
    return result


def _means_something(key: str, below: dict[str, Any], above: dict[str, Any]) -> bool:
    """Whether null is a value other than the default: no healing, or no length in epochs without one in steps."""
    return key == "healing" or (key == "epochs" and not {**below, **above}.get("steps"))


def _with_bases(name: str, data: dict[str, Any], seen: tuple[str, ...] = ()) -> list[Layer]:
    """The layers of a config: those of the file that it extends, then its own."""
    own = {key: value for key, value in data.items() if key != KEY}
    if KEY not in data:
        return [(name, own)]
    base = data[KEY]
    if not isinstance(base, str) or not base:
        raise UserError(f"{name}: {KEY}: found {shown(base)}, expected the path of a config file")
    if base in seen:
        raise UserError(f"{name}: {KEY}: found the circle {' -> '.join((*seen, base))}, expected none")
    try:
        below = read_mapping(base)
    except UserError as error:
        raise UserError(*(_relative(line, name, base) for line in error.lines)) from None
    return [*_with_bases(base, below, (*seen, base)), (name, own)]


def _relative(line: str, name: str, base: str) -> str:
    """Say which file extends a file that is missing, and that its path is relative to the working directory."""
    if not line.startswith(f"{base}: no such config file"):
        return line
    beside = Path(name).parent / base
    near = f" (there is {beside})" if name != COMMAND and beside.is_file() else ""
    return f"{name}: {KEY}: found no {base}, expected a path relative to the working directory {Path.cwd()}{near}"


def _joined(layers: Sequence[Layer]) -> Config:
    data: dict[str, Any] = {}
    left_out: list[str] = []
    for _, layer in layers:
        data, keys = without_orphans(data, layer, merged(data, layer))
        left_out += keys
    return Config(data, tuple(layers), tuple(left_out))


def _values(value: Any) -> Any:
    """Texts of the command line as the values that they would be in a file, at any depth."""
    if isinstance(value, Mapping):
        return {str(key): _values(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_values(inner) for inner in value]
    return value_of(value) if isinstance(value, str) else value
