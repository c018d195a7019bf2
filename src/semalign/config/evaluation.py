"""Settings of the evaluation."""

from typing import Annotated, Literal

from pydantic import Field

from semalign.config.base import Split, Strict
from semalign.config.sandbox import SandboxLimits

Protocol = Literal["paper", "lm-eval"]
Tokens = Annotated[int, Field(ge=1, le=1_000_000)]
Samples = Annotated[int, Field(ge=1, le=10_000)]
SAMPLED: dict[Protocol, tuple[str, ...]] = {"paper": ("humaneval", "mbpp"), "lm-eval": ()}
"""Published benchmarks whose answers are sampled under a protocol, according to its task files."""


class EvaluationSettings(Strict):
    """How trained students and untrained models are scored. Decoding is set in the task files of the protocol."""

    protocol: Protocol = Field(
        "paper",
        description="prompts, shots, decoding and answer extraction: those of the paper, or those of the lm-eval task "
        "for the same benchmark (published benchmarks only)",
    )
    split: Split = Field("test", description="split to score on")
    batch_size: int = Field(
        64,
        ge=1,
        le=1_000_000,
        description="prompts per forward pass; changes scores by floating-point noise only",
    )
    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="precision of the model's weights and activations during scoring"
    )
    max_new_tokens: dict[str, Tokens] = Field(
        {}, description="benchmark -> maximum number of tokens to generate; overrides its task file"
    )
    samples: dict[str, Samples] = Field(
        {},
        description="benchmark -> answers to sample per prompt; overrides its task file, which must use sampling",
    )
    positions_per_chunk: int = Field(
        512,
        ge=1,
        le=10**7,
        description="answer tokens whose full-vocabulary logits are held in memory at once, for KL and agreement",
    )
    sandbox_workers: int = Field(
        1, ge=1, le=1024, description="model-written programs that run in parallel in one job"
    )
    sandbox: SandboxLimits = SandboxLimits()
