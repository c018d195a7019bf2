"""Checks at the start of Snakemake, before it reads config files or the Snakefile and writes anything.

Without them, these mistakes end in stack traces of Snakemake, or leave folders where the command was started.
"""

import os
import re
import resource
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from semalign.runtime.errors import Problems, UserError
from semalign.runtime.suggestions import one_of

SNAKEFILE = Path("workflow/Snakefile")
DEFAULT_CONFIG = Path("config/config.yaml")
ADDRESS_SPACE = 2 << 30  # bytes; torch and its libraries map about 1.5 GB
PREFIX = "SEMALIGN_"
INNER = ("SEMALIGN_RUNNER", "SEMALIGN_WARM")  # a run sets them for its own jobs
VARIABLES = ("SEMALIGN_DEVICE", "SEMALIGN_MIRROR", *INNER)
DEVICES = ("auto", "cpu", "cuda")
GPUS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd", "/dev/nvhost-gpu", "/dev/nvgpu")  # with WSL, ROCm, Jetson
SETTING = re.compile(r"[a-zA-Z_][\w-]*\w")  # Snakemake's form of a key
CONFIG_FILES = (".yaml", ".yml", ".json")


def check_start(started: Any) -> None:
    """Check the working directory and the words after `--configfile`. Raises UserError with all problems.

    `started` are Snakemake's parsed options.
    """
    problems = Problems()
    _check_folder(started, problems)
    problems.add(
        *_twice(sys.argv), *_settings(getattr(started, "config", None) or ()), *_variables(os.environ)
    )
    words = [str(word) for word in started.configfile or ()]
    targets = [word for word in words if _is_target(word)]
    if targets:
        names = " ".join(words[: -len(targets)]) if words[-len(targets) :] == targets else "<config file>"
        problems.add(
            f"--configfile: found {targets[0]}, expected config files (YAML); it takes all words that follow, so name "
            f"targets first: snakemake {' '.join(targets)} --configfile {names or '<config file>'}"
        )
    for word in words:
        if word not in targets and not Path(word).is_file():
            found = "a folder" if Path(word).is_dir() else "no such file"
            problems.add(f"--configfile: {word}: found {found}, expected a config file (YAML)")
    problems.check()


def _twice(words: Sequence[str]) -> Iterator[str]:
    """`--configfile` and `--config` given more than once, of which Snakemake reads the last one only."""
    names = [word.partition("=")[0] for word in words]
    options = names[: names.index("--")] if "--" in names else names
    for option, alias in (("--configfile", "--configfiles"), ("--config", "-C")):
        number = options.count(option) + options.count(alias)
        if number > 1:
            yield (
                f"{option}: found it {number} times, of which Snakemake reads only the last one; expected it once, "
                "with all values after it"
            )


def _settings(entries: Iterable[str]) -> Iterator[str]:
    """Words after `--config` that Snakemake can't read."""
    for entry in map(str, entries):
        name, equals, value = entry.partition("=")
        if equals and SETTING.fullmatch(name):
            continue
        first, *inner = name.split(".")
        example = "'seeds=[0, 1]'"
        if equals and inner:  # a dotted key
            example = f"'{first}={''.join(f'{{{part}: ' for part in inner)}{value}{'}' * len(inner)}'"
        yield f"--config: found {entry}, expected key=value with a key of the top level, such as {example}"


def _variables(environment: Mapping[str, str]) -> Iterator[str]:
    """Variables that are named like those of this project, but that nothing reads."""
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in VARIABLES and not name.startswith(f"{PREFIX}TEST_"):
            shown = one_of(name, [each for each in VARIABLES if each not in INNER])
            yield f"{name}: unknown environment variable, expected {shown}; unset it"
    if (device := environment.get("SEMALIGN_DEVICE")) and device not in DEVICES:
        yield f"SEMALIGN_DEVICE: found {device!r}, expected {one_of(device, DEVICES)}"


def config_files_read(started: Any) -> Iterable[str]:
    """The config files that Snakemake is about to read: those that were named, or else the default."""
    words = [str(word) for word in started.configfile or ()]
    return words or ([str(DEFAULT_CONFIG)] if DEFAULT_CONFIG.is_file() and not started.config else [])


def place_cache() -> None:
    """Keep caches of Snakemake and the libraries in the repository if their usual place can't be written.

    HOME may be read-only, a file, or missing, as in containers.
    """
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    try:
        usual.mkdir(parents=True, exist_ok=True)
        writable = os.access(usual, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        os.environ["XDG_CACHE_HOME"] = str(Path(".snakemake/cache").absolute())


def check_limits() -> None:
    """Raise UserError if the libraries do not fit into the memory that this session allows a process."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < ADDRESS_SPACE:
        raise UserError(
            f"ulimit -v: found {limit >> 20} MB, expected at least {ADDRESS_SPACE >> 20} MB for the libraries alone; "
            "raise it (ulimit -v unlimited)"
        )


def check_writable(*folders: Path, depth: int = 1) -> None:
    """Raise UserError, one line each, for folders and their subfolders, to a depth, that this user can't write to.

    Of a folder that does not exist yet, the nearest existing one above it counts.
    """
    problems = Problems()
    for folder in folders:
        there = next((each for each in (folder, *folder.parents) if each.exists()), Path())
        problems.add(*(_refused(each) for each in _tree(there, depth if there == folder else 0)))
    problems.check()


def _tree(folder: Path, depth: int) -> Iterator[Path]:
    """A folder and its subfolders to a depth that can't be written to; a folder in the way of one counts as well."""
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        yield folder
    elif depth:
        for each in sorted(folder.iterdir()):
            if each.is_dir() and not each.is_symlink():
                yield from _tree(each, depth - 1)


def _refused(path: Path) -> str:
    where = "working directory" if path == Path() else path
    if not path.is_dir():
        return f"{where}: found a file, expected a folder"
    return f"{where}: found a folder that can't be written, expected one that can (read-only? see its owner and mode)"


def _check_folder(started: Any, problems: Problems) -> None:
    """Rules name files relative to the root of the repository, so that nothing works elsewhere."""
    here = str(Path.cwd())
    if "{" in here or "}" in here:
        problems.add(
            f"working directory: found {here}, expected a path without braces, which Snakemake takes for the name of a "
            "value; rename the folder"
        )
    if started.snakefile is None and started.directory is None:
        return  # Snakemake found workflow/Snakefile in this folder
    root = Path(started.snakefile or SNAKEFILE).resolve().parent.parent
    folder = Path(started.directory or ".").resolve()
    if folder != root:
        option = "--directory" if started.directory else "working directory"
        problems.add(
            f"{option}: found {folder}, expected the root of the repository; start there: cd {root}, then snakemake "
            "without -s and --directory (results go to its folder results)"
        )


def check_device(device: str) -> None:
    """Raise UserError if jobs on this machine would need a GPU, and it certainly has none: no driver's device is there.

    `device` is that of the config. A job itself asks the libraries.
    """
    variable = os.environ.get("SEMALIGN_DEVICE") if device == "auto" else None
    if "cuda" in (device, variable) and not any(map(os.path.exists, GPUS)):
        key = "SEMALIGN_DEVICE" if variable else "device"
        raise UserError(f"{key}: found cuda, but this machine has no GPU; expected one, or auto or cpu")


def _is_target(word: str) -> bool:
    """Whether a word after `--configfile` is meant as a target: a file of the results, or a rule."""
    if word.startswith("results/"):
        return True
    return Path(word).suffix not in CONFIG_FILES and not Path(word).exists()
