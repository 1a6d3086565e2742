"""Names of the columns that analyses add to tables of particles, now and in earlier versions."""

__all__ = ["BLOCK", "COORDINATE", "COORDINATE_SD", "JUNK", "MORE_PROBABLY", "STATE", "STATE_PROBABILITY",
           "current_name"]

#: coordinates under the prior that is estimated from the data, and their posterior standard deviations; mode appended
COORDINATE, COORDINATE_SD = "gmmhetCoordinate", "gmmhetCoordinateSd"
#: probability of a particle to show next to nothing of the molecule; above the second it is taken as junk
JUNK, MORE_PROBABLY = "gmmhetJunk", 0.5
#: probability that a block is present, its number appended; the likeliest state, from 1, and its probability
BLOCK, STATE, STATE_PROBABILITY = "gmmhetBlock", "gmmhetState", "gmmhetStateProbability"
_EARLIER = {"gmmhetPlacedSd": COORDINATE_SD, "gmmhetPlaced": COORDINATE}  # of version 0.3


def current_name(column: str) -> str:
    """A column under its present name: gmmhetPlaced1 of version 0.3 is gmmhetCoordinate1."""
    stem = column.rstrip("0123456789")
    return _EARLIER.get(stem, stem) + column[len(stem):]
