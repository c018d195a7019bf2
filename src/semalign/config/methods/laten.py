"""LaTen (arXiv 2505.14436)."""

from typing import Any, Literal

from pydantic import Field

from semalign.config.methods.base import MethodSettings
from semalign.config.optimisation import Optimisation


class Laten(MethodSettings):
    """A hypernetwork turns the teacher's most attributed neurons into additions to the student's."""

    method: Literal["laten"] = "laten"
    as_released: bool = Field(
        False,
        description="as the released code: its lens scale, last key position only, first answer token unsupervised",
    )
    rate: float = Field(0.1, gt=0, le=1, description="share of a layer's neurons that is transferred")
    optimisation: Optimisation = Optimisation()

    @property
    def needs(self) -> tuple[str, ...]:
        """The located neurons of both models."""
        return ("location",)

    @property
    def demands(self) -> dict[str, Any]:
        """Neurons are located by the same reading and at the same rate."""
        return {"location.as_released": self.as_released, "location.rate": self.rate}
