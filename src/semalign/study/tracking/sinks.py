"""The trackers: each is a function that sends one cell. Their packages are imported when the first cell is sent."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

from semalign.config.tracking import Tracker
from semalign.study.tracking.cells import Tracked

Send = Callable[[Tracked], None]
BATCH = 1000  # most numbers that MLflow takes at once


def sink_of(tracker: Tracker, project: str, offline: bool, folder: Path) -> Send:
    """The function that sends a cell to a tracker; an offline one writes below `folder`.

    Raises ImportError if the tracker's package is not installed.
    """
    return {"trackio": _trackio, "mlflow": _mlflow, "wandb": _wandb}[tracker](project, offline, folder)


def _trackio(project: str, offline: bool, folder: Path) -> Send:
    if offline:
        os.environ["TRACKIO_DIR"] = str(folder.absolute())  # read when the package is imported
        for remote in ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL"):
            os.environ.pop(remote, None)
    import trackio

    def send(cell: Tracked) -> None:
        run = trackio.init(project=project, name=_unique(cell), config=dict(cell.facts), embed=False)
        try:
            for row in cell.curve:
                run.log(_values(row), step=int(row["step"]))
            run.log(_named_scores(cell))
        finally:
            trackio.finish()

    return send


def _mlflow(project: str, offline: bool, folder: Path) -> Send:
    # an unreachable server is told within seconds, not after MLflow's own ten minutes
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    client = MlflowClient(f"sqlite:///{folder.absolute()}/mlflow.db" if offline else None)
    place = (folder.absolute() / "artifacts").as_uri() if offline else None

    def send(cell: Tracked) -> None:
        known = client.get_experiment_by_name(project)
        experiment = (
            known.experiment_id if known else client.create_experiment(project, artifact_location=place)
        )
        run = client.create_run(experiment, run_name=cell.name).info.run_id
        now = int(1000 * time.time())
        numbers = [
            Metric(key, value, now, int(row["step"]))
            for row in cell.curve
            for key, value in _values(row).items()
        ]
        numbers += [Metric(key, value, now, 0) for key, value in _named_scores(cell).items()]
        client.log_batch(run, params=[Param(key, str(value)) for key, value in cell.facts.items()])
        for start in range(0, len(numbers), BATCH):
            client.log_batch(run, metrics=numbers[start : start + BATCH])
        client.set_terminated(run)

    return send


def _wandb(project: str, offline: bool, folder: Path) -> Send:
    import wandb

    # its records of the machine, the program and its sources are off
    nothing = dict.fromkeys(("x_disable_meta", "x_disable_stats", "x_disable_machine_info"), True)
    settings = wandb.Settings(silent=True, console="off", disable_git=True, disable_code=True, **nothing)
    mode = "offline" if offline else "online"

    def send(cell: Tracked) -> None:
        run = wandb.init(
            project=project,
            name=cell.name,
            id=_unique(cell),
            group=f"{cell.facts['pair']}/{cell.facts['benchmark']}",
            job_type=str(cell.facts["method"]),
            config=dict(cell.facts),
            dir=str(folder),
            mode=mode,
            settings=settings,
        )
        try:
            for row in cell.curve:
                run.log(_values(row), step=int(row["step"]))
            run.summary.update(_named_scores(cell))
        finally:
            run.finish()

    return send


def _unique(cell: Tracked) -> str:
    """A name of this cell with these files; W&B takes letters, digits, -, _ and . only."""
    return re.sub(r"[^\w.-]", "-", f"{cell.name}-{cell.digest[:8]}")


def _values(row: dict[str, float]) -> dict[str, float]:
    return {f"train/{key}": value for key, value in row.items() if key != "step"}


def _named_scores(cell: Tracked) -> dict[str, float]:
    return {f"test/{key}": value for key, value in cell.scores.items()}
