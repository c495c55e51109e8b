"""Functions become the recorded plans, whatever version of jax is here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from plan_digests import main

sys.exit(main([]))
