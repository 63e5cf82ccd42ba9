"""Entry point of `python -m refseg`."""

import sys

from refseg.cli import main

if __name__ == "__main__":
    sys.exit(main())
