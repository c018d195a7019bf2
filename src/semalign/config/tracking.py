"""Settings of tracking: where the curves and scores of a finished study are sent, besides its own tables and pages."""

from typing import Literal

from pydantic import Field

from semalign.config.base import Strict

Tracker = Literal["trackio", "mlflow", "wandb"]


class Tracking(Strict):
    """Where training curves and scores are sent when a study has finished. No result depends on it."""

    to: Literal["none", "trackio", "mlflow", "wandb"] = Field(
        "none",
        description="tracker; its package is not installed with this one (`pip install trackio`, `mlflow` or `wandb`), "
        "and nothing of it is imported with `none`",
    )
    project: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="name of the project or experiment; null: that of the study",
    )
    offline: bool = Field(
        True,
        description="true: write to results/<study>/tracking, without a network; false: send to where the tracker's "
        "own environment variables say (MLFLOW_TRACKING_URI, WANDB_API_KEY, TRACKIO_SPACE_ID)",
    )
