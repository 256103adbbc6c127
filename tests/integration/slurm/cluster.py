"""A Slurm of one node with two processors on the loopback, of its own in everything: no systemd, nothing in /etc."""

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time

SBIN = ["/usr/sbin", "/usr/local/sbin", "/sbin"]


class Unavailable(Exception):
    """Slurm cannot run here, and why."""


def program(name):
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *SBIN]))
    if not found:
        raise Unavailable(f"there is no {name}: apt-get install munge slurmctld slurmd slurm-client")
    return found


def die_with_parent():
    """A test that is killed leaves no daemon."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    """`with Cluster(folder) as cluster:` starts it; it ends with the block, whatever happened."""

    def __init__(self, folder):
        self.folder = folder
        self.daemons = {}
        self.logs = {}

    def __enter__(self):
        self.programs = {name: program(name) for name in ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol")}
        try:
            self._configure()
            self._start_all()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *ignored):
        self.stop()

    def _configure(self):
        # munged looks at the rights of every folder above its own.
        os.makedirs(self.folder, mode=0o755)
        for name in ("munge", "state", "spool", "log"):
            os.makedirs(f"{self.folder}/{name}", mode=0o755)
        key = f"{self.folder}/munge/key"
        with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o400), "wb") as out:
            out.write(os.urandom(1024))
        # Debian's slurmd asks for the plugin of the control groups even where no process is tracked by them, and
        # finds out which only where they are mounted.
        with open(f"{self.folder}/cgroup.conf", "w") as out:
            out.write("CgroupPlugin=cgroup/v1\nCgroupAutomount=no\nConstrainCores=no\nConstrainRAMSpace=no\n")
        self.host = host = socket.gethostname().split(".")[0]
        self.user = user = pwd.getpwuid(os.getuid()).pw_name
        with open(f"{self.folder}/slurm.conf", "w") as out:
            out.write(f"""ClusterName=saddle
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={free_port()}
SlurmdPort={free_port()}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={self.folder}/munge/socket
CryptoType=crypto/munge
StateSaveLocation={self.folder}/state
SlurmdSpoolDir={self.folder}/spool
SlurmctldPidFile={self.folder}/slurmctld.pid
SlurmdPidFile={self.folder}/slurmd.pid
SlurmctldLogFile={self.folder}/log/slurmctld.log
SlurmdLogFile={self.folder}/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,sched_min_interval=10000,defer=0
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
ReturnToService=2
InactiveLimit=0
KillWait=10
MinJobAge=300
SlurmdTimeout=300
MailProg=/bin/true
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=512 State=UNKNOWN
PartitionName=test Nodes={host} Default=YES MaxTime=INFINITE State=UP
""")

    def environment(self):
        return {**os.environ, "SLURM_CONF": f"{self.folder}/slurm.conf"}

    def start(self, name, arguments):
        log = open(f"{self.folder}/log/{name}.out", "ab")
        # A session of its own, so that a Ctrl-C of the test reaches us and we end it.
        self.daemons[name] = subprocess.Popen([self.programs[name], *arguments], stdin=subprocess.DEVNULL, stdout=log,
                                              stderr=log, env=self.environment(), start_new_session=True,
                                              preexec_fn=die_with_parent)
        log.close()

    def start_controller(self):
        self.start("slurmctld", ["-D"])

    def _start_all(self):
        munge = f"{self.folder}/munge"
        # --force: a folder such as /tmp, which everyone may write to, lies above ours.
        self.start("munged", ["--foreground", "--force", f"--key-file={munge}/key", f"--socket={munge}/socket",
                              f"--pid-file={munge}/pid", f"--log-file={munge}/log", f"--seed-file={munge}/seed",
                              "--num-threads=2"])
        self.wait("munged", lambda: os.path.exists(f"{munge}/socket"))
        self.start_controller()
        self.start("slurmd", ["-D"])
        self.wait("slurmd", lambda: "idle" in self.ask("sinfo", "-h", "-o", "%t"), 30)

    def wait(self, name, ready, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            code = self.daemons[name].poll()
            if code is not None:
                raise Unavailable(f"{name} ended with code {code}: {self.last_words(name)}")
            if ready():
                return
            time.sleep(0.1)
        raise Unavailable(f"{name} was not ready after {seconds} s: {self.last_words(name)}")

    def last_words(self, name):
        text = ""
        for file in (f"{self.folder}/log/{name}.log", f"{self.folder}/log/{name}.out", f"{self.folder}/munge/log"):
            if os.path.exists(file):
                with open(file, errors="replace") as log:
                    text += " | ".join(log.read().splitlines()[-4:])
        return text

    def ask(self, name, *arguments):
        done = subprocess.run([name, *arguments], env=self.environment(), capture_output=True, text=True, timeout=30)
        return done.stdout

    def undrained(self):
        """Takes a node back that the controller gave up, since it told of jobs that were not known. Never true."""
        if "drain" in self.ask("sinfo", "--noheader", "--format=%t"):
            self.ask("scontrol", "update", f"NodeName={self.host}", "State=RESUME")
        return False

    def kill_controller(self):
        self.daemons["slurmctld"].send_signal(signal.SIGKILL)
        self.daemons["slurmctld"].wait()

    def jobs(self):
        """Processes of jobs: they have our configuration in their environment, and outlive the daemons."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as file:
                    ours = f"SLURM_CONF={self.folder}/slurm.conf".encode() in file.read().split(b"\0")
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    ours = ours and (b"slurmstepd" in file.read() or b"SLURM_JOB_ID=" in open(f"/proc/{pid}/environ", "rb").read())
            except OSError:
                continue
            if ours:
                yield int(pid)

    def stop(self):
        for name in ("slurmctld", "slurmd", "munged"):
            daemon = self.daemons.get(name)
            if daemon is None or daemon.poll() is not None:
                continue
            daemon.terminate()
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for pid in self.jobs():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
