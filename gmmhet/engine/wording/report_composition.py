"""Words of the report's section about what comes and goes."""

__all__ = ["ABSENT", "BLOCK", "BLOCKS", "BLOCKS_NOTE", "BLOCK_COLUMNS", "HEADLINE", "MAP_COLUMN",
           "NO_MOTION_BESIDE", "ORDER", "ORDER_NOTE", "PLACE", "PRESENT", "STATE",
           "STATES", "STATES_NOTE", "STATE_COLUMNS"]

BLOCK, BLOCKS = "block", "Blocks that come and go"
STATE, STATES = "state", "States: which blocks are there together"
BLOCK_COLUMNS = ("kDa", "% of the molecule", "% of the particles", "±")
PLACE = "place"
#: of the page, where no motion is significant
HEADLINE = "Parts of the molecule come and go"
NO_MOTION_BESIDE = "No motion is significant beside them."
MAP_COLUMN = "map, FSC 0.143 (Å)"
STATE_COLUMNS = ("% of the particles", "±", "particles", "sure")
PRESENT, ABSENT = "\N{BLACK CIRCLE}", "\N{MIDDLE DOT}"
ORDER = "Order of the blocks"
ORDER_NOTE = ("An arrow runs from a block to one that is never there without it, in the states told; ways of several "
              "steps are not drawn again as one.")
BLOCKS_NOTE = ("Share of the particles that have the block, with its standard error. The probability for every "
               "particle is in composition/particles.star; a mask of each block stands beside it.")
STATES_NOTE = (f"{PRESENT} present, {ABSENT} absent. Shares are estimated with the uncertainty of every particle; "
               "particles: those whose likeliest state it is; sure: of these, given at least 90 %. Where there are "
               "maps of the states, they are in maps_states, made of these particles.")
