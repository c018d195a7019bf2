"""A Slurm cluster of one node in its own folder: real daemons, GPUs that are only counted."""

import os
import platform
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from packages import PROGRAMS, find_root

NODE = platform.node().split(".")[0]
GPUS = 2

# Settings: credentials and processes as an ordinary user has them; a finished job is remembered (squeue answers for
# it); a job gets its memory and is killed above it; the node claims more memory than the machine has, so that the
# profile's requests for large models can be scheduled.
CONFIG = """\
ClusterName=test
SlurmctldHost={node}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge.socket
CredType=cred/munge
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
PluginDir={plugins}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=5
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
ReturnToService=2
KillWait=10
SlurmdTimeout=15
EnforcePartLimits=ALL
MinJobAge=86400
SchedulerParameters=bf_interval=5,sched_min_interval=200000,sched_interval=5
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=1000
PreemptMode=OFF
GresTypes=gpu
SlurmdParameters=config_overrides
NodeName={node} NodeAddr=127.0.0.1 CPUs=8 RealMemory=1000000 Gres=gpu:fake:{gpus} State=UNKNOWN
PartitionName=main Nodes={node} Default=YES MaxTime=INFINITE State=UP
"""
GRES = "AutoDetect=off\nNodeName={node} Name=gpu Type=fake File={folder}/run/gpu[0-{last}]\n"


class Cluster:
    """The daemons of one cluster in `folder`, and how to speak to them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, find_root()
        for name in ("bin", "programs", "etc", "munge", "state", "spool", "log", "run"):
            (folder / name).mkdir(parents=True)
        self._configure()
        for name in ("slurmstepd", *PROGRAMS):
            # by its plain name, as in an installation: the daemons check the name they are called by
            (folder / "programs" / name).symlink_to(self._find(name))
        self._wrap()

    @property
    def path(self) -> str:
        """The search path with the cluster's commands first."""
        return f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"

    def start(self) -> None:
        """Start the daemons and wait until the node accepts jobs."""
        key = self.folder / "munge/key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        log, run = self.folder / "log/munged.log", self.folder / "run"
        files = {"key-file": key, "log-file": log, "seed-file": run / "seed", "pid-file": run / "munged.pid"}
        options = [f"--{name}={path}" for name, path in files.items()]
        # forced: the parent folder may be accessible to its owner only
        self.call("munged", "--force", f"--socket={run}/munge.socket", "--num-threads=2", *options)
        self.start_controller()
        self.start_node()

    def start_controller(self) -> None:
        self.call("slurmctld")

    def start_node(self) -> None:
        self.call("slurmd", "-N", NODE, "-d", str(self.folder / "programs/slurmstepd"))
        self.wait(lambda: self.state() in ("idle", "mixed"), "the node takes no jobs")

    def stop(self) -> None:
        """Cancel running jobs and end the daemons."""
        self.cancel_all()
        for daemon in ("slurmd", "slurmctld", "munged"):
            self.kill(daemon, signal.SIGTERM)

    def cancel_all(self) -> None:
        """Cancel waiting and running jobs."""
        self.call("scancel", "--user", _user(), check=False)
        self.wait(lambda: not self.jobs(), "jobs that do not end", 30, check=False)

    def kill(self, daemon: str, number: int = signal.SIGKILL) -> None:
        """End one daemon."""
        try:
            pid = int((self.folder / f"run/{daemon}.pid").read_text())
            os.kill(pid, number)
        except (OSError, ValueError):
            return
        self.wait(lambda: not _alive(pid), f"{daemon} does not end", check=False)

    def state(self) -> str:
        """The node's state from sinfo."""
        return self.call("sinfo", "--noheader", "--format=%T", check=False).strip()

    def jobs(self) -> list[str]:
        """The ids of the jobs that wait or run."""
        return self.call("squeue", "--noheader", "--format=%i", check=False).split()

    def call(self, *command: str, check: bool = True) -> str:
        """Run one of Slurm's commands; returns its standard output."""
        ended = subprocess.run(
            [str(self.folder / "bin" / command[0]), *command[1:]],
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )
        assert not (check and ended.returncode), f"{' '.join(command)}: {ended.stderr}{self.logs()}"
        return ended.stdout

    def logs(self) -> str:
        """The last lines of the daemons' logs."""
        return "".join(path.read_text()[-1500:] for path in sorted((self.folder / "log").glob("*.log")))

    def wait(
        self, reached: Callable[[], bool], failure: str, seconds: float = 60, check: bool = True
    ) -> None:
        """Wait until a condition holds."""
        end = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > end:
                assert not check, f"{failure} (node {self.state()!r})\n{self.logs()}"
                return
            time.sleep(0.2)

    def _configure(self) -> None:
        plugins = next((self.root / "usr/lib").glob("*/slurm-wlm"))
        text = CONFIG.format(
            node=NODE, user=_user(), folder=self.folder, ports=_free_ports(2), plugins=plugins, gpus=GPUS
        )
        (self.folder / "etc/slurm.conf").write_text(text)
        (self.folder / "etc/gres.conf").write_text(GRES.format(node=NODE, folder=self.folder, last=GPUS - 1))
        for number in range(GPUS):
            (self.folder / f"run/gpu{number}").touch()
        (self.folder / "etc/cgroup.conf").write_text("CgroupAutomount=no\n")

    def _wrap(self) -> None:
        """Write wrappers that set SLURM_CONF, because Snakemake's job steps drop it before they call srun."""
        folders = [
            path for end in ("", "/slurm-wlm") for path in (self.root / "usr/lib").glob(f"*-linux-gnu{end}")
        ]
        libraries = ":".join(map(str, folders))
        for name in PROGRAMS:
            lines = [f"export SLURM_CONF={shlex.quote(str(self.folder / 'etc/slurm.conf'))}"]
            if self.root != Path("/"):
                lines.append(f"export LD_LIBRARY_PATH={shlex.quote(libraries)}")
            lines.append(f'exec {shlex.quote(str(self.folder / "programs" / name))} "$@"')
            wrapper = self.folder / "bin" / name
            wrapper.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
            wrapper.chmod(0o755)

    def _find(self, name: str) -> Path:
        """The path of a program below the root; Debian appends a suffix to some names."""
        places = (
            self.root / "usr" / part / f"{name}{end}" for part in ("bin", "sbin") for end in ("-wlm", "")
        )
        return next(path for path in places if path.is_file())


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports
