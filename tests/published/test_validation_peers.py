"""Chips in silicon and configurations of peers: what follows from their inputs; every number has a source."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pillarsim.arch.chip.load import CARD_LABELS, load_chip
from pillarsim.arch.reader import KeyPath, leaves, read_yaml
from pillarsim.workloads.topology import load_network
from tests.near import near

CONFIGURATIONS = ("mnsim_default", "mnsim_isaac128", "neurosim_rram22", "neurosim_rram65")

Rows = dict[tuple[str, str], dict[str, float]]


@pytest.fixture(scope="module")
def module(root: Path) -> ModuleType:
    """The command as a module."""
    spec = importlib.util.spec_from_file_location("validate_peers", root / "benchmarks" / "validate_peers.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules["validate_peers"] = found  # dataclasses look their module up
    spec.loader.exec_module(found)
    return found


def by_line(tables: dict[str, list[dict[str, Any]]]) -> Rows:
    """Lines by chip and quantity."""
    return {(row["of"], row["what"]): row for rows in tables.values() for row in rows}


@pytest.fixture(scope="module")
def chips(module: ModuleType) -> Rows:
    """The table of chips in silicon."""
    return by_line(module.tables("chips"))


@pytest.fixture(scope="module")
def mnsim(module: ModuleType) -> Rows:
    """The lines of MNSIM's default configuration."""
    return by_line(module.tables("mnsim_default"))


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_each_configuration_loads_and_every_number_has_a_source(root: Path, name: str) -> None:
    """The chip file of a peer's configuration is valid, and no number of it stands without a source."""
    loaded = load_chip(root / "docs" / "validation" / f"{name}.yaml")
    assert loaded.name == name
    data = loaded.document.data
    assert [path for path in leaves(data, ()) if _is_number(data, path) and not loaded.source_of(path)] == []


def _is_number(data: Any, path: KeyPath) -> bool:
    value = data
    for key in path:
        value = value[key]
    if path[0] == "mapping" or path[-1] in CARD_LABELS:
        return False
    return isinstance(value, int | float) or (isinstance(value, str) and value[:1].isdigit())


def test_the_lenet_is_that_of_the_peers(root: Path) -> None:
    """651 720 multiply-accumulates, 61 770 weights and 236 biases, 10 outputs, no training."""
    network = load_network(root / "docs" / "validation" / "lenet_peers.yaml")
    assert network.macs == 651_720
    assert network.weights == 61_770 + 6 + 16 + 120 + 84 + 10
    assert network.shapes[-1] == (10,)
    assert not network.trained


def test_every_reference_names_its_source(root: Path) -> None:
    """Each chip and configuration of the table says where its reference values come from."""
    published = read_yaml(root / "docs" / "validation" / "published.yaml").data
    assert isinstance(published, dict)
    assert {"neurram_wan_2022", "huo_natelec_2022", *CONFIGURATIONS} == set(published)
    assert all(isinstance(entry, dict) and entry["source"] for entry in published.values())


def test_neurram_follows_from_its_circuits(chips: Rows) -> None:
    """By hand: 48 x 2 x 256 x 128 operations in 7 x 0.27 + 6 x 0.3 + 0.3 us; the silicon's rate within 10 %."""
    row = chips["neurram_wan_2022", "tops"]
    assert row["ours"] == near(48 * 2 * 256 * 128 / 3.99e-6 / 1e12, rel=0.01)
    assert row["ratio"] == near(1.0, rel=0.1)


@pytest.mark.parametrize("part", ["drivers", "cells"])
def test_neurram_areas_that_are_inputs_come_back(chips: Rows, part: str) -> None:
    """Drivers take 21 % and cells 12 % of a core whose 256 neurons of 1270 um2 take 28 %."""
    share = {"drivers": 0.21, "cells": 0.12}[part]
    row = chips["neurram_wan_2022", f"{part}, mm2 a core"]
    assert row["reference"] == near(256 * 1270e-6 / 0.28 * share, rel=1e-3)
    assert row["ours"] == near(row["reference"], rel=0.01)


def test_huo_adds_up_to_its_output_bits(chips: Rows) -> None:
    """8-bit inputs times 9-bit weights, 32 of them at once, are the published 22 bits; the cells hold 2 kbit."""
    assert chips["huo_natelec_2022", "output_bits"]["ours"] == 22 == 8 + 9 + 5
    chip = load_chip("huo_natelec_2022").chip
    assert chip.array.layers * chip.array.rows * chip.array.columns * chip.bits_per_cell == 2048
    assert chip.array.layers * chip.array.active_rows == 32


@pytest.mark.parametrize("part", ["crossbars", "converters", "buffers", "pooling"])
def test_mnsim_areas_that_are_inputs_come_back(mnsim: Rows, part: str) -> None:
    """Of 14 tiles: cells and row drivers, 7168 converters, five buffers a tile, 64 pooling units."""
    assert mnsim["mnsim_default", f"{part}, mm2"]["ratio"] == near(1.0, rel=1e-3)


def test_mnsim_converters_by_hand(mnsim: Rows) -> None:
    """Windows x outputs x 8 slices x 9 bits x groups of rows, 10.08 pJ each; MNSIM prints half of that."""
    windows_outputs_groups = ((784, 6, 1), (100, 16, 2), (1, 120, 4), (1, 84, 1), (1, 10, 1))
    count = sum(windows * outputs * groups for windows, outputs, groups in windows_outputs_groups) * 8 * 9
    assert count == 610_416
    row = mnsim["mnsim_default", "converters, nJ"]
    assert row["ours"] == near(count * 10.08e-3, rel=1e-4)
    assert row["reference"] == near(count / 2 * 10.08e-3, rel=1e-4)


def test_mnsim_pooling_by_hand(mnsim: Rows) -> None:
    """Ours pools 6 and 16 channels of four values; MNSIM runs all 64 units at each of 14 x 14 + 5 x 5 positions."""
    row = mnsim["mnsim_default", "pooling, nJ"]
    assert row["ours"] == near((196 * 6 + 25 * 16) * 4 * 1.204e-3, rel=1e-3)
    assert row["reference"] == near((196 + 25) * 3.082 * 100e-3, rel=1e-3)


def test_layers_alone_are_the_whole_network(module: ModuleType) -> None:
    """Layer by layer, the LeNet is five networks whose multiply-accumulates and shapes add up to it."""
    whole = module.lenet()
    parts = module.layers_alone(whole)
    assert [part.name for part in parts] == ["conv1", "conv2", "conv3", "fc1", "fc2"]
    assert sum(part.macs for part in parts) == whole.macs
    assert [part.input_shape for part in parts] == [(3, 32, 32), (6, 14, 14), (16, 5, 5), (120,), (84,)]


def test_an_unknown_table_is_refused(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name that no table has ends with one line that says what was expected."""
    monkeypatch.setattr(sys, "argv", ["validate_peers.py", "--only", "mnsim"])
    with pytest.raises(SystemExit):
        module.main()
    assert "--only mnsim: expected chips, peers, reasons" in capsys.readouterr().err


def test_the_tables_are_printed(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command prints one line a quantity with reference, ours and ratio."""
    monkeypatch.setattr(sys, "argv", ["validate_peers.py", "--only", "huo_natelec_2022"])
    module.main()
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == ["chips", "reference", "ours", "ratio"]
    assert [line.split()[0] for line in printed[1:] if line] == ["huo_natelec_2022"] * 3
