"""The elements of a netlist that stand for cells: a resistor where the law is linear, a B source where it is not.

Constants of B sources are written as `.param` names: ngspice 39 prints a number inside an expression again with
11 digits, a parameter with 16 (measured).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.circuits.cells import (
    ExpSelector,
    Law,
    Linear,
    LinearThroughOhmic,
    OhmicSelector,
    PooleFrenkel,
    Selector,
    Series,
    Sinh,
    ThresholdSelector,
)
from pillarsim.devices.circuits.errors import CircuitError
from pillarsim.devices.circuits.polynomial import Polynomial
from pillarsim.devices.polynomial import CUBE, LARGEST_V, SQUARE

Array = NDArray[np.float64]

# ln(1 + e^x), written so that no x overflows
_SOFTPLUS = ".func softplus(x) {(x+abs(x))/2+ln(1+exp(-abs(x)))}"


def digits(value: float) -> str:
    """Return a number with all its digits."""
    return repr(float(value))


@dataclass(frozen=True, eq=False)
class CellWriter:
    """Writes the cells of one case.

    g          conductance (S) of every cell, in the shape of the array
    selected   conductance (S) of the selected cells in each run; empty in compute mode
    cells      index tuples of the selected cells
    """

    law: Law
    g: Array
    selected: Mapping[str, float]
    cells: tuple[tuple[int, ...], ...]

    @property
    def ammeters(self) -> tuple[str, ...]:
        """The 0 V source in series with each selected cell."""
        return tuple(f"vsel_{_label(cell)}" for cell in self.cells)

    def parameters(self, active: str) -> Iterator[str]:
        """Yield constants and laws; of the selected cells' conductances all but that of the run `active` are comments.

        Raises CircuitError for a law that has no netlist.
        """
        yield from _element_law(self._element)
        if self._selector is not None:
            yield from _selector_law(self._selector)
        if self.selected:
            yield "* Conductance of the selected cells, S"
        for run, value in self.selected.items():
            yield f"{'' if run == active else '* '}.param {self._constants('sel', value)}  ; {run}"
        if not isinstance(self._element, Linear):
            yield "* Conductances of the other cells, S"
            for number in np.unique(self._numbers()[~self._chosen()]):
                yield f".param {self._constants(str(number), float(np.unique(self.g)[number]))}"

    def elements(self, a: list[str], b: list[str]) -> Iterator[str]:
        """Yield the elements of all cells, flattened, between their terminals `a` and `b`."""
        chosen, numbers, flat = self._chosen().ravel(), self._numbers().ravel(), self.g.ravel()
        for count, place in enumerate(np.ndindex(self.g.shape)):
            label, start, end = _label(place), a[count], b[count]
            if chosen[count]:
                yield f"vsel_{label} {start} m_{label} dc 0"
                start = f"m_{label}"
            inner = end if self._selector is None else f"x_{label}"
            if isinstance(self._element, Linear):
                ohm = "{1/g_sel}" if chosen[count] else digits(1 / flat[count])
                yield f"rcell_{label} {start} {inner} {ohm}"
            else:
                names = self._names("sel" if chosen[count] else str(numbers[count]))
                yield f"bcell_{label} {start} {inner} i=cell_i({','.join(names)},v({start},{inner}))"
            if self._selector is not None:
                yield _selector_element(self._selector, label, inner, end)

    @property
    def _element(self) -> Law:
        if isinstance(self.law, LinearThroughOhmic):
            return Linear()
        return self.law.element if isinstance(self.law, Series) else self.law

    @property
    def _selector(self) -> Selector | None:
        if isinstance(self.law, LinearThroughOhmic):
            return OhmicSelector(self.law.g)
        return self.law.selector if isinstance(self.law, Series) else None

    def _names(self, suffix: str) -> list[str]:
        """The parameters of a cell: its conductance, and the coefficients of a polynomial."""
        letters = "gab" if isinstance(self._element, Polynomial) else "g"
        return [f"{letter}_{suffix}" for letter in letters]

    def _constants(self, suffix: str, conductance: float) -> str:
        """The values of these parameters."""
        place = np.log10(conductance)
        values = (conductance, float(np.polyval(SQUARE, place)), float(np.polyval(CUBE, place)))
        return " ".join(f"{name}={digits(value)}" for name, value in zip(self._names(suffix), values, strict=False))

    def _chosen(self) -> NDArray[np.bool_]:
        chosen = np.zeros(self.g.shape, dtype=bool)
        for cell in self.cells:
            chosen[cell] = True
        return chosen

    def _numbers(self) -> NDArray[np.intp]:
        """The number of each cell's conductance among the different ones."""
        return np.asarray(np.unique(self.g, return_inverse=True)[1].reshape(self.g.shape), dtype=np.intp)


def _label(place: tuple[int, ...]) -> str:
    return "_".join(map(str, place))


def _element_law(element: Law) -> list[str]:
    if isinstance(element, Linear):
        return ["* Cells: I = G V"]
    if isinstance(element, Sinh):
        return [
            "* Cells: I = G sinh(k V) / k, k in 1/V",
            f".param k_cell={digits(element.k)}",
            ".func cell_i(g,x) {g*sinh(k_cell*x)/k_cell}",
        ]
    if isinstance(element, PooleFrenkel):
        return [
            "* Cells: I = G V exp(sqrt(|V| / v_pf))",
            f".param v_pf={digits(element.v_pf)}",
            ".func cell_i(g,x) {g*x*exp(sqrt(abs(x)/v_pf))}",
        ]
    if isinstance(element, Polynomial):
        # ngspice 39 does not know a function that follows `?` without a bracket.
        return [
            f"* Cells: I = G V + a V^2 + b V^3, straight beyond {LARGEST_V:g} V; a and b follow from G",
            f".param v_fit={digits(LARGEST_V)}",
            ".func fit_i(g,a,b,x) {x*(g+x*(a+x*b))}",
            ".func fit_slope(g,a,b,x) {g+x*(2*a+x*3*b)}",
            ".func above_i(g,a,b,x) {fit_i(g,a,b,v_fit)+fit_slope(g,a,b,v_fit)*(x-v_fit)}",
            ".func below_i(g,a,b,x) {fit_i(g,a,b,-v_fit)+fit_slope(g,a,b,-v_fit)*(x+v_fit)}",
            ".func upper_i(g,a,b,x) {x > v_fit ? (above_i(g,a,b,x)) : (fit_i(g,a,b,x))}",
            ".func cell_i(g,a,b,x) {x < -v_fit ? (below_i(g,a,b,x)) : (upper_i(g,a,b,x))}",
        ]
    raise CircuitError(f"cell: no netlist is known for the law {type(element).__name__}")


def _selector_law(selector: Selector) -> list[str]:
    if isinstance(selector, ExpSelector):
        return [
            "* Selectors: I = g0 sinh(ks V) / ks, g0 in S, ks in 1/V",
            f".param g0_selector={digits(selector.g0)} k_selector={digits(selector.ks)}",
            ".func selector_i(x) {g0_selector*sinh(k_selector*x)/k_selector}",
        ]
    if isinstance(selector, ThresholdSelector):
        return [
            "* Selectors: I = g_off V + (g_on - g_off) w [sp((V - v_th)/w) - sp((-V - v_th)/w)], sp(x) = ln(1 + e^x)",
            f".param g_off={digits(selector.g_off)} g_step={digits(selector.g_on - selector.g_off)}",
            f".param v_th={digits(selector.v_th)} w_th={digits(selector.w)}",
            _SOFTPLUS,
            ".func selector_i(x) {g_off*x+g_step*w_th*(softplus((x-v_th)/w_th)-softplus((-x-v_th)/w_th))}",
        ]
    if isinstance(selector, OhmicSelector):
        return ["* Selectors: I = g V"]
    raise CircuitError(f"selector: no netlist is known for the law {type(selector).__name__}")


def _selector_element(selector: Selector, label: str, a: str, b: str) -> str:
    if isinstance(selector, OhmicSelector):
        return f"rselector_{label} {a} {b} {digits(1 / selector.g)}"
    return f"bselector_{label} {a} {b} i=selector_i(v({a},{b}))"
