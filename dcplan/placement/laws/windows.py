"""The law of time windows: machines are there for as long as they are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.placement.model import Rule
from dcplan.placement.timing import there_today, untimely

if TYPE_CHECKING:
    from dcplan.placement.model import Builder


def purchase_window(b: Builder) -> None:
    r"""A replica runs only in pools that are there for its whole time.

        n[c, p]  =  0     when  max(start[p] - now, wait[p]) + time[c]  >  end[p] - now,  or  >  deadline[c],
                          or  time[c]  >  longest[p],  or c serves and p is not there now

    Serving takes the whole horizon.  A wait that nobody knows keeps no deadline.  Jobs that run in a pool
    today began in time.  Parts beside count like replicas.
    Label: ``purchase-window[w, p]``.
    """
    running = there_today(b.problem)
    for w in b.problem.workloads:
        for c in b.choices_of[w.name]:
            for part, pools in b.pairs.of(c):
                counts = b.replicas if part is c else b.beside
                for p in pools:
                    why = None if (c.id, p.id) in running else untimely(c, p)
                    if why is not None:
                        rule = Rule(
                            law="purchase-window",
                            label=f"purchase-window[{w.name}, {p.id}]",
                            says=f'"{w.name}" cannot wait or end there: {why}',
                            origins=() if p.origin is None else (p.origin,),
                        )
                        b.require([(1, counts[c.id, p.id])], rule, at_most=0)
