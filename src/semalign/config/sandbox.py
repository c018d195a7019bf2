"""What a program that a model wrote may use while it is judged."""

from typing import Literal

from pydantic import Field

from semalign.config.base import Strict


class SandboxLimits(Strict):
    """Limits of one program, all its threads and children together unless said otherwise."""

    wall_seconds: float = Field(
        default=10.0, gt=0, le=3600, description="time from start to verdict, in seconds"
    )
    cpu_seconds: int = Field(
        default=10, ge=1, le=3600, description="processor time of each process, in seconds"
    )
    memory_mb: int = Field(default=512, ge=128, description="memory in MB (address space of each process)")
    processes: int = Field(default=8, ge=1, le=256, description="processes and threads at one time")
    file_mb: int = Field(default=8, ge=1, description="size of a file, and of the scratch folder, in MB")
    output_kb: int = Field(
        default=1024, ge=1, description="what it may print, and the size of one result, in KB"
    )
    isolation: Literal["auto", "bubblewrap", "namespaces", "seccomp"] = Field(
        default="auto", description="the strongest that works here, or one that must be in force"
    )
    allow_weak_isolation: bool = Field(
        default=False,
        description="true: run model-written code even where this machine can only limit its resources",
    )
