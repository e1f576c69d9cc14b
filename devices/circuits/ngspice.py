"""Running ngspice on a netlist, and reading the node voltages and source currents of its operating point.

An answer counts only where plain Newton steps reached it. ngspice's own fallbacks (gmin stepping, source stepping, a
transient) may leave conductances to ground in a point that it reports as converged, so such a run is refused.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pillarsim.devices.circuits.netlist import Tolerances

# Relaxed step by step where ngspice does not converge: limits below the rounding of small wires, or of floating parts
# that only r_off ties down, are never met. What is compared is held to the tolerance of the comparison all the same.
LADDER = (
    Tolerances(),
    Tolerances(abstol="1e-16"),
    Tolerances(reltol="1e-8", abstol="1e-15", vntol="1e-12"),
    Tolerances(reltol="1e-8", abstol="1e-14", vntol="1e-12"),
    Tolerances(reltol="1e-7", abstol="1e-13", vntol="1e-11"),
    Tolerances(reltol="1e-6", abstol="1e-12", vntol="1e-10"),
)
TIMEOUT_S = 600.0  # of one run of ngspice

# What ngspice 39 writes to its log when it leaves plain Newton steps
_FALLBACKS = ("stepping", "transient op")


class NgspiceError(RuntimeError):
    """ngspice is missing, failed or gave an answer that does not count."""


class NgspiceMissing(NgspiceError):
    """There is no ngspice on this machine."""


class NgspiceFallback(NgspiceError):
    """ngspice did not converge by plain Newton steps."""


@dataclass(frozen=True)
class SpicePoint:
    """An operating point: `v(node)` in V and `i(source)` in A, in lower case, and the limits it was solved to."""

    values: dict[str, float]
    tolerances: Tolerances

    def volts(self, node: str) -> float:
        """Return the voltage of a node."""
        return self.values[f"v({node})"]

    def delivered(self, source: str) -> float:
        """Return the current (A) that a source delivers into the circuit."""
        return -self.values[f"i({source})"]


def find_ngspice() -> str:
    """Return the path of the ngspice program; raises NgspiceMissing."""
    program = shutil.which("ngspice")
    if program is None:
        raise NgspiceMissing("ngspice is not installed (no program of that name on the PATH)")
    return program


def operating_point(text: Callable[[Tolerances], str], timeout_s: float = TIMEOUT_S) -> SpicePoint:
    """Run ngspice on the netlist that `text` writes for given limits, relaxing them along `LADDER` where needed.

    Raises NgspiceError: the program is missing, failed, took longer than `timeout_s` in one run, or needed a fallback
    with every step of the ladder.
    """
    failure = NgspiceFallback("no limits to try")
    for tolerances in LADDER:
        try:
            return SpicePoint(run_netlist(text(tolerances), timeout_s), tolerances)
        except NgspiceFallback as error:
            failure = error
    raise failure


def run_netlist(text: str, timeout_s: float = TIMEOUT_S) -> dict[str, float]:
    """Run ngspice on a netlist with one `.op` and return its values; raises NgspiceError.

    Start-up files of the user are left out. The temporary folder is removed in every case.
    """
    program = find_ngspice()
    with tempfile.TemporaryDirectory(prefix="pillarsim-ngspice-") as name:
        folder = Path(name)
        (folder / "circuit.cir").write_text(text, encoding="utf-8")
        try:
            done = subprocess.run(
                [program, "-n", "-b", "-r", "circuit.raw", "circuit.cir"],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, "LC_ALL": "C", "OMP_NUM_THREADS": "1"},
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise NgspiceError(f"ngspice took longer than {timeout_s:g} s and was stopped") from None
        except OSError as error:
            raise NgspiceError(f"ngspice cannot be run ({error.strerror or error})") from None
        log = done.stdout.decode("utf-8", errors="replace")
        refuse_fallback(log)
        raw = folder / "circuit.raw"
        if done.returncode != 0 or not raw.is_file():
            raise NgspiceError(f"ngspice failed (status {done.returncode}): {_last_words(log)}")
        return read_raw(raw.read_bytes())


def refuse_fallback(log: str) -> None:
    """Raise NgspiceFallback where a log says that plain Newton steps did not converge."""
    for line in log.splitlines():
        if any(word in line.lower() for word in _FALLBACKS):
            raise NgspiceFallback(
                f"ngspice did not converge by plain Newton steps and used a fallback, whose answer may hold shunts to"
                f" ground ({line.strip()!r}): its result is refused"
            )


def read_raw(content: bytes) -> dict[str, float]:
    """Return the values of a binary raw file of one real operating point; raises NgspiceError."""
    head, mark, data = content.partition(b"Binary:\n")
    before, _, variables = head.decode("utf-8", errors="replace").partition("Variables:\n")
    names = [line.split()[1] for line in variables.splitlines() if line.strip()]
    if not mark or "Flags: real" not in before or not names or len(data) != 8 * len(names):
        raise NgspiceError("ngspice wrote a raw file that does not hold one real operating point")
    values = np.frombuffer(data, dtype=np.float64)
    if not np.isfinite(values).all():
        raise NgspiceError("ngspice wrote values that are not finite")
    return dict(zip(names, values.tolist(), strict=True))


def _last_words(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()] or lines
    return errors[-1] if errors else "without a message"
