"""Which network interfaces a machine type is started with.

As the EC2 User Guide has it ("Maximize network bandwidth on Amazon EC2 instances with multiple network
cards"): an ENA interface on card 0, device 0; an EFA-only one on card 0, device 1, where that card takes EFA;
on each further card an EFA-only one, device 0.  EFA-only interfaces take no address.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Cards:
    """The network cards of a machine type."""

    count: int
    efa: int
    """EFA interfaces, one a card."""
    on: tuple[int, ...] = ()
    """The cards that have them; empty: the last ones, as many as there are."""

    @property
    def seats(self) -> tuple[int, ...]:
        """The cards that have EFA interfaces."""
        return self.on or tuple(range(self.count - self.efa, self.count))


CARDS: Mapping[str, Cards] = {
    "g5.12xlarge": Cards(1, 1),
    "g5.16xlarge": Cards(1, 1),
    "g5.24xlarge": Cards(1, 1),
    "g5.48xlarge": Cards(1, 1),
    "g5.8xlarge": Cards(1, 1),
    "g6.12xlarge": Cards(1, 1),
    "g6.16xlarge": Cards(1, 1),
    "g6.24xlarge": Cards(1, 1),
    "g6.48xlarge": Cards(1, 1),
    "g6.8xlarge": Cards(1, 1),
    "g6e.12xlarge": Cards(1, 1),
    "g6e.16xlarge": Cards(1, 1),
    "g6e.24xlarge": Cards(2, 2),
    "g6e.48xlarge": Cards(4, 4),
    "g6e.8xlarge": Cards(1, 1),
    "g7e.12xlarge": Cards(1, 1),
    "g7e.24xlarge": Cards(2, 2),
    "g7e.48xlarge": Cards(4, 4),
    "g7e.8xlarge": Cards(1, 1),
    "p4d.24xlarge": Cards(4, 4),
    "p4de.24xlarge": Cards(4, 4),
    "p5.48xlarge": Cards(32, 32),
    "p5.4xlarge": Cards(1, 1),
    "p5e.48xlarge": Cards(32, 32),
    "p5en.48xlarge": Cards(16, 16),
    "p6-b200.48xlarge": Cards(8, 8),
    "p6-b300.48xlarge": Cards(17, 16),
    # One card of each GPU's two: more of them do not send more (EC2 User Guide, "EFA configuration for
    # P6e-GB200 instances").
    "p6e-gb200.36xlarge": Cards(17, 4, on=(1, 5, 9, 13)),
    "trn1.32xlarge": Cards(8, 8),
    "trn1n.32xlarge": Cards(16, 16),
    "trn2.3xlarge": Cards(1, 1),
    "trn2.48xlarge": Cards(16, 16),
    "trn2u.48xlarge": Cards(16, 16),
}
"""Types with EFA (EC2 DescribeInstanceTypes, 2026-10-27: MaximumNetworkCards, MaximumEfaInterfaces)."""

DEVICE_ON_FURTHER_CARDS = 0
"""Of the EFA-only interface on cards 1 and up; 1 is for ENA interfaces there."""


def interfaces(
    machine: str, subnet: str, groups: list[str], *, gang: bool, public: bool = False
) -> list[dict[str, Any]]:
    """The interfaces as RunInstances takes them: all of EFA's for machines of a gang, else one.

    ``public``: with an address by which it reaches the internet.  A machine with several interfaces gets
    none from EC2.
    """
    cards = CARDS.get(machine) if gang else None
    seats = [(0, 0, "interface"), *(_efa(cards) if cards else ())]
    shown: list[dict[str, Any]] = [
        {
            "NetworkCardIndex": card,
            "DeviceIndex": device,
            "InterfaceType": kind,
            "SubnetId": subnet,
            "Groups": groups,
            "DeleteOnTermination": True,
        }
        for card, device, kind in seats
    ]
    if public and len(shown) == 1:
        shown[0]["AssociatePublicIpAddress"] = True
    return shown


def _efa(cards: Cards) -> Iterator[tuple[int, int, str]]:
    """Card, device and kind of each EFA interface."""
    for card in cards.seats:
        yield (card, 1 if card == 0 else DEVICE_ON_FURTHER_CARDS, "efa-only")
