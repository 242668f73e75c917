"""How generated tests are drawn: the same examples in each run, so that a change is judged and not luck.

``make fuzz`` draws new ones, as often as it is told to.
"""

import os

from hypothesis import settings

settings.register_profile("same", derandomize=True)
settings.register_profile("new", print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
