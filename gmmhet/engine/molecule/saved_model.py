"""model.npz: the Gaussian model of gmmhet fit."""

from gmmhet.engine.io.array_schema import ArrayField, ArraySchema

__all__ = ["MODEL_FILE"]

MODEL_FILE = ArraySchema("a Gaussian model (.npz) made by gmmhet fit", (
    ArrayField("centers", "N3", "float64", "Å", "x, y, z from voxel box // 2"),
    ArrayField("weights", "N", "float64", "map value x Å³", "integrated density"),
    ArrayField("sigmas", "N", "float64", "Å", "standard deviations"),
    ArrayField("box", "", "int64", "voxels", "edge of the map that it was fitted to"),
    ArrayField("pixel_size", "", "float64", "Å", "of that map"),
    ArrayField("resolution", "", "float64", "Å", "to which it was fitted"),
    ArrayField("symmetry", "", "text", "", "point group that makes the whole of these Gaussians; C1: they are it"),
    ArrayField("about", "", "text", "", "what was run, as JSON"),
))
