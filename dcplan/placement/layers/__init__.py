"""Layers: which layers of one model each of several unlike machines holds, so that most tokens pass.

Takes: LayerProblem (kinds of machines, what each carries with so many layers, caps).
Gives: Result[LayerPlan], with bounds; a maximum flow over single machines that checks it.
Knows: the door to CP-SAT.
Never: how fast a machine is (its caller says), prices, clouds.
"""

from dcplan.placement.layers.flow import Link, Seat, carried, seats_of
from dcplan.placement.layers.linked import LinkedPlan, place_over_links
from dcplan.placement.layers.solve import place_layers
from dcplan.placement.layers.types import Holding, Kind, LayerPlan, LayerProblem, Share, Stage

__all__ = [
    "Holding",
    "Kind",
    "LayerPlan",
    "LayerProblem",
    "Link",
    "LinkedPlan",
    "Seat",
    "Share",
    "Stage",
    "carried",
    "place_layers",
    "place_over_links",
    "seats_of",
]
