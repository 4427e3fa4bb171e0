"""`python -m prof` is the `prof` command."""

import sys

from prof.tools.cli import main

sys.exit(main())
