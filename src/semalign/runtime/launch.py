"""Checks at the start of Snakemake, before it reads config files or the Snakefile and writes anything.

Without them, these mistakes end in stack traces of Snakemake, or leave folders where the command was started.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from semalign.runtime.errors import Problems

SNAKEFILE = Path("workflow/Snakefile")
DEFAULT_CONFIG = Path("config/config.yaml")
CONFIG_FILES = (".yaml", ".yml", ".json")


def check_start(started: Any) -> None:
    """Check the working directory and the words after `--configfile`. Raises UserError with all problems.

    `started` are Snakemake's parsed options.
    """
    problems = Problems()
    with problems.collect():
        _check_folder(started, problems)
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


def config_files_read(started: Any) -> Iterable[str]:
    """The config files that Snakemake is about to read: those that were named, or else the default."""
    words = [str(word) for word in started.configfile or ()]
    return words or ([str(DEFAULT_CONFIG)] if DEFAULT_CONFIG.is_file() and not started.config else [])


def _check_folder(started: Any, problems: Problems) -> None:
    """Rules name files relative to the root of the repository, so that nothing works elsewhere."""
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


def _is_target(word: str) -> bool:
    """Whether a word after `--configfile` is meant as a target: a file of the results, or a rule."""
    if word.startswith("results/"):
        return True
    return Path(word).suffix not in CONFIG_FILES and not Path(word).exists()
