"""The stages around a run: what a study costs, whether its results hold, and the files that are written from code."""

import logging
from pathlib import Path
from typing import Literal

from semalign.runtime.files import write_text
from semalign.runtime.study_lock import hold_study
from semalign.study import verification
from semalign.study.definition import load_study
from semalign.study.documentation import config_readme, config_schema
from semalign.study.layout import Layout
from semalign.study.locking import locked_versions
from semalign.study.pinning import ask_commits
from semalign.study.planning.study import Plan
from semalign.study.planning.table import cost_table
from semalign.study.planning.work import DEVICES

logger = logging.getLogger("semalign")


def verify_results(config: Path = Path("config/config.yaml"), prune: bool = False) -> None:
    """Check that a study's artifacts match its config, the code and each other; or remove those that don't.

    Args:
        config: The study's config file.
        prune: Remove what does not match, so that the next run makes it again.
    """
    layout = Layout(load_study(config))
    hold_study(layout.study.study)
    layout.write_settings()
    if prune:
        logger.info("pruned: %d artifacts of %s", len(verification.prune(layout)), config)
    else:
        logger.info("verified: %d artifacts match %s and each other", verification.verify(layout), config)


def plan_costs(configfile: Path, device: Literal["a100", "h100", "cpu"] = "a100") -> None:
    """Print what a study costs before it runs: jobs, hours, disk and peak memory per rule.

    Args:
        configfile: Config file of a study.
        device: Assumed for the hours; cpu: one core.
    """
    rows = Plan(load_study(configfile), DEVICES[device]).rows()
    print(cost_table(rows, on_gpu=device != "cpu"))


def pin_revisions(configfile: Path, update: bool = False) -> None:
    """Ask the hub for the commits of a config's `locked` models and write them into config/revisions.lock.

    Args:
        configfile: Config file of a study.
        update: Ask again for those that are written down.
    """
    for repository, commit in ask_commits(configfile, update).items():
        logger.info("%s: %s", repository, commit)


def document_config(
    schema: Path = Path("workflow/schemas/config.schema.json"), readme: Path = Path("config/README.md")
) -> None:
    """Write the config's JSON schema and its table of keys from the models that check it.

    Args:
        schema: The JSON schema of a config file.
        readme: The page with a table of keys per section.
    """
    write_text(schema, config_schema())
    write_text(readme, config_readme())


def lock_versions(project: Path = Path("pyproject.toml"), out: Path = Path("requirements.lock")) -> None:
    """Write requirements.lock: the installed version of every package that the project needs.

    Args:
        project: The file that says what the project asks for.
        out: The lock file.
    """
    write_text(out, locked_versions(project))
