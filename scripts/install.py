"""Install the locked dependencies and this project into `.venv`, showing progress; do nothing if up to date.

Runs with the system's Python before anything is installed, so it imports the standard library only.
"""

from __future__ import annotations

import compileall
import hashlib
import os
import re
import subprocess
import sys
import time
import venv
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

PROJECT = Path(__file__).resolve().parent.parent
TAIL_LINES = 15
_PINNED = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*==", re.MULTILINE)
_PACKAGE = re.compile(r"^(?:Collecting |Processing \S*/|Requirement already satisfied: )([\w.]+(?:-(?!\d)[\w.]+)*)")
_TROUBLE = re.compile(r"^(?:ERROR|WARNING: Retrying)")


class InstallError(Exception):
    """A step failed; the text says which one and what to do."""


class Progress:
    """Show pip's way through the packages: one living line on a terminal, a line now and then elsewhere.

    :param total: how many packages the lock pins; a few of them are for other platforms.
    """

    def __init__(self, out: TextIO, total: int, every: int = 40) -> None:
        self._out, self._total, self._every = out, total, every
        self._count = 0

    def see(self, line: str) -> None:
        """Take one line of pip's output."""
        match = _PACKAGE.match(line)
        if match:
            self._count += 1
            self._show(f"{self._count}/{self._total} {match[1]}", final=self._count % self._every == 0)
        elif line.startswith("Installing collected packages"):
            self._show("all packages are here; unpacking and compiling them", final=True)
        elif _TROUBLE.match(line):
            self._show(line.strip()[:200], final=True)

    def _show(self, text: str, *, final: bool) -> None:
        if self._out.isatty():
            self._out.write(f"\r\x1b[K  {text}")
        elif final:
            self._out.write(f"  {text}\n")
        self._out.flush()

    def end(self) -> None:
        """Leave the living line behind."""
        if self._out.isatty():
            self._out.write("\r\x1b[K")
            self._out.flush()


def fingerprint(paths: Iterable[Path], interpreter: str = sys.version) -> str:
    """Hash the interpreter's version and the files that decide what `.venv` holds."""
    digest = hashlib.sha256(interpreter.encode())
    for path in paths:
        digest.update(b"\0" + path.read_bytes())
    return digest.hexdigest()


def pinned_packages(lock: str) -> int:
    """Count the packages that a lock file pins."""
    return len(_PINNED.findall(lock))


def run(command: list[str], log: Path, see: Callable[[str], None] = lambda _line: None) -> None:
    """Run one command; each line of its output goes to the log and to `see`.

    :raises InstallError: it failed; the text ends with the last lines of its output.
    """
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    with (
        log.open("a", encoding="utf-8") as copy,
        subprocess.Popen(
            command,
            cwd=PROJECT,
            env=environment,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        for line in process.stdout or ():
            copy.write(line)
            tail.append(line.rstrip())
            see(line)
    if process.returncode:
        shown = "\n  ".join(tail)
        raise InstallError(
            f"`{' '.join(command[1:6])} …` failed; all of its output is in {log}. The end of it:\n  {shown}"
        )


def create_environment(folder: Path) -> None:
    """Create the virtual environment with pip, unless this interpreter's is there already.

    :raises InstallError: this Python cannot make one (Debian splits that part off).
    """
    if (folder / "bin" / "pip").exists():
        return
    try:
        venv.EnvBuilder(with_pip=True, clear=True).create(folder)
    except (subprocess.CalledProcessError, OSError) as exc:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise InstallError(
            f"{sys.executable} cannot create a virtual environment with pip in {folder}: {exc}. "
            f"On Debian or Ubuntu: apt-get install python{version}-venv; then run the same command again"
        ) from exc


def install(out: TextIO) -> None:
    """Bring `.venv` to what the lock says and install this project into it, editable.

    :raises InstallError: see `run` and `create_environment`.
    """
    folder, lock = PROJECT / ".venv", PROJECT / "requirements.lock"
    stamp, log = folder / "installed.sha256", folder / "install.log"
    wanted = fingerprint([lock, PROJECT / "pyproject.toml"])
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    began = time.monotonic()
    out.write(f"Installing the locked dependencies into {folder.name}/ (once, about a minute)\n")
    out.flush()
    create_environment(folder)
    stamp.unlink(missing_ok=True)
    progress = Progress(out, pinned_packages(lock.read_text(encoding="utf-8")))
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--progress-bar", "off"]
    try:
        run([*pip, "--require-hashes", "-r", str(lock)], log, progress.see)
        run([*pip, "--no-deps", "--no-build-isolation", "--editable", str(PROJECT)], log)
    finally:
        progress.end()
    # Also where PYTHONDONTWRITEBYTECODE is set: every component of Airflow would compile the package anew.
    compileall.compile_dir(PROJECT / "plugins", quiet=2)
    stamp.write_text(wanted, encoding="utf-8")
    out.write(f"Installed in {time.monotonic() - began:.0f} s\n")


def main() -> int:
    """Install, and turn a failure into a message and exit status 1."""
    try:
        install(sys.stdout)
    except InstallError as exc:
        sys.stderr.write(f"make install: {exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
