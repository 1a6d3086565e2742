"""python -m gmmhet.engine"""

import sys

from gmmhet.engine.commands.main import main

sys.exit(main())
