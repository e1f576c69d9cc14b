"""One training step as events: a batch of images goes forward and back, then each layer makes ready for its pulses.

    image   off-chip -> global buffer -> tiles | fetch -> reads -> sums home -> units -> tiles of the next layer | loss
            errors -> tiles | fetch -> transposed reads -> sums home -> derivative, home of the layer before | ...
    layer   when the errors of the whole batch are in its tiles and its transposed reads are done: fetch inputs and
            errors; with a gradient: multiply-accumulates; with accumulators: global buffer (or off-chip) and back

Images follow one another without pause, first come first served in every part; all reads of a step see the weights of
its start. The first layer has no transposed reads. A flow is made of steps once and followed by every image.
A tile whose buffer cannot hold what the batch leaves for the update sends all of that on, through the global buffer
and the off-chip link, as it comes, and takes it back for the update.
Left out: overlap of an image's own parts (a layer fetches all windows of an image, then reads them, then merges),
room in buffers for images on their way, labels, and bringing errors of pools to their places (an action a comparison).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count
from typing import TypeAlias

from pillarsim.arch.simulate.kernel import Kernel
from pillarsim.arch.simulate.mesh import GLOBAL
from pillarsim.arch.simulate.ports import OnTime, Server, Service
from pillarsim.arch.simulate.source_sink import border_services
from pillarsim.arch.training.parts import Arrays, Parts
from pillarsim.arch.training.plan import LayerPlan, Reading, TilePlan, TrainingPlan, Work, access, unit_work, updates_of
from pillarsim.arch.training.trace import tagged

__all__ = ["StepEvents"]

Flow: TypeAlias = Callable[[int, int, OnTime], None]  # (image, start at, called with the end, at or before it)


class _Join:
    """Calls `done` with the last of `left` times once all are known."""

    __slots__ = ("done", "last_ps", "left")

    def __init__(self, left: int, done: OnTime) -> None:
        self.left, self.done, self.last_ps = left, done, 0

    def __call__(self, time_ps: int) -> None:
        self.last_ps = max(self.last_ps, time_ps)
        self.left -= 1
        if not self.left:
            self.done(self.last_ps)


def _in_turn(flows: Sequence[Flow]) -> Flow:
    def start(image: int, at_ps: int, done: OnTime) -> None:
        _go(flows, 0, image, done, at_ps)

    return start


def _go(flows: Sequence[Flow], place: int, image: int, done: OnTime, at_ps: int) -> None:
    if place == len(flows):
        done(at_ps)
    else:
        flows[place](image, at_ps, partial(_go, flows, place + 1, image, done))


def _together(flows: Sequence[Flow]) -> Flow:
    if len(flows) == 1:
        return flows[0]

    def start(image: int, at_ps: int, done: OnTime) -> None:
        join = _Join(len(flows), done)
        for flow in flows:
            flow(image, at_ps, join)

    return start if flows else _nothing


def _nothing(image: int, at_ps: int, done: OnTime) -> None:
    done(at_ps)


def _after(delay_ps: int) -> Flow:
    return lambda image, at_ps, done: done(at_ps + delay_ps)


class StepEvents:
    """The events of the reading part of one step, on parts of either engine.

    loss_ps: the last image's loss; errors_ps: the last errors and transposed reads; ready_ps: when each layer's pulses
    can begin. `on_ready(layer, time)` is called with each, at or before that time.
    """

    def __init__(self, kernel: Kernel, parts: Parts, plan: TrainingPlan, images: int) -> None:
        self._kernel, self._parts, self._plan, self._images = kernel, parts, plan, images
        self._places = count()
        self._spilled = plan.spilled(images)
        self._left = [images] * len(plan.layers)
        self._ended = [0] * len(plan.layers)
        self.loss_ps = self.errors_ps = 0
        self.ready_ps = [-1] * len(plan.layers)
        self.on_ready: Callable[[int, int], None] = lambda layer, time_ps: None
        self._updates = [self._update(layer) for layer in plan.layers]
        self._image = self._image_flow()

    def start(self, at_ps: int = 0) -> None:
        """Offer all images at `at_ps`, in order."""
        for image in range(self._images):
            self._image(image, at_ps, _ignore)

    # what flows are made of

    def _served(self, server: Server, service: Service) -> Flow:
        place = next(self._places)

        def start(image: int, at_ps: int, done: OnTime) -> None:
            server.request(at_ps, service, (image, place, 0, 0, 0), None, done)

        return start

    def _read(self, arrays: Arrays, reading: Reading) -> Flow:
        place = next(self._places)
        return lambda image, at_ps, done: arrays.request(at_ps, reading, (image, place, 0, 0, 0), done)

    def _sent(self, source: int, target: int, bits: int, name: str) -> Flow:
        """A packet, none within a tile."""
        if source == target or not bits:
            return _nothing
        place, mesh = next(self._places), self._parts.mesh

        def start(image: int, at_ps: int, done: OnTime) -> None:
            mesh.send(at_ps, (source, target), bits, name, (image, place, 0, 0, 0), done)

        return start

    def _work(self, tile: int, work: Iterable[Work]) -> list[Flow]:
        servers = self._parts.tile(tile).servers
        return [self._served(servers[part], service) for part, service in work]

    def _stored(self, source: int, tile: int, bits: int, name: str, *, kept: bool = True) -> Flow:
        """Values that come to a tile's buffer, and go on to the outside where they do not all fit."""
        if not bits:
            return _nothing
        write = access("buffer", "write", name, self._plan.timing.base.buffer, bits)
        flows = [self._sent(source, tile, bits, name), *self._work(tile, [("buffer", write)])]
        if kept and tile in self._spilled:
            flows += [self._sent(tile, GLOBAL, bits, name), *self._bordering(bits, name, inward=False)]
        return _in_turn(flows)

    def _brought_back(self, tile: TilePlan, name: str) -> list[Flow]:
        """What a tile could not keep of the batch comes in again."""
        bits = self._images * (tile.input_bits + tile.error_bits)
        if tile.tile not in self._spilled or not bits:
            return []
        return [*self._bordering(bits, name, inward=True), self._stored(GLOBAL, tile.tile, bits, name, kept=False)]

    # an image

    def _image_flow(self) -> Flow:
        layers, home = self._plan.layers, GLOBAL
        flows = self._arrival()
        for layer in layers:
            name = tagged("forward", layer.name)
            flows.append(_together([self._stored(home, tile.tile, tile.input_bits, name) for tile in layer.tiles]))
            flows.append(_together([_in_turn(self._work(tile.tile, tile.fetch)) for tile in layer.tiles]))
            flows.append(self._read(self._parts.arrays[layer.number], layer.forward))
            flows.append(self._gathered(layer, name, [(tile, tile.partial_bits) for tile in layer.tiles]))
            flows += self._work(layer.home, layer.steps)
            home = layer.home
        flows += [*self._work(home, self._plan.loss), self._lost]
        for layer in reversed(layers):
            flows += self._back(layer, home)
            home = layers[layer.number - 1].home
        return _in_turn(flows)

    def _arrival(self) -> list[Flow]:
        """An image comes in through the off-chip link and the global buffer."""
        return [*self._bordering(self._plan.input_bits, tagged("forward", ""), inward=True)]

    def _bordering(self, bits: int, name: str, *, inward: bool) -> list[Flow]:
        """From outside through the global buffer to the mesh, or the other way."""
        parts, timing = self._parts, self._plan.timing.base
        move, _, _ = border_services(timing, bits)
        link = [
            self._served(parts.off_chip, Service(move.actions, name, bits, bits, move.step_ps)),
            _after(timing.off_chip_latency_ps),
        ]
        buffer = [self._global(action, bits, name) for action in ("write", "read")]
        return [*link, *buffer] if inward else [*buffer, *link]

    def _global(self, action: str, bits: int, name: str) -> Flow:
        service = access("global_buffer", action, name, self._plan.timing.base.global_buffer, bits)
        return self._served(self._parts.global_buffer, service)

    def _gathered(self, layer: LayerPlan, name: str, sums: Sequence[tuple[TilePlan, int]]) -> Flow:
        """Partial sums of the other tiles come to the home tile."""
        return _together([self._sent(tile.tile, layer.home, bits, name) for tile, bits in sums if bits])

    def _back(self, layer: LayerPlan, home: int) -> list[Flow]:
        """Errors of a layer's outputs, in tile `home`, to those of the layer before."""
        name = tagged("backward", layer.name)
        flows = [_together([self._stored(home, tile.tile, tile.error_bits, name) for tile in layer.tiles])]
        if layer.transposed is not None:
            before = self._plan.layers[layer.number - 1].home
            flows += [
                _together([_in_turn(self._work(tile.tile, tile.fetch_errors)) for tile in layer.tiles]),
                self._read(self._parts.arrays[layer.number], layer.transposed),
                partial(self._known, layer.number),
                self._gathered(layer, name, [(tile, tile.transposed_bits) for tile in layer.tiles]),
                *self._work(layer.home, layer.back_steps),
                self._sent(layer.home, before, layer.back_bits, name),
                *self._work(before, layer.derivative),
            ]
        else:
            flows.append(partial(self._known, layer.number))
        return flows

    # marks

    def _lost(self, image: int, at_ps: int, done: OnTime) -> None:
        self.loss_ps = max(self.loss_ps, at_ps)
        done(at_ps)

    def _known(self, layer: int, image: int, at_ps: int, done: OnTime) -> None:
        """An image's errors are in the layer's tiles and its transposed reads are done."""
        self.errors_ps = max(self.errors_ps, at_ps)
        self._ended[layer] = max(self._ended[layer], at_ps)
        self._left[layer] -= 1
        if not self._left[layer]:
            self._updates[layer](self._images + layer, self._ended[layer], partial(self._ready, layer))
        done(at_ps)

    def _ready(self, layer: int, time_ps: int) -> None:
        self.ready_ps[layer] = time_ps
        self.on_ready(layer, time_ps)

    # a layer's update, up to its pulses

    def _update(self, layer: LayerPlan) -> Flow:
        flows = []
        for tile, work in updates_of(self._plan, layer, self._images):
            flow = [*self._brought_back(tile, tagged("update", layer.name)), *self._work(tile.tile, work)]
            bits = tile.synapses * self._plan.timing.accumulator_bits
            if bits:
                flow += self._accumulated(layer, tile, bits)
            flows.append(_in_turn(flow))
        return _together(flows)

    def _accumulated(self, layer: LayerPlan, tile: TilePlan, bits: int) -> list[Flow]:
        """Accumulators of a tile's weights come, take the gradient, and go back."""
        name, inside = tagged("update", layer.name), self._plan.accumulators_on_chip
        adds = unit_work(self._plan.timing, name, [("adder", tile.synapses)])
        came = [self._global("read", bits, name)] if inside else self._bordering(bits, name, inward=True)
        went = [self._global("write", bits, name)] if inside else self._bordering(bits, name, inward=False)
        way = self._sent(GLOBAL, tile.tile, bits, name), self._sent(tile.tile, GLOBAL, bits, name)
        return [*came, way[0], *self._work(tile.tile, adds), way[1], *went]


def _ignore(time_ps: int) -> None:
    """An image has gone through."""
