"""Words of the report's section about what comes and goes."""

__all__ = ["ABSENT", "BLOCK", "BLOCKS", "BLOCKS_NOTE", "BLOCK_COLUMNS", "PLACE", "PRESENT", "STATE", "STATES",
           "STATES_NOTE", "STATE_COLUMNS"]

BLOCK, BLOCKS = "block", "Blocks that come and go"
STATE, STATES = "state", "States: which blocks are there together"
BLOCK_COLUMNS = ("kDa", "% of the molecule", "% of the particles", "±")
PLACE = "place"
STATE_COLUMNS = ("% of the particles", "±", "particles", "sure")
PRESENT, ABSENT = "\N{BLACK CIRCLE}", "\N{MIDDLE DOT}"
BLOCKS_NOTE = ("Share of the particles that have the block, with its standard error. The probability for every "
               "particle is in composition/particles.star; a mask of each block stands beside it.")
STATES_NOTE = (f"{PRESENT} present, {ABSENT} absent. Shares are estimated with the uncertainty of every particle; "
               "particles: those whose likeliest state it is; sure: of these, given at least 90 %.")
