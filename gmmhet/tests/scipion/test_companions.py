"""What lies beside the particles of a refinement is found by name, and is left alone where it is not clear."""

import tempfile
import unittest
from pathlib import Path

from gmmhet.convert import find_companions
from gmmhet.engine.io import table_from, write_star


class TestCompanions(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory())) / "Refine3D" / "job012"
        self.folder.mkdir(parents=True)

    def there(self, *names):
        for name in names:
            (self.folder / name).touch()

    def found(self, name):
        """Names, relative to the folder, of map, half-maps, mask and passthrough files."""
        got = find_companions(self.folder / name)
        names = [got.map, *got.halves, got.mask, *got.passthrough]
        return [p and p.name for p in names]

    def test_a_finished_refinement_of_relion(self):
        self.there("run_data.star", "run_class001.mrc", "run_half1_class001_unfil.mrc", "run_half2_class001_unfil.mrc",
                   "run_it018_data.star", "run_it018_half1_class001.mrc", "run_it018_half2_class001.mrc")
        self.assertEqual(self.found("run_data.star"), ["run_class001.mrc", "run_half1_class001_unfil.mrc",
                                                       "run_half2_class001_unfil.mrc", None])
        self.assertEqual(self.found("run_it018_data.star"), [None, None])  # half-maps without their map

    def test_an_iteration_and_the_mask_of_the_job(self):
        self.there("run_it025_data.star", "run_it025_class001.mrc")
        mask = self.folder.parents[1] / "MaskCreate" / "job009" / "mask.mrc"
        mask.parent.mkdir(parents=True)
        mask.touch()
        write_star(self.folder / "job.star", [table_from("joboptions_values", {
            "rlnJobOptionVariable": ["fn_img", "fn_mask"],
            "rlnJobOptionValue": ["Extract/job003/particles.star", "MaskCreate/job009/mask.mrc"]})])
        got = find_companions(self.folder / "run_it025_data.star")
        self.assertEqual(got.map.name, "run_it025_class001.mrc")
        self.assertTrue(got.mask.samefile(mask))
        self.assertEqual(got.halves, ())

    def test_several_classes_are_not_one_map(self):
        self.there("run_it025_data.star", "run_it025_class001.mrc", "run_it025_class002.mrc")
        self.assertEqual(self.found("run_it025_data.star"), [None, None])

    def test_one_iteration_of_cryosparc(self):
        for number in ("005", "006"):
            self.there(*(f"cryosparc_P1_J12_{number}_{end}" for end in (
                "particles.cs", "volume_map.mrc", "volume_map_sharp.mrc", "volume_map_half_A.mrc",
                "volume_map_half_B.mrc", "volume_mask_refine.mrc", "volume_mask_fsc.mrc")))
        self.there("P1_J12_passthrough_particles.cs")
        for number in ("005", "006"):
            stem = f"cryosparc_P1_J12_{number}_volume"
            self.assertEqual(self.found(f"cryosparc_P1_J12_{number}_particles.cs"), [
                f"{stem}_map.mrc", f"{stem}_map_half_A.mrc", f"{stem}_map_half_B.mrc", f"{stem}_mask_refine.mrc",
                "P1_J12_passthrough_particles.cs"])

    def test_an_export_of_cryosparc(self):
        self.there("J12_particles_exported.cs", "J12_map.mrc", "J12_half_map_A.mrc", "J12_half_map_B.mrc",
                   "J12_mask.mrc")
        self.assertEqual(self.found("J12_particles_exported.cs"), ["J12_map.mrc", "J12_half_map_A.mrc",
                                                                   "J12_half_map_B.mrc", "J12_mask.mrc"])

    def test_nothing_there(self):
        self.there("run_data.star", "particles.cs", "other.txt")
        for name in ("run_data.star", "particles.cs", "other.txt", "not_there.star"):
            self.assertEqual(self.found(name), [None, None], name)


if __name__ == "__main__":
    unittest.main()
