"""How a cell is scored."""

from typing import Literal

from pydantic import Field, PositiveInt

from semalign.config.base import Split, Strict
from semalign.config.sandbox import SandboxLimits

Protocol = Literal["paper", "lm-eval"]
SAMPLED: dict[Protocol, tuple[str, ...]] = {"paper": ("humaneval", "mbpp"), "lm-eval": ()}
"""The published benchmarks whose answers a protocol samples, as its task files say."""


class EvaluationSettings(Strict):
    """Protocol, batching and precision of the scoring run; a protocol's task file says how it decodes."""

    protocol: Protocol = Field(
        "paper",
        description="prompts, shots, decoding and answer extraction: the paper's, or lm-eval's own for its "
        "benchmark of that name (the embedded benchmarks have only the first)",
    )
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
    samples: dict[str, PositiveInt] = Field(
        {},
        description="benchmark -> answers drawn a prompt where decoding samples, instead of its task file's",
    )
    positions_per_chunk: int = Field(
        512,
        ge=1,
        description="answer tokens whose whole-vocabulary logits are held at once for KL and agreement",
    )
    sandbox_workers: int = Field(1, ge=1, description="programs that run side by side in one job")
    sandbox: SandboxLimits = SandboxLimits()
