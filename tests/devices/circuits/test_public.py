"""What `pillarsim.devices` offers, and that asking for anything else of it stays light."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pillarsim.devices


def test_public_names_load() -> None:
    """Each public name is there, as the circuits package defines it."""
    from pillarsim.devices import circuits

    public = {"CircuitError", "effective_matrices", "effective_matrix", "solve"}
    others = {"Device", "OutOfRange", "WriteRule"}
    assert set(pillarsim.devices.__all__) == public | others <= set(dir(pillarsim.devices))
    assert all(getattr(pillarsim.devices, name) is not None for name in others)
    for name in public:
        assert getattr(pillarsim.devices, name) is getattr(circuits, name)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = pillarsim.devices.no_such_name


def test_scipy_loads_only_for_circuits() -> None:
    """Neither the package nor its other modules load scipy."""
    code = "import sys, pillarsim.devices, pillarsim.devices.wires; print('scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"
