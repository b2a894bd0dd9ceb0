"""Processes on this machine: starting and ending ours, their cost, and how busy others are."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

TICK = os.sysconf("SC_CLK_TCK")
CORES = len(os.sched_getaffinity(0))
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LIBRARIES = {
    "floors/null_threads": ["fcgi", "pthread"],
    "floors/null_events": [],
    "floors/verify_events": ["crypto"],
    "load/clients": [],
    "load/commits": ["sqlite3"],
    "load/hashes": ["argon2", "pthread"],
    "load/mint": ["crypto"],
}


class Failure(Exception):
    """Ends the command with one line that says what cannot be measured, and why."""


def note(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def compile_c(name, folder):
    """Builds one of our C programs once; its path."""
    source, target = HERE / f"{name}.c", folder / name.replace("/", "-")
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        command = [
            "cc",
            "-std=c11",
            "-D_GNU_SOURCE",
            "-O2",
            "-Wall",
            "-Wextra",
            str(source),
            "-o",
            str(target),
        ]
        built = subprocess.run(
            command + [f"-l{library}" for library in LIBRARIES[name]],
            capture_output=True,
            text=True,
            check=False,
        )
        if built.returncode != 0:
            raise Failure(f"cannot compile {source.name}: {built.stderr.strip().splitlines()[:1]}")
    return target


def number_of(command):
    """The number that a program prints."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"{command[0]}: {done.stderr.strip() or done.returncode}")
    return float(done.stdout)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Processes:
    """The processes that were started; they are ended by their id and by nothing else."""

    def __init__(self):
        self.running = []

    def start(self, command, log, environment=None, cwd=None):
        """Starts a server; what it says goes to the file `log`."""
        with open(log, "ab") as output:
            process = subprocess.Popen(
                [str(word) for word in command],
                env=environment,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self.running.append(process)
        return process

    def stop(self, process):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process in self.running:
            self.running.remove(process)

    def close(self):
        for process in reversed(list(self.running)):
            self.stop(process)


def wait_for(ready, process, log, seconds=20):
    """Waits until `ready()`; fails with the last line of the log if the process ends before."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():
            return
        if process.poll() is not None:
            break
        time.sleep(0.001)
    lines = pathlib.Path(log).read_text(errors="replace").strip().splitlines()
    raise Failure(f"{pathlib.Path(log).stem} does not serve: {lines[-1] if lines else 'it says nothing'}")


def accepts_connections(path):
    """Whether somebody listens on the unix socket."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
        return True
    except OSError:
        return False


def _stat(pid):
    # The name in the second field may contain anything, so count from its end.
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def family(pid):
    """A process and all its descendants."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parents[int(entry)] = int(_stat(entry)[1])
            except OSError:
                continue
    found, fresh = {pid}, {pid}
    while fresh:
        fresh = {child for child, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return found


def cpu_seconds(pids):
    """Processor time that these processes have used, of all their threads."""
    total = 0
    for pid in pids:
        try:
            fields = _stat(pid)
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def resident_mb(pids):
    """Resident memory of these processes together, in MB."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS"):
                    total += int(line.split()[1]) * 1024
    return total / 1e6


class Others:
    """Watches how much of the machine is used by whatever is not ours."""

    def __init__(self, processes):
        self.processes = processes
        self.begin()

    def _sample(self):
        fields = [
            int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        ]
        busy = sum(fields[:8]) - fields[3] - fields[4]
        ended = os.times()
        ours = sum(ended[:4])
        for process in self.processes.running:
            ours += cpu_seconds(family(process.pid))
        return time.monotonic(), busy / TICK, ours

    def begin(self):
        self.start = self._sample()

    def share(self):
        """The share of all cores that others (and a host above us) used since `begin`."""
        end = self._sample()
        wall, busy, ours = (after - before for after, before in zip(end, self.start))
        return max(0.0, busy - ours) / (wall * CORES)


def idle_share(seconds=1.0):
    """The share of all cores that nobody uses before anything is started."""
    fields = []
    for pause in (seconds, 0):
        line = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0]
        fields.append([int(field) for field in line.split()[1:9]])
        time.sleep(pause)
    before, after = fields
    total = sum(after) - sum(before)
    return (after[3] + after[4] - before[3] - before[4]) / total if total else 1.0


def accepts(pids, load):
    """Runs `load()` while counting accepted connections of these processes; None without strace."""
    if not shutil.which("strace"):
        return None
    words = ["strace", "-f", "-c", "-q", "-U", "calls,errors,name", "-e", "trace=accept,accept4"]
    tracer = subprocess.Popen(
        words + [word for pid in pids for word in ("-p", str(pid))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(0.5)
    try:
        result = load()
    finally:
        if tracer.poll() is None:
            tracer.send_signal(signal.SIGINT)
        report = tracer.communicate(timeout=20)[1]
    count, understood = 0, False
    for line in report.splitlines():
        words = line.split()
        if words and words[-1] in ("accept", "accept4"):
            count += int(words[0]) - (int(words[1]) if len(words) == 3 else 0)
            understood = True
        understood |= line.endswith("total") or not report.strip()
    if not understood and report.strip():
        return None
    return count / max(1, result["requests"])
