"""Config: the user's files, read once and with every mistake pointed at.

Takes: paths, variables, the environment.        Gives: Document and SourceMap, in Result[Loaded].
Knows: YAML, pydantic, Hugging Face's config.json.        Never: hardware, clouds, the clock.
"""

from dcplan.config.check import Names, check
from dcplan.config.document import Document
from dcplan.config.files import default_paths
from dcplan.config.load import Loaded, load_document
from dcplan.config.portable import filled, hidden_names
from dcplan.config.source_map import SourceMap
from dcplan.config.typed import load_typed, validate_settings

__all__ = [
    "Document",
    "Loaded",
    "Names",
    "SourceMap",
    "check",
    "default_paths",
    "filled",
    "hidden_names",
    "load_document",
    "load_typed",
    "validate_settings",
]
