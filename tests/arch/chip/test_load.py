"""Chip files: presets, extension, device cards, overrides, and every refusal with its exact place and key."""

from pathlib import Path

import pytest

from pillarsim.arch.chip.load import CARD_LABELS, load_chip
from pillarsim.arch.errors import InputError
from pillarsim.arch.presets import config_names, config_path
from pillarsim.arch.reader import KeyPath, leaves, read_yaml

BASE = "extends: hfox_planar_128\n"
DEFAULTS = "configs/hfox_planar_128.yaml"


def write(folder: Path, text: str, name: str = "chip.yaml") -> str:
    """Write a chip file and return its path."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def refusal(folder: Path, text: str, *sets: str) -> str:
    """Return the message that refuses the chip file `text`, the folder cut off."""
    with pytest.raises(InputError) as error:
        load_chip(write(folder, text), sets)
    return str(error.value).replace(f"{folder}/", "")


@pytest.mark.parametrize("name", config_names("chip"))
def test_presets_load_and_state_the_source_of_every_number(name: str) -> None:
    """Each shipped chip is valid, is called as its file, and no number in it or in its cell card lacks a source."""
    loaded = load_chip(name)
    assert loaded.name == name
    data = loaded.document.data
    unsourced = [path for path in leaves(data, ()) if _is_number(data, path) and not loaded.source_of(path)]
    assert unsourced == []


def _is_number(data: object, path: KeyPath) -> bool:
    value = data
    for key in path:
        if isinstance(value, list):
            assert isinstance(key, int)
            value = value[key]
            continue
        assert isinstance(value, dict)
        value = value[key]
    if path[0] == "mapping" or path[-1] in CARD_LABELS:  # choices of the compiler and labels, not facts
        return False
    return isinstance(value, (int, float)) or (isinstance(value, str) and value[:1].isdigit())


def test_default_chip_has_room_for_two_million_weights() -> None:
    """1024 arrays of 128 x 128 cells hold 2 097 152 weights of four slices in differential pairs."""
    chip = load_chip("hfox_planar_128").chip
    outputs = chip.array.columns // (chip.weights.polarities * chip.slices)
    assert chip.arrays * chip.array.rows * outputs == 2_097_152
    assert (chip.converters_per_array, chip.array.cell.lrs, chip.write.pulse) == (8, 100e3, 50e-9)


def test_isaac_has_the_structure_of_its_table() -> None:
    """168 tiles of 12 units of 8 arrays with one 8-bit converter each, 16-bit weights in eight 2-bit cells."""
    chip = load_chip("isaac_isca_2016").chip
    assert chip.tile.count.total == 168
    assert [level.count for level in list(chip.tile.chain())[1:]] == [12]
    assert chip.arrays == 168 * 12 * 8
    assert (chip.slices, chip.converters_per_array, chip.input.chunks) == (8, 1, 16)
    assert chip.readout.rate == 1.28e9
    assert chip.tile.extra["tile_output_register"].component == "isaac_tile_output_register"


def test_keys_of_the_design_example_work(tmp_path: Path) -> None:
    """The example of the design, on the default chip, reads as written."""
    chip = load_chip(
        write(
            tmp_path,
            BASE
            + """
name: vrram_8layer
technology: {node: 32 nm, supply: {core: 0.9 V, io: 1.8 V, pump: 3.0 V}, temperature: 300 K}
tile: {count: {x: 4, y: 4}, arrays: 8}
array:
  geometry: vertical
  layers: 8
  rows: 64
  columns: 64
  word_lines: finger
  max_active_rows: 32
  resistance: {pillar_segment: 10 Ohm, word_line_segment: 2.5 Ohm, bit_line_segment: 2 Ohm, select_on: 5 kOhm}
  read_voltage: 0.6 V
  cell: hfox_taox_selfselective
weights: {bits: 8, bits_per_cell: 2, scheme: differential}
input: {coding: bit_serial, bits: 8}
readout: {converter: sar_adc, bits: 8, columns_shared: 8, range: calibrated, model: isaac_isca_2016}
write: {scheme: half, voltage: 2.0 V, pulse: 50 ns, verify: {tolerance: 1 uS, max_pulses: 20}}
idle: {arrays: gated, converters: clock_gated, after: 200 ns}
""",
        )
    ).chip
    assert chip.array.active_inputs == 256
    assert chip.array.resistance.pillar_segment == 10
    assert chip.idle.after == 200e-9
    assert chip.readout.model == "isaac_isca_2016"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("array:\n  rws: 12\n", "chip.yaml:3: array.rws: unknown key 'rws' (did you mean 'rows'?)"),
        ("rows: 12\n", "chip.yaml:2: rows: unknown key 'rows' (did you mean 'array.rows'?)"),
        ("tecnology: 1\n", "chip.yaml:2: tecnology: unknown key 'tecnology' (did you mean 'technology'?)"),
        ("4: 1\n", "chip.yaml:2: [4]: unknown key '4'; expected technology, off_chip, global_buffer"),
        ("array: {3: 1}\n", "chip.yaml:2: array[3]: unknown key '3'; expected geometry"),
        (
            "array: {read_voltage: 5}\n",
            "chip.yaml:2: array.read_voltage: expected a voltage with its unit, such as '0.9 V'; "
            "found the bare number 5",
        ),
        (
            "array:\n  read_voltage: 5 ns\n",
            "chip.yaml:3: array.read_voltage: expected a voltage such as '0.9 V'; 'ns' is a unit of time",
        ),
        (
            "array:\n  read_voltage: 5 V\n",
            "chip.yaml:3: array.read_voltage: expected at most the highest declared supply "
            "(core 0.9 V, io 1.8 V, pump 3 V), found 5 V",
        ),
        (
            "write:\n  voltage: 3.5 V\n",
            "chip.yaml:3: write.voltage: expected at most the highest declared supply",
        ),
        (
            "array:\n  read_time: 5\n",
            "chip.yaml:3: array.read_time: expected a time with its unit, such as '10 ns'; "
            "found the bare number 5 (or 'derived')",
        ),
        (
            "array: {read_time: nan ns}\n",
            "chip.yaml:2: array.read_time: expected a time such as '10 ns', found 'nan ns' (not a number)",
        ),
        ("array: {rows: .nan}\n", "chip.yaml:2: array.rows: expected a finite number, found .nan (not a number)"),
        ("array: {rows: 12.5}\n", "chip.yaml:2: array.rows: expected an integer, found 12.5"),
        ("array: {rows: true}\n", "chip.yaml:2: array.rows: expected an integer, found true"),
        ("array: {rows: '12'}\n", "chip.yaml:2: array.rows: expected an integer, found '12'"),
        ("array: {rows: 0}\n", "chip.yaml:2: array.rows: expected at least 1, found 0"),
        ("array:\n", "chip.yaml:2: array: missing; expected a section with geometry"),
        ("tile: 3\n", "chip.yaml:2: tile: expected a mapping of keys, found 3"),
        (
            "array: {geometry: plnar}\n",
            "chip.yaml:2: array.geometry: expected 'planar' or 'vertical', found 'plnar' (did you mean 'planar'?)",
        ),
        (
            "array: {cell: {lrs: -1 kOhm}}\n",
            "chip.yaml:2: array.cell.lrs: expected above 0 Ohm, found '-1 kOhm'",
        ),
        (
            "array:\n  cell:\n    hrs: 50 kOhm\n",
            "chip.yaml:4: array.cell.hrs: expected above lrs (100 kOhm), found 50 kOhm "
            "(lrs stands at configs/devices/hfox_planar.yaml:",
        ),
        (
            "array:\n  cell: hfox_planr\n",
            "chip.yaml:3: array.cell: hfox_planr: no such device card (did you mean 'hfox_planar'?)",
        ),
        (
            "tile:\n  adder: {component: adder_32}\n",
            "chip.yaml:3: tile.adder.component: adder_32: no such component card (did you mean 'adder_32b'?)",
        ),
        (
            "mesh:\n  link: link_wir\n",
            "chip.yaml:3: mesh.link: link_wir: no such component card (did you mean 'link_wire'?)",
        ),
        ("weights: {bits_per_cell: 0}\n", "chip.yaml:2: weights.bits_per_cell: expected at least 1"),
        (
            "weights: {bits_per_cell: 3}\n",
            "chip.yaml:2: weights.bits_per_cell: expected at most 2 (the cell has 4 levels), found 3",
        ),
        ("mapping: {replicas: {conv1: x}}\n", "chip.yaml:2: mapping.replicas.conv1: expected an integer, found 'x'"),
        ("mapping: {replicas: 0}\n", "chip.yaml:2: mapping.replicas: expected at least 1 (or 'balanced'), found 0"),
        (
            "readout: {converter: integrate_and_fire}\n",
            "chip.yaml:2: readout.neuron: expected exactly where converter is 'integrate_and_fire'",
        ),
        (
            "technology: {temperature: 500 K}\n",
            "chip.yaml:2: technology.temperature: expected 200 K to 450 K, found 500 K",
        ),
        (
            "idle: {residual: 120 %}\n",
            "chip.yaml:2: idle.residual: expected at most 1, found '120 %'",
        ),
        (
            "tile:\n  extra:\n    mine: {componet: relu}\n",
            "chip.yaml:4: tile.extra.mine.componet: unknown key 'componet' (did you mean 'component'?)",
        ),
        ("array: {rows: 1}\narray: {rows: 2}\n", "chip.yaml:3: array: the key is written twice (first on line 2)"),
    ],
)
def test_bad_keys_are_refused_at_their_line(tmp_path: Path, text: str, message: str) -> None:
    """Each mistake gives a message that starts with file:line, the key path and what was expected."""
    assert refusal(tmp_path, BASE + text).startswith(message)


def test_one_mistake_gives_one_line(tmp_path: Path) -> None:
    """A misspelt required key is not also reported as missing."""
    assert "\n" not in refusal(tmp_path, BASE + "tile: {extra: {mine: {componet: relu}}}\n")


def test_several_mistakes_are_one_message_of_a_few_lines(tmp_path: Path) -> None:
    """Five problems are printed, the rest is counted."""
    lines = refusal(tmp_path, BASE + "".join(f"key{number}: 1\n" for number in range(9))).splitlines()
    assert [line.split(": ")[0] for line in lines[:5]] == [f"chip.yaml:{number}" for number in range(2, 7)]
    assert lines[5:] == ["and 4 more"]


def test_a_file_without_its_sections_names_them(tmp_path: Path) -> None:
    """A chip that extends nothing must bring every section; the message says what each takes."""
    first = refusal(tmp_path, "name: x\n").splitlines()[0]
    assert first == (
        "chip.yaml:1: technology: missing; expected a section with node, supply, regulator, temperature, clock"
    )


def test_bad_files_are_refused_by_name(tmp_path: Path) -> None:
    """Empty, binary, listing and absent files and unknown presets each say what is wrong."""
    assert refusal(tmp_path, "") == "chip.yaml: expected a mapping of keys, found an empty file"
    assert refusal(tmp_path, "\0") == "chip.yaml: expected a YAML text file, found binary data"
    assert refusal(tmp_path, "- a\n").startswith("chip.yaml:1: expected a mapping of keys")
    with pytest.raises(InputError, match=r"isaac_isca_2015: no such chip preset \(did you mean 'isaac_isca_2016'\?\)"):
        load_chip("isaac_isca_2015")
    with pytest.raises(InputError, match=r"none\.yaml: no such file"):
        load_chip(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="expected a YAML file, found a folder"):
        load_chip(tmp_path)


@pytest.mark.parametrize("parent", ["chip.yaml", "chip", "./chip.yaml"])
def test_a_file_that_extends_itself_is_refused(tmp_path: Path, parent: str) -> None:
    """Self-extension is found by the file it means, however it is written."""
    message = refusal(tmp_path, f"# first\nextends: {parent}\n")
    assert message == "chip.yaml:2: extends: the file extends itself (chip.yaml -> chip.yaml)"


def test_files_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    """A circle of files is named from its first to its last member."""
    write(tmp_path, "extends: c.yaml\n", "b.yaml")
    write(tmp_path, "name: c\nextends: b.yaml\n", "c.yaml")
    message = refusal(tmp_path, "extends: b.yaml\n")
    assert message == "c.yaml:2: extends: the file extends itself (b.yaml -> c.yaml -> b.yaml)"


def test_a_missing_base_is_refused_where_it_is_named(tmp_path: Path) -> None:
    """The message stands at the `extends` line and suggests the nearest preset."""
    message = refusal(tmp_path, "name: x\nextends: hfox_planar\n")
    assert message.startswith("chip.yaml:2: extends: hfox_planar: no such chip preset")
    assert "'hfox_planar_128'" in message
    assert refusal(tmp_path, "extends: [a]\n") == (
        "chip.yaml:1: extends: expected a preset's name or a path, found ['a']"
    )


def test_an_error_in_a_base_names_the_base(tmp_path: Path) -> None:
    """What a base says wrongly is reported at the base's line."""
    write(tmp_path, BASE + "array:\n  rows: many\n", "base.yaml")
    assert refusal(tmp_path, "extends: base.yaml\n").startswith("base.yaml:3: array.rows: expected an integer")


def test_children_win_key_by_key_and_null_takes_away(tmp_path: Path) -> None:
    """Extension merges mappings, keeps what is not written, and forgets what is null."""
    write(tmp_path, BASE + "array: {rows: 64, max_active_rows: 32}\nwrite: {reset: null}\n", "base.yaml")
    loaded = load_chip(write(tmp_path, "extends: base\narray: {columns: 32, max_active_rows: null}\n"))
    chip = loaded.chip
    assert (chip.array.rows, chip.array.columns, chip.array.max_active_rows) == (64, 32, None)
    assert chip.write.reset is None
    assert chip.write.voltage == 2.0
    assert loaded.name == "chip"
    assert [Path(name).name for name in loaded.files] == [
        "hfox_planar.yaml", "hfox_planar_128.yaml", "base.yaml", "chip.yaml",
    ]  # fmt: skip


def test_sources_and_places_follow_the_file_that_wins(tmp_path: Path) -> None:
    """A changed number loses the base's source; its neighbours keep theirs."""
    loaded = load_chip(write(tmp_path, BASE + "tile:\n  count:\n    x: 4\n"))
    assert loaded.source_of(("tile", "count", "x")) is None
    assert loaded.source_of(("tile", "count", "y")) == "assumed: room for 2 million 8-bit weights"
    assert loaded.where(("tile", "count", "x")).endswith("chip.yaml:4")
    assert loaded.where(("tile", "count", "y")).startswith(f"{DEFAULTS}:")
    assert loaded.where(("array", "cell", "lrs")).startswith("configs/devices/hfox_planar.yaml:")


def test_cells_are_named_changed_or_written_out(tmp_path: Path) -> None:
    """`array.cell` takes a card's name, a card with changes, changes to the base's card, or a file beside the chip."""
    named = load_chip(write(tmp_path, BASE + "array: {cell: isaac_hu_dac_2016}\n")).chip.array.cell
    assert (named.lrs, named.hrs, named.read_noise) == (2e3, 3e6, 0)
    changed = load_chip(write(tmp_path, BASE + "array: {cell: {lrs: 50 kOhm}}\n")).chip.array.cell
    assert (changed.lrs, changed.hrs, changed.read_noise) == (50e3, 1.7e6, 0.01)
    extended = load_chip(write(tmp_path, BASE + "array: {cell: {extends: isaac_hu_dac_2016, lrs: 3 kOhm}}\n"))
    assert (extended.chip.array.cell.lrs, extended.chip.array.cell.hrs) == (3e3, 3e6)
    assert extended.source_of(("array", "cell", "hrs")) is not None
    write(tmp_path, "lrs: 1 kOhm\nhrs: 5 kOhm\nlevels: 4\n", "card.yaml")
    beside = load_chip(write(tmp_path, BASE + "array: {cell: card.yaml}\n")).chip.array.cell
    assert (beside.lrs, beside.hrs, beside.programming_error.hrs) == (1e3, 5e3, 0)


@pytest.mark.parametrize(
    ("base", "child"),
    [
        ("hfox_planar_128", "array: {geometry: vertical, layers: 2, word_lines: finger}\nwrite: {scheme: half}"),
        ("vrram_finger_8layer", "array: {geometry: planar}\nwrite: {scheme: half}"),
        ("hfox_planar_128", "array: {access: {device: none}}\nwrite: {scheme: third}"),
        ("hfox_planar_128", "readout: {converter: ramp_adc}"),
        ("hfox_planar_128", "readout: {converter: sense_amp, bits: 1}"),
        ("hfox_planar_128", "readout: {model: zigzag_28nm}"),
        ("hfox_spiking_128", "readout: {converter: sar_adc}"),
        ("hfox_planar_128", "weights: {scheme: offset}"),
        ("hfox_planar_128", "tile: {macro: {count: 2, arrays: 4, shift_add: {component: shift_add}}}"),
        ("hfox_planar_128", "tile: {shift_add: {shared_by: 2}}"),
        (
            "isaac_isca_2016",
            "tile: {arrays: 8, shift_add: {component: isaac_shift_add}, input_register: "
            "{component: isaac_input_register}, output_register: {component: isaac_output_register}}",
        ),
        ("hfox_planar_128", "tile: {adder: {shared_by: 2}}"),
    ],
)
def test_switching_a_choice_takes_the_other_choice_away(tmp_path: Path, base: str, child: str) -> None:
    """What of a base belongs to the choice that a child leaves does not stand in its way."""
    load_chip(write(tmp_path, f"extends: {base}\n{child}\n"))


def test_settings_are_read_as_yaml_and_later_ones_win() -> None:
    """`--set` takes scalars, quantities and mappings; several act together, and the option is their source."""
    sets = [
        "array.rows=64", "array.rows=32", "tile.count={x: 2, y: 3}", "array.cell.lrs=50 kOhm",
        "readout.neuron={capacitance: 1 pF, threshold: 0.5 V, window: 1 us}", "readout.converter=integrate_and_fire",
    ]  # fmt: skip
    loaded = load_chip("hfox_planar_128", sets)
    chip = loaded.chip
    assert (chip.array.rows, chip.tile.count.total, chip.array.cell.lrs) == (32, 6, 50e3)
    assert chip.readout.neuron is not None
    assert chip.readout.rate is None
    assert loaded.source_of(("array", "rows")) == "--set array.rows=32"
    assert loaded.where(("tile", "count", "y")) == "--set tile.count={x: 2, y: 3}"
    assert load_chip("hfox_planar_128", ["array.cell=isaac_hu_dac_2016"]).chip.array.cell.lrs == 2e3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("array.rws=4", "--set array.rws=4: array.rws: unknown key 'rws' (did you mean 'rows'?)"),
        ("array.rows", "--set array.rows: expected KEY=VALUE, such as array.rows=256"),
        ("=4", "--set =4: expected KEY=VALUE"),
        ("array..rows=4", "--set array..rows=4: expected KEY=VALUE"),
        ("array.rows=many", "--set array.rows=many: array.rows: expected an integer, found 'many'"),
        ("array.rows=[1", "--set array.rows=[1: not valid YAML"),
        ("array.rows=.nan", "--set array.rows=.nan: array.rows: expected a finite number, found .nan (not a number)"),
        ("array.rows.x=4", "--set array.rows.x=4: array.rows: expected an integer, found a mapping"),
        ("array.read_voltage=9 V", "--set array.read_voltage=9 V: array.read_voltage: expected at most the highest"),
        ("array.cell=none", "--set array.cell=none: array.cell: none: no such device card"),
        ("extends=isaac_isca_2016", "--set extends=isaac_isca_2016: extends: unknown key"),
    ],
)
def test_bad_settings_are_refused_by_the_option(text: str, message: str) -> None:
    """A bad `--set` is named as the place of the mistake."""
    with pytest.raises(InputError) as error:
        load_chip("hfox_planar_128", [text])
    assert str(error.value).startswith(message)


def test_digest_is_of_the_hardware(tmp_path: Path) -> None:
    """The same chip under another name has the same digest; one other number gives another."""
    first = load_chip("hfox_planar_128")
    renamed = load_chip(write(tmp_path, BASE + "name: other\ndescription: text\narray: {rows: 128}\n"))
    changed = load_chip("hfox_planar_128", ["array.rows=127"])
    assert first.digest == renamed.digest
    assert first.digest != changed.digest


BARE = ("array.access.on_resistance=0 Ohm", "weights.bits_per_cell=1")
STANFORD = ("write={voltage: 1.5 V, pulse: 10 ns}", "write.reset={voltage: 1.2 V, pulse: 10 ns}")


def test_every_device_card_is_a_valid_cell() -> None:
    """Each shipped card can be named as a cell."""
    for name in config_names("device"):
        data = read_yaml(config_path("device", name)).data
        own = ("write.verify=null",) if data.get("verified") else STANFORD if name == "stanford_pku" else ()
        chip = load_chip("hfox_planar_128", [f"array.cell={name}", *BARE, *own]).chip
        levels = data["levels"]
        assert chip.array.cell.levels == levels


def test_unknown_shipped_names_suggest_the_nearest() -> None:
    """`config_path` refuses a name that is not shipped."""
    with pytest.raises(InputError, match=r"sram_cact: no such component card \(did you mean 'sram_cacti'\?\)"):
        config_path("component", "sram_cact")
