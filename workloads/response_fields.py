"""The `response` of a layer in a topology file: its keys read, and written."""

from pillarsim.arch.errors import nearest
from pillarsim.workloads.fields import Fields
from pillarsim.workloads.network import CellLaw, CellResponse, NetworkError

__all__ = ["number_text", "read_response", "response_entry"]

# parameter of a CellLaw -> (its key, its dimension and SI unit; a pure number without)
_PARAMETERS: dict[str, tuple[str, tuple[str, str] | None]] = {
    "v0_v": ("v0", ("voltage", "V")),
    "permittivity_relative": ("permittivity", None),
    "thickness_m": ("thickness", ("length", "m")),
}
_RANGE = ("read_voltage", "g_min", "g_max", "input_scale", "weight_scale")


def read_response(layer: Fields) -> CellResponse | None:
    """The response of a layer's entry, or None; raises InputError for a wrong one."""
    if "response" not in layer.values:
        return None
    from pillarsim.mapping.response import LAWS, device_law  # loads the compiler, which few topologies need

    fields = Fields.at(layer.document, (*layer.path, "response"), layer.values["response"])
    name = fields.text("law")
    if name not in LAWS:
        fields.fail("law", f"unknown cell law '{name}'{nearest(name, LAWS)}; known: {', '.join(LAWS)}")
    wanted = LAWS[name][1]
    fields.only(("law", *(_PARAMETERS[parameter][0] for parameter in wanted), *_RANGE))

    def value(parameter: str) -> float:
        key, unit = _PARAMETERS[parameter]
        return fields.positive(key) if unit is None else fields.quantity(key, unit[0])

    try:
        law = CellLaw(
            name,
            tuple((parameter, value(parameter)) for parameter in wanted),
            fields.quantity("read_voltage", "voltage"),
            fields.quantity("g_min", "conductance"),
            fields.quantity("g_max", "conductance"),
        )
        device_law(law)
        return CellResponse(law, fields.positive("input_scale"), fields.positive("weight_scale"))
    except NetworkError as error:
        fields.fail(None, str(error))


def response_entry(response: CellResponse) -> str:
    """The YAML of a response, in one line; numbers come back exactly."""
    law = response.law
    entries = [f"law: {law.name}"]
    for parameter, value in law.parameters:
        key, unit = _PARAMETERS[parameter]
        entries.append(f"{key}: {number_text(value)}" if unit is None else f"{key}: {value!r} {unit[1]}")
    entries += [f"read_voltage: {law.read_voltage_v!r} V", f"g_min: {law.g_min_s!r} S", f"g_max: {law.g_max_s!r} S"]
    entries += [f"{key}: {number_text(getattr(response, key))}" for key in ("input_scale", "weight_scale")]
    return f"{{{', '.join(entries)}}}"


def number_text(value: float) -> str:
    """A float as YAML takes it back exactly: with a point, without which 1e-05 would be a string."""
    text = repr(float(value))
    return text.replace("e", ".0e") if "e" in text and "." not in text else text
