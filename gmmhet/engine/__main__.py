"""python -m gmmhet.engine"""

import sys

from gmmhet.engine.cli import main

sys.exit(main())
