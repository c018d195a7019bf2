"""How a cell is scored."""

from typing import Literal

from pydantic import Field, PositiveInt

from semalign.benchmarks.base import Split
from semalign.config.base import Strict
from semalign.config.sandbox import SandboxLimits


class EvaluationSettings(Strict):
    """Batching, precision and decoding of the scoring run; decoding is always greedy, without examples."""

    split: Split = Field("test", description="split that the cells are scored on")
    batch_size: int = Field(
        64, ge=1, description="prompts a forward pass; scores move with it by float noise only"
    )
    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="precision of the model's weights and activations while it is scored"
    )
    max_new_tokens: dict[str, PositiveInt] = Field(
        {}, description="benchmark -> most tokens to generate, instead of what its task file says"
    )
    positions_per_chunk: int = Field(
        512,
        ge=1,
        description="answer tokens whose whole-vocabulary logits are held at once for KL and agreement",
    )
    sandbox_workers: int = Field(1, ge=1, description="programs that run side by side in one job")
    sandbox: SandboxLimits = SandboxLimits()
