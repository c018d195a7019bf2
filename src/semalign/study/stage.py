"""Stages outside a run: cost planning, verification of results, and files that are generated from code."""

import logging
from pathlib import Path
from typing import Literal

from semalign.config.extending import read_config
from semalign.config.tracking import Tracker
from semalign.runtime.errors import UserError
from semalign.runtime.files import write_text
from semalign.runtime.study_lock import hold_study
from semalign.study import verification
from semalign.study.definition import study_of
from semalign.study.documentation import config_reference, config_schema, methods_reference
from semalign.study.layout import Layout
from semalign.study.locking import locked_versions
from semalign.study.own_files import write_listings
from semalign.study.pinning import ask_commits
from semalign.study.planning.study import Plan
from semalign.study.planning.table import cost_table, unplanned
from semalign.study.planning.work import DEVICES
from semalign.study.preflight import checked, told_of
from semalign.study.tracking.sending import send_cells

logger = logging.getLogger("semalign")


def verify_results(config: Path = Path("config/config.yaml"), prune: bool = False) -> None:
    """Check that a study's artifacts match its config, the code and each other, or remove those that don't.

    Args:
        config: Config file of the study.
        prune: Remove artifacts that don't match, so that the next run recreates them.
    """
    layout = Layout(study_of(read_config([config])))
    hold_study(layout.study.study)
    layout.write_settings()
    write_listings(layout.study, layout.root)
    if prune:
        logger.info("pruned: %d artifacts of %s", len(verification.prune(layout)), config)
    else:
        logger.info("verified: %d artifacts match %s and each other", verification.verify(layout), config)


def plan_costs(configfile: Path, device: Literal["a100", "h100", "cpu"] = "a100") -> None:
    """Print the predicted cost of a study: jobs, hours, disk space and peak memory per rule.

    Args:
        configfile: Config file of the study.
        device: Device that is assumed for the hours; cpu means one core.
    """
    config = read_config([configfile])
    study = study_of(config)
    with config.naming(told_of):
        checked(study)
        plan = Plan(study, DEVICES[device])
        rows = plan.rows()
    print(cost_table(rows, on_gpu=device != "cpu"))
    if note := unplanned(study, len(plan.layout.searched())):
        print(note)


def track_results(configfile: Path, to: Tracker | None = None, again: bool = False) -> None:
    """Send the training curves and scores of a study's finished cells to a tracker.

    Args:
        configfile: Config file of the study.
        to: Tracker. Default: that of the section `tracking`.
        again: Send cells that were sent before, too.
    """
    layout = Layout(study_of(read_config([configfile])))
    settings = layout.study.tracking.model_copy(update={"to": to} if to else {})
    try:
        count = send_cells(layout, settings, again)
    except Exception as error:
        raise error if isinstance(error, UserError) else UserError(f"tracking: {error}") from None
    logger.info("tracking: sent %d cells to %s", count, settings.to)


def pin_revisions(configfile: Path, update: bool = False) -> None:
    """Ask the hub for the commits of a config's `locked` models and write them into config/revisions.lock.

    Args:
        configfile: Config file of a study.
        update: Ask again for commits that are already in the lock file.
    """
    for repository, commit in ask_commits(configfile, update).items():
        logger.info("%s: %s", repository, commit)


def document_config(
    schema: Path = Path("workflow/schemas/config.schema.json"),
    config: Path = Path("docs/reference/config.md"),
    methods: Path = Path("docs/reference/methods.md"),
) -> None:
    """Write the config's JSON schema and the reference pages that are generated from code.

    Args:
        schema: The JSON schema of a config file.
        config: The page with the keys of a config file.
        methods: The page with the methods.
    """
    write_text(schema, config_schema())
    write_text(config, config_reference())
    write_text(methods, methods_reference())


def lock_versions(project: Path = Path("pyproject.toml"), out: Path = Path("requirements.lock")) -> None:
    """Write requirements.lock: the installed version of every package that the project needs.

    Args:
        project: File that declares the project's dependencies.
        out: Lock file to write.
    """
    write_text(out, locked_versions(project))
