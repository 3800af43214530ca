"""A real SLURM of two nodes on this machine, for tests: on the loopback, with its files under one temporary folder.

It starts in about a second, as root or as an ordinary user. Debian: slurmctld slurmd slurm-client munge.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

DAEMONS = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])  # not on everybody's PATH
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel")
NODES = ("n1", "n2")
# A requeued job waits until its credential has expired: 120 s by default, and where less than 5 s are asked for.
CONF = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={root}/munge.sock,cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPidFile={root}/slurmctld.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdPidFile={root}/%n.pid
SlurmdLogFile={root}/%n.log
SlurmdSpoolDir={root}/spool-%n
StateSaveLocation={root}/state
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1,sched_interval=1
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
MinJobAge=3600
MaxArraySize=11
KillWait={kill_wait}
SlurmdTimeout=10
ReturnToService=2
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
{nodes}
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 DefMemPerCPU=1000
PartitionName=graceful Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=1 DefMemPerCPU=1000 GraceTime=5
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=9 DefMemPerCPU=1000
"""


class Cluster:
    """Daemons of munge and SLURM, ended by their process ids. `environment` makes SLURM's commands talk to them."""

    def __init__(self, root: Path, kill_wait: int = 5) -> None:
        self.root, self.daemons = root, dict[str, subprocess.Popen[bytes]]()
        self.environment = {"SLURM_CONF": f"{root / 'slurm.conf'}"}
        (root / "munge.key").write_bytes(os.urandom(128))
        (root / "munge.key").chmod(0o400)
        ports = free_ports(1 + len(NODES))
        host = socket.gethostname().partition(".")[0]
        nodes = [
            f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=4000"
            for name, port in zip(NODES, ports[1:], strict=True)
        ]
        for folder in ("state", *(f"spool-{name}" for name in NODES)):
            (root / folder).mkdir()
        text = CONF.format(
            host=host, port=ports[0], user=getpass.getuser(), root=root, nodes="\n".join(nodes), kill_wait=kill_wait
        )
        (root / "slurm.conf").write_text(text, encoding="utf-8")

    def start(self) -> None:
        """Start everything and wait until both nodes are idle."""
        files = [f"--{kind}-file={self.root}/munge.{kind}" for kind in ("key", "pid", "seed", "log")]
        self._start("munged", ["munged", "--foreground", f"--socket={self.root}/munge.sock", *files])
        wait_for(lambda: (self.root / "munge.sock").exists(), 10, "munged's socket")
        self.start_controller("-c")
        for name in NODES:
            self.start_node(name)
        self.wait_for_nodes()

    def start_controller(self, *options: str) -> None:
        """Start slurmctld, which remembers its jobs unless given `-c`."""
        self._start("slurmctld", ["slurmctld", "-D", *options])

    def start_node(self, name: str) -> None:
        """Start a node's slurmd."""
        self._start(name, ["slurmd", "-D", "-N", name], SLURMD_NODENAME=name)

    def wait_for_nodes(self) -> None:
        """Wait until every node is idle."""
        idle = "sinfo -h -N -p debug -t idle -o %N"
        wait_for(lambda: set(self.ask(*idle.split()).split()) == set(NODES), 30, "idle nodes")

    def stop_controller(self) -> None:
        """End slurmctld; jobs run on."""
        self._stop("slurmctld", signal.SIGTERM)

    def kill_node(self, name: str) -> None:
        """What a power failure does: kill a node's slurmd and everything that it ran."""
        self._stop(name, signal.SIGKILL)
        self._kill_all(f"SLURMD_NODENAME={name}")

    def ask(self, *command: str) -> str:
        """What a SLURM command prints, '' if it fails."""
        return subprocess.run(
            command, env=os.environ | self.environment, capture_output=True, text=True, timeout=30
        ).stdout.strip()

    def states(self) -> dict[str, str]:
        """Job id -> state, of every job that the controller remembers."""
        lines = self.ask("squeue", "-h", "-r", "-t", "all", "-o", "%i %T").splitlines()
        return dict(line.split() for line in lines)  # type: ignore[misc]

    def alive(self) -> bool:
        """Whether some job waits or runs."""
        return bool(self.ask("squeue", "-h"))

    def processes(self, *variables: str) -> list[int]:
        """Processes that were started with this cluster's configuration and all of these `NAME=value`s."""
        wanted = {f"SLURM_CONF={self.environment['SLURM_CONF']}", *variables}
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if wanted <= set((folder / "environ").read_text(errors="replace", encoding="utf-8").split("\0")):
                    found.append(int(folder.name))
        return found

    def stop(self) -> None:
        """End everything at once, jobs too: nothing of it is needed any more."""
        for name in reversed(self.daemons):
            self._stop(name, signal.SIGKILL)
        self._kill_all()

    def _start(self, name: str, command: list[str], **variables: str) -> None:
        program = shutil.which(command[0], path=DAEMONS)
        assert program, f"no {command[0]} here"
        with (self.root / f"{name}.out").open("ab") as output:
            self.daemons[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", program, *command[1:]],  # no daemon outlives the tests
                env=os.environ | self.environment | variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _stop(self, name: str, number: signal.Signals) -> None:
        daemon = self.daemons[name]
        if daemon.poll() is None:
            daemon.send_signal(number)
        try:
            daemon.wait(10)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def _kill_all(self, *variables: str) -> None:
        for process in self.processes(*variables):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


@contextmanager
def running() -> Iterator[Cluster]:
    """A cluster in a short-lived folder that everybody may look into, as munge wants it.

    Without SLURM the test is skipped, and fails in continuous integration, where `.ci/run` installs it.
    """
    lacking = [program for program in PROGRAMS if not shutil.which(program, path=DAEMONS)]
    if lacking and os.environ.get("CI"):
        pytest.fail(f"no {', '.join(lacking)}: see .ci/run")
    if lacking:
        pytest.skip(f"no SLURM here: {', '.join(lacking)} missing")
    with tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        root.chmod(0o755)
        cluster = Cluster(root)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until the condition holds, and fail where it does not within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens to."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
