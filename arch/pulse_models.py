"""From a card's `pulse_update` to the pulse model of `devices.pulses`."""

from __future__ import annotations

from pillarsim.arch.chip import pulse_update as card
from pillarsim.devices.pulses.batch import Batch
from pillarsim.devices.pulses.interface import Model
from pillarsim.devices.pulses.linear_step import LinearStep
from pillarsim.devices.pulses.neurosim import NeuroSim
from pillarsim.devices.pulses.pcm import Pcm
from pillarsim.devices.pulses.pink import Pink
from pillarsim.devices.pulses.soft_bounds import SoftBounds
from pillarsim.devices.pulses.stanford_pku import StanfordPku
from pillarsim.devices.pulses.stochastic_binary import StochasticBinary
from pillarsim.devices.pulses.telegraph import Telegraph
from pillarsim.devices.pulses.truncated import Exponential, LogNormal, Normal, Truncated
from pillarsim.devices.pulses.weak_reset import WeakReset
from pillarsim.devices.pulses.window import Window

_NM = 1e9  # nanometres a metre


def pulse_model(section: card.PulseUpdate, g_min_s: float, g_max_s: float, read_v: float | None = None) -> Model[Batch]:
    """Return the model of a card's section for cells between two conductances (S).

    read_v: at which conductances are read, in place of the card's own; it matters to models with a curve inside.
    Raises ValueError for parameters that make no model together, with their names.
    """
    match section:
        case card.SoftBounds():
            window = _window(section, g_min_s, g_max_s)
            steps = section.step_up * window.span_s, section.step_down * window.span_s
            return SoftBounds(window, *steps, section.bend_up, section.bend_down, section.c2c, section.d2d_step)
        case card.LinearStep():
            return LinearStep(
                _window(section, g_min_s, g_max_s),
                section.step_up,
                section.step_down,
                section.slope_up,
                section.slope_down,
                sigma=section.c2c,
                write_noise=section.write_noise,
                spread_step=section.d2d_step,
            )
        case card.NeuroSim():
            return NeuroSim(
                _window(section, g_min_s, g_max_s),
                section.pulses_up,
                section.pulses_down,
                section.label_up,
                section.label_down,
                section.c2c,
                section.d2d_label,
            )
        case card.StochasticBinary():
            return StochasticBinary(
                g_min_s,
                g_max_s,
                section.set_probability,
                section.reset_probability,
                c2c_low=section.c2c_hrs,
                c2c_high=section.c2c_lrs,
                d2d_low=section.d2d_hrs,
                d2d_high=section.d2d_lrs,
            )
        case card.PhaseChange():
            return _phase_change(section)
        case card.StanfordPku():
            return _stanford_pku(section, section.read_voltage if read_v is None else read_v)
        case card.WeakReset():
            return _weak_reset(section)


def _window(section: card.SoftBounds | card.LinearStep | card.NeuroSim, g_min_s: float, g_max_s: float) -> Window:
    return Window(g_min_s, g_max_s, section.d2d_min, section.d2d_span)


def _phase_change(section: card.PhaseChange) -> Pcm:
    return Pcm(
        g0_s=section.start,
        g_max_s=section.limit,
        decay_pulses=section.memory_pulses,
        mean=(section.mean_slope, section.mean_offset, section.mean_memory),
        sigma=(section.spread_slope, section.spread_offset, section.spread_memory),
        read_noise=(section.read_slope, section.read_offset),
        drift=section.drift,
        t0_s=section.stated_after,
    )


def _stanford_pku(section: card.StanfordPku, read_v: float) -> StanfordPku:
    return StanfordPku(
        g0_nm=section.decay_length * _NM,
        v0_v=section.decay_voltage,
        i0_a=section.current,
        vel0_nm_per_s=section.velocity * _NM,
        gamma0=section.enhancement,
        beta=section.enhancement_fall,
        ea_ev=section.activation,
        a0_nm=section.hop * _NM,
        tox_nm=section.oxide * _NM,
        gap_min_nm=section.gap_min * _NM,
        gap_max_nm=section.gap_max * _NM,
        rth_k_per_w=section.thermal_resistance,
        ambient_k=section.ambient,
        spread_nm=section.c2c_gap * _NM,
        set_v=section.set_voltage,
        reset_v=section.reset_voltage,
        width_s=section.pulse,
        read_v=read_v,
    )


def _weak_reset(section: card.WeakReset) -> WeakReset:
    r0, slope, knee, offset, late = section.r0, section.slope, section.knee, section.offset, section.late_slope
    return WeakReset(
        r0_ohm=Truncated(Normal(r0.mean, r0.std), r0.low, r0.high),
        m1=Truncated(Exponential(slope.start, slope.scale), slope.low, slope.high),
        t_star=Truncated(LogNormal(knee.shape, knee.median), knee.low, knee.high),
        c1=Truncated(Normal(offset.mean, offset.std), offset.low, offset.high),
        m2=Truncated(Exponential(late.start, late.scale), late.low, late.high),
        amplitude_max=section.telegraph_amplitude,
        telegraph=Telegraph(section.telegraph_rise, section.telegraph_fall),
        pink=Pink(section.pink_coupling, section.pink_taps),
    )
