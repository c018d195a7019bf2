"""Slurm's programs: those of this machine, or from Debian packages unpacked into a folder (nothing is installed)."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

VARIABLE = "SEMALIGN_TEST_SLURM"
WANTED = ("slurmctld", "slurmd", "slurm-client", "munge")
PROGRAMS = (
    "slurmctld",
    "slurmd",
    "munged",
    "sbatch",
    "srun",
    "squeue",
    "scancel",
    "scontrol",
    "sinfo",
    "sacct",
    "sacctmgr",
)
KEPT = Path(tempfile.gettempdir()) / f"semalign-slurm-{os.getuid()}"


class NoSlurmError(Exception):
    """Why there is no Slurm to test with, in one line."""


def find_root() -> Path:
    """Find the folder that contains usr/bin/sbatch and the others: `/`, or one with unpacked packages.

    Raises NoSlurmError with the reason if the tests were not requested, or if Slurm is neither installed nor
    available from Debian.
    """
    if os.environ.get(VARIABLE) in (None, "", "0"):
        raise NoSlurmError(f"takes a quarter of an hour: asked for by {VARIABLE}=1, or `make slurm-test`")
    if all(shutil.which(name) for name in PROGRAMS):
        return Path("/")
    if not (KEPT / "root").is_dir():
        _unpack(KEPT)
    return KEPT / "root"


def _unpack(folder: Path) -> None:
    """Download the packages that this machine lacks, and unpack them below `folder`/root."""
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise NoSlurmError("Slurm is not installed, and there is no apt-get to fetch it with")
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("lists/partial", "archives/partial", "new"):
        (folder / name).mkdir(parents=True)
    # separate lists and archives: needs no root, and leaves the machine's package manager unchanged
    options = [f"Dir::State::Lists={folder}/lists", f"Dir::Cache={folder}", "Debug::NoLocking=1"]
    options += [f"Dir::Cache::archives={folder}/archives", f"APT::Sandbox::User={_user()}"]
    apt = ["apt-get", "--quiet", *(word for option in options for word in ("-o", option))]
    _call([*apt, "update"])
    _call([*apt, "install", "--yes", "--download-only", "--no-install-recommends", *WANTED])
    for package in sorted((folder / "archives").glob("*.deb")):
        _call(["dpkg", "--extract", str(package), str(folder / "new")])
    (folder / "new").rename(folder / "root")


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


def _call(command: list[str]) -> None:
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise NoSlurmError("Slurm is not installed, and fetching it took longer than 300 s") from None
    if ended.returncode:
        line = (ended.stderr or ended.stdout).strip().splitlines()[-1:]
        raise NoSlurmError(f"Slurm is not installed, and cannot be fetched: {' '.join(line)}")
