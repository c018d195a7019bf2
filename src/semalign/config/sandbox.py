"""Resource limits and isolation of model-written programs while they are judged."""

from typing import Literal

from pydantic import Field

from semalign.config.base import Strict


class SandboxLimits(Strict):
    """Limits of one model-written program, including its threads and child processes unless stated otherwise."""

    wall_seconds: float = Field(
        default=10.0, gt=0, le=3600, description="time from start to verdict, in seconds"
    )
    cpu_seconds: int = Field(default=10, ge=1, le=3600, description="CPU time of each process, in seconds")
    memory_mb: int = Field(
        default=512, ge=128, le=1_000_000, description="address space of each process, in MB"
    )
    processes: int = Field(
        default=8, ge=1, le=256, description="number of processes and threads at the same time"
    )
    file_mb: int = Field(
        default=8,
        ge=1,
        le=1_000_000,
        description="size of a single file and of the whole scratch folder, in MB",
    )
    output_kb: int = Field(
        default=1024,
        ge=1,
        le=1_000_000,
        description="size of the printed output and of a single result, in KB",
    )
    isolation: Literal["auto", "bubblewrap", "namespaces", "seccomp"] = Field(
        default="auto",
        description="`auto`: the strongest isolation that works on this machine; otherwise the isolation to require",
    )
    allow_weak_isolation: bool = Field(
        default=False,
        description="true: run model-written code even if this machine can limit its resources but not isolate it",
    )
