"""``python -m finnr_rtl``."""

import sys

from finnr_rtl.cli import main

sys.exit(main())
