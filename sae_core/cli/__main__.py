"""``python -m sae_core.cli``, where no ``penstroke`` is on the path."""

import sys

from sae_core.cli import main

sys.exit(main())
