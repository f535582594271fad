"""`python -m labeler`: the command line, where no script of ours is on the path."""

from __future__ import annotations

import sys

from labeler.cli import main

if __name__ == "__main__":
    sys.exit(main())
