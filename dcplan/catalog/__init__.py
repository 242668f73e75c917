"""Catalog: facts about accelerators, machines and models, and what clouds offer.

Takes: our own data files, a Document's names.     Gives: Catalog and its nouns.
Knows: YAML (our own data).        Never: the network, a clock, a price it was not told.
"""

from dcplan.catalog.asked import check_asked
from dcplan.catalog.load import (
    canonical_accelerator,
    catalog_providers,
    load_accelerators,
    load_machines,
    load_offerings,
)
from dcplan.catalog.models import catalog_model_names, load_catalog_model
from dcplan.catalog.resolve import build_catalog, check_accelerators, check_known, resolve_models
from dcplan.catalog.site import BlockSite, RackSite, ZoneSite
from dcplan.catalog.types import (
    Accelerator,
    AcceleratorKind,
    AttentionKind,
    Catalog,
    Machine,
    Model,
    Offering,
    Purchase,
    Source,
)

__all__ = [
    "Accelerator",
    "AcceleratorKind",
    "AttentionKind",
    "BlockSite",
    "Catalog",
    "Machine",
    "Model",
    "Offering",
    "Purchase",
    "RackSite",
    "Source",
    "ZoneSite",
    "build_catalog",
    "canonical_accelerator",
    "catalog_model_names",
    "catalog_providers",
    "check_accelerators",
    "check_asked",
    "check_known",
    "load_accelerators",
    "load_catalog_model",
    "load_machines",
    "load_offerings",
    "resolve_models",
]
