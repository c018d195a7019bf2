"""The start of a job, from its process to the beginning of its work, against importing everything first."""

import os
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

from bench.machine import ROOT
from bench.subject import Case, Check, Goal, Sides, Size, Subject
from semalign.runtime.files import write_json
from semalign.runtime.fork_server import VARIABLE, start_server

# each job fails at the first input that it looks for, which is where its work begins
ORDERS = {
    "transfer_knowledge": "--student no --teacher no --benchmark no --settings {} --seed 0 --checkpoint no --out no",
    "align_states": "--teacher no --student no --benchmark no --pairing no --activations no --settings {} --out no",
    "collect_tables": "--help",
}
SETTINGS = {"transfer_knowledge": {"method": "sft"}}
EAGER = "import torch, transformers, peft, lm_eval, pandas, scipy.stats; "


@cache
def server() -> str:
    """The socket of a server that has imported everything, started once."""
    before = os.environ.get(VARIABLE)
    start_server()
    path = os.environ.pop(VARIABLE)
    if before:
        os.environ[VARIABLE] = before
    return path


def build(size: Size, device: str) -> Sides:
    """The sides that start a script with missing inputs; with `warm`, through the server that a local run starts."""
    folder = tempfile.TemporaryDirectory()
    settings = Path(folder.name) / "settings.json"
    write_json(settings, SETTINGS.get(size["script"], {}))
    words = ORDERS[size["script"]].replace("{}", str(settings)).split()
    script = str(Path("scripts") / f"{size['script']}.py")
    environment = {key: value for key, value in os.environ.items() if key != VARIABLE}
    if size["warm"]:
        environment[VARIABLE] = server()

    def start(order: list[str]) -> tuple[int, str]:
        assert folder  # keeps the settings as long as the sides exist
        job = subprocess.run(order, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
        return job.returncode, job.stderr + job.stdout

    def notes() -> dict[str, float]:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import torch"], check=True, cwd=ROOT, env=environment)
        return {"seconds_of_importing_torch_alone": time.perf_counter() - start}

    def theirs() -> tuple[int, str]:
        text = f"import sys, runpy; sys.argv = sys.argv[1:]; {EAGER}"
        text += f"runpy.run_path({script!r}, run_name='__main__')"
        return start([sys.executable, "-c", text, script, *words])

    def ours() -> tuple[int, str]:
        return start([sys.executable, script, *words])

    def check(mine: tuple[int, str], others: tuple[int, str] | None) -> Check:
        # the server may still be importing: wait for a quick answer
        for _ in range(300 if size["warm"] else 0):
            before = time.perf_counter()
            ours()
            if time.perf_counter() - before < 1.0:
                break
        same = others is None or (mine[0] == others[0] and mine[1][-200:] == others[1][-200:])
        return Check("runs that end differently", float(not same or "Traceback" in mine[1]), 0)

    return Sides(ours, None, check) if size["warm"] else Sides(ours, theirs, check, notes=notes)


def _case(script: str, warm: bool = False, repeats: int = 5) -> Case:
    name = f"{script}{' with the warm start of a run on one machine' if warm else ''}"
    return Case(name, {"script": script, "warm": warm}, repeats, memory=False, goal=Goal(seconds=3))


SUBJECT = Subject(
    "a job's start-up",
    "importing torch, transformers, PEFT, lm-eval, pandas and SciPy first",
    {
        "cpu": (_case("transfer_knowledge"), _case("align_states"), _case("transfer_knowledge", warm=True)),
        "quick": (_case("collect_tables", repeats=1),),
    },
    build,
    explanation={"cpu": "Importing torch takes most of it, and the process's own end is counted too."},
)
