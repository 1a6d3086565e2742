"""One set of particles in the files of several programs, made here from the programs' definitions, reads alike."""

import json
import tempfile
import unittest
from pathlib import Path

import h5py
import mrcfile
import numpy as np
from scipy.spatial.transform import Rotation

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import check_images, read_particles, read_star, write_particles, write_selection

_N, _BOX, _PIXEL = 9, 16, 1.5
_KV, _CS, _AC = 300.0, 2.7, 0.1
_CTF_NAMES = ("defocus", "dfdiff", "dfang", "bfactor", "ampcont", "voltage", "cs", "apix")


class Planted:
    """Poses as rotation matrices A (x_view = A x_model) and the particles' places in the images, Angstrom."""

    def __init__(self) -> None:
        rng = np.random.default_rng(11)
        self.matrices = Rotation.random(_N, random_state=3).as_matrix()
        self.places = rng.uniform(-6, 6, (_N, 2))
        self.u = rng.uniform(9e3, 2e4, _N)
        self.v = self.u - rng.uniform(100, 900, _N)
        self.angle = rng.uniform(-90, 90, _N)
        self.phase = rng.uniform(0, 90, _N)
        self.half = rng.integers(1, 3, _N)
        self.half[:2] = 1, 2
        self.images = rng.normal(size=(_N, _BOX, _BOX)).astype(np.float32)
        # intrinsic rotations z, y', z'' of the axes are the passive Euler angles of RELION
        self.euler = Rotation.from_matrix(np.swapaxes(self.matrices, 1, 2)).as_euler("ZYZ", degrees=True)

    def expected_ctf(self, k: np.ndarray, t: np.ndarray) -> np.ndarray:
        """[n, ...] at frequencies k, angles t."""
        energy = 1.602176634e-19 * _KV * 1e3
        rest = 9.1093837e-31 * 2.99792458e8**2
        wavelength = 1e10 * 6.62607015e-34 * 2.99792458e8 / np.sqrt(energy * (energy + 2 * rest))
        u, v, a, p = (x[:, None] for x in (self.u, self.v, np.deg2rad(self.angle), np.deg2rad(self.phase)))
        dz = (u + v) / 2 + (u - v) / 2 * np.cos(2 * (t - a))
        return np.sin(np.pi * wavelength * dz * k**2 - np.pi / 2 * _CS * 1e7 * wavelength**3 * k**4 + p
                      + np.arcsin(_AC))


class FormatCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.planted = Planted()
        with mrcfile.new(self.folder / "images.mrcs") as handle:
            handle.set_data(self.planted.images)
            handle.voxel_size = _PIXEL

    def star_rows(self, *, pixels: bool, optics: str, extra: tuple[str, ...] = ()) -> str:
        p = self.planted
        origin = -p.places / (_PIXEL if pixels else 1)
        unit = "" if pixels else "Angst"
        names = ["rlnImageName", "rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi", f"rlnOriginX{unit}", f"rlnOriginY{unit}",
                 "rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle", "rlnPhaseShift", "rlnRandomSubset", *extra]
        rows = [" ".join([f"{i + 1}@images.mrcs", *(f"{x:.7f}" for x in (
            *p.euler[i], *origin[i], p.u[i], p.v[i], p.angle[i], p.phase[i])), str(p.half[i]), optics])
            for i in range(_N)]
        return "loop_\n" + "".join(f"_{n}\n" for n in names) + "\n".join(rows) + "\n"

    def relion30(self) -> Path:
        path = self.folder / "relion30.star"
        extra = ("rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast", "rlnMagnification",
                 "rlnDetectorPixelSize")
        optics = f"{_KV} {_CS} {_AC} 50000 {_PIXEL * 5}"
        path.write_text("data_\n\n" + self.star_rows(pixels=True, optics=optics, extra=extra))
        return path

    def relion31(self, version: int = 30001, image_size: bool = True) -> Path:
        path = self.folder / f"relion{version}.star"
        size = ("_rlnImageSize\n", str(_BOX)) if image_size else ("", "")
        path.write_text(
            f"# version {version}\n\ndata_optics\n\nloop_\n_rlnOpticsGroup\n_rlnVoltage\n_rlnSphericalAberration\n"
            f"_rlnAmplitudeContrast\n_rlnImagePixelSize\n{size[0]}4 {_KV} {_CS} {_AC} {_PIXEL} {size[1]}\n\n\n"
            f"# version {version}\n\ndata_particles\n\n"
            + self.star_rows(pixels=False, optics="4", extra=("rlnOpticsGroup",)))
        return path

    def cryosparc(self) -> tuple[Path, Path]:
        """The refinement's file without CTF and images, which its passthrough file has in another order."""
        p = self.planted
        uid = np.random.default_rng(1).integers(0, 2**63, _N).astype(np.uint64)
        main = np.zeros(_N, [("uid", "u8"), ("alignments3D/pose", "f4", 3), ("alignments3D/shift", "f4", 2),
                             ("alignments3D/psize_A", "f4"), ("alignments3D/split", "u4")])
        main["uid"] = uid
        main["alignments3D/pose"] = Rotation.from_matrix(p.matrices).inv().as_rotvec()
        main["alignments3D/psize_A"] = 2 * _PIXEL  # of binned images
        main["alignments3D/shift"] = -p.places / (2 * _PIXEL)
        main["alignments3D/split"] = p.half - 1
        other = np.zeros(_N + 2, [
            ("uid", "u8"), ("blob/path", "S40"), ("blob/idx", "u4"), ("blob/shape", "u4", 2), ("blob/psize_A", "f4"),
            *((f"ctf/{n}", "f4") for n in ("accel_kv", "cs_mm", "amp_contrast", "df1_A", "df2_A", "df_angle_rad",
                                           "phase_shift_rad")), ("alignments3D/split", "u4")])
        other["uid"] = [*uid, 1, 2]
        other["blob/path"], other["blob/shape"], other["blob/psize_A"] = b">images.mrcs", _BOX, _PIXEL
        other["blob/idx"][:_N] = np.arange(_N)
        for name, values in (("accel_kv", _KV), ("cs_mm", _CS), ("amp_contrast", _AC), ("df1_A", p.u), ("df2_A", p.v),
                             ("df_angle_rad", np.deg2rad(p.angle)), ("phase_shift_rad", np.deg2rad(p.phase))):
            other[f"ctf/{name}"][:_N] = values
        paths = self.folder / "main.cs", self.folder / "passthrough.cs"
        for path, array in zip(paths, (main, other[np.random.default_rng(2).permutation(_N + 2)]), strict=True):
            with open(path, "wb") as out:
                np.save(out, array)
        return paths

    def eman(self, *, in_header: bool = False) -> Path:
        """A .lst; its CTF, pose and pixel size in the rows, or in the attributes of the .hdf."""
        p = self.planted
        lines = ["#LSX", "# This file is in fast LST format.", "# 400"]
        with h5py.File(self.folder / "images.hdf", "w") as out:
            for i in range(_N):
                group = out.create_group(f"MDF/images/{i}")
                group["image"] = p.images[i]
                transform = np.column_stack([p.matrices[i], [*p.places[i] / _PIXEL, 0.0]])
                text = "[" + ",".join(f"{x:.9g}" for x in transform.ravel()) + "]"
                total = p.phase[i] + np.rad2deg(np.arcsin(_AC))  # EMAN2 has one number for both
                percent = 100 * np.sin(np.deg2rad(total)) if total <= 90 else 100 * (2 - np.sin(np.deg2rad(total)))
                values = dict(zip(_CTF_NAMES, (
                    (p.u[i] + p.v[i]) / 2e4, (p.u[i] - p.v[i]) / 1e4, p.angle[i], 0.0, percent, _KV, _CS, _PIXEL),
                    strict=True))
                told = {"class": int(p.half[i] - 1)}
                if in_header:
                    group.attrs["EMAN.xform.projection"] = json.dumps({"__class__": "Transform", "matrix": text})
                    group.attrs["EMAN.ctf"] = "E" + " ".join(f"{v:.10g}" for v in values.values()) + " 0 0 0"
                    group.attrs["EMAN.apix_x"] = np.array([_PIXEL])
                else:
                    told |= {"xform.projection": {"__class__": "Transform", "matrix": text},
                             "ctf": {"__class__": "EMAN2Ctf", **values}}
                lines.append(f"{i}\timages.hdf\t{json.dumps(told)}    ")
        path = self.folder / "set.lst"
        path.write_text("\n".join(lines) + "\n")
        return path

    def xmipp(self, *, flip: int = 0) -> Path:
        p = self.planted
        names = ("itemId", "image", "enabled", "angleRot", "angleTilt", "anglePsi", "shiftX", "shiftY", "flip",
                 "ctfVoltage", "ctfSphericalAberration", "ctfQ0", "ctfDefocusU", "ctfDefocusV", "ctfDefocusAngle",
                 "ctfPhaseShift", "subset")
        rows = [" ".join([str(100 + i), f"{i + 1:06d}@images.mrcs", "1", *(f"{x:.7f}" for x in (
            *p.euler[i], *(-p.places[i] / _PIXEL))), str(flip * (i == 4)), str(_KV), str(_CS), str(_AC),
            *(f"{x:.7f}" for x in (p.u[i], p.v[i], p.angle[i], p.phase[i])), str(p.half[i])]) for i in range(_N)]
        path = self.folder / "particles.xmd"
        path.write_text("# XMIPP_STAR_1 * \n# \ndata_noname\nloop_\n" + "".join(f" _{n}\n" for n in names)
                        + "\n".join(" " + r for r in rows) + "\n")
        return path


class TestFormatsReadAlike(FormatCase):
    def check(self, table) -> None:
        p = self.planted
        self.assertEqual((len(table), table.box, len(table.optics)), (_N, _BOX, 1))
        self.assertAlmostEqual(table.pixel_size, _PIXEL, places=6)
        np.testing.assert_allclose(table.rotations, p.matrices, atol=1e-6)
        np.testing.assert_allclose(table.origins, -p.places, atol=1e-4 if table.records is None else 5e-6)
        np.testing.assert_array_equal(table.half_set, p.half)
        # coefficients: the phase of the CTF within 1e-4 at the frequencies of the images
        k, t = np.random.default_rng(4).uniform(0, 0.1, 50), np.random.default_rng(5).uniform(0, 2 * np.pi, 50)
        x, y = k * np.cos(t), k * np.sin(t)
        a = table.ctf_coefficients.T[:, :, None]
        got = np.sin(a[0] * k**2 + a[1] * (x * x - y * y) + a[2] * 2 * x * y + a[3] * k**4 + a[4])
        np.testing.assert_allclose(got, p.expected_ctf(k, t), atol=2e-4)
        np.testing.assert_array_equal(table.images(np.arange(_N)), p.images)

    def test_relion_before_3_1(self) -> None:
        self.check(read_particles(self.relion30()))

    def test_relion_3_1_and_5(self) -> None:
        for version in (30001, 50001):
            self.check(read_particles(self.relion31(version)))

    def test_box_from_the_stack(self) -> None:
        self.check(read_particles(self.relion31(image_size=False)))

    def test_cryosparc_with_passthrough(self) -> None:
        main, other = self.cryosparc()
        self.check(read_particles(main, passthrough=[other]))

    def test_eman_with_hdf(self) -> None:
        for in_header in (False, True):
            with self.subTest(in_header=in_header):
                self.check(read_particles(self.eman(in_header=in_header)))

    def test_xmipp(self) -> None:
        self.check(read_particles(self.xmipp()))

    def test_all_as_relion_3_1(self) -> None:
        """What gmmhet import writes of each of them."""
        main, other = self.cryosparc()
        for path, more in ((self.relion30(), ()), (main, (other,)), (self.eman(), ()), (self.xmipp(), ())):
            with self.subTest(path.name):
                target = self.folder / "out" / f"{path.stem}.star"
                target.parent.mkdir(exist_ok=True)
                write_particles(target, read_particles(path, passthrough=more))
                self.check(read_particles(target))


class TestCryosparc(FormatCase):
    def test_selection_keeps_rows_bit_for_bit(self) -> None:
        main, other = self.cryosparc()
        table = read_particles(main, passthrough=[other])
        rows = np.array([7, 2, 5])
        write_selection(self.folder / "some.cs", table, rows, columns={"gmmhetLatent1": [0.5, -1.5, 2.0]})
        before, after = np.load(main)[rows], np.load(self.folder / "some.cs")
        for name in before.dtype.names:
            self.assertEqual(before[name].tobytes(), after[name].tobytes(), name)
        np.testing.assert_array_equal(after["gmmhet/latent1"], np.array([0.5, -1.5, 2.0], np.float32))
        again = read_particles(self.folder / "some.cs")  # the passthrough's fields are in it
        np.testing.assert_allclose(again.rotations, self.planted.matrices[rows], atol=1e-6)
        np.testing.assert_array_equal(again.images(np.arange(3)), self.planted.images[rows])

    def test_new_poses_come_back(self) -> None:
        main, other = self.cryosparc()
        table = read_particles(main, passthrough=[other])
        angles, origins = np.array([[10.0, 20, 30], [100, 170, -60]]), np.array([[1.0, -2], [3, 4]])
        for name in ("posed.cs", "posed.star"):
            write_selection(self.folder / name, table, [0, 3], poses=(angles, origins))
            got = read_particles(self.folder / name)
            np.testing.assert_allclose(got.angles, angles, atol=1e-4)
            np.testing.assert_allclose(got.origins, origins, atol=1e-5)

    def test_aberrations_are_read_and_told(self) -> None:
        main, other = self.cryosparc()
        array = np.load(other)
        kinds = [("ctf/tilt_A", "f4", 2), ("ctf/anisomag", "f4", 4), ("ctf/exp_group_id", "u4")]
        more = np.zeros(len(array), array.dtype.descr + kinds)
        for name in array.dtype.names:
            more[name] = array[name]
        more["ctf/exp_group_id"] = np.arange(len(more)) % 2
        more["ctf/tilt_A"] = np.where(more["ctf/exp_group_id"], 9000.0, 0.0)[:, None]
        more["ctf/anisomag"] = 0.01, 0, 0, -0.01
        np.save(self.folder / "more.npy", more)
        with self.assertLogs("gmmhet", "WARNING") as logged:
            table = read_particles(main, passthrough=[self.folder / "more.npy"])
        self.assertIn("beam tilt", "".join(logged.output))
        tilted = {o.name: any(o.aberrations.odd) for o in table.optics}
        self.assertEqual(tilted, {"exposureGroup0": False, "exposureGroup1": True})
        group = dict(zip(more["uid"].tolist(), more["ctf/exp_group_id"].tolist(), strict=True))
        self.assertEqual([int(table.optics[i].name[-1]) for i in table.optics_index],
                         [group[u] for u in np.load(main)["uid"].tolist()])
        np.testing.assert_allclose(table.views[:, 0], 1.01 * table.rotations[:, 0], rtol=1e-6)
        self.assertFalse(np.allclose(table.images(np.arange(_N)), self.planted.images))

    def test_likeliest_class(self) -> None:
        main, other = self.cryosparc()
        one = np.load(main)
        wrong = Rotation.random(_N, random_state=8).as_rotvec()
        likely = np.arange(_N) % 2
        kinds, multi = [("uid", "u8")], {}
        for k in range(2):
            g = f"alignments_class_{k}"
            kinds += [(f"{g}/pose", "f4", 3), (f"{g}/shift", "f4", 2), (f"{g}/psize_A", "f4"),
                      (f"{g}/class_posterior", "f4")]
        array = np.zeros(_N, kinds)
        array["uid"] = one["uid"]
        for k in range(2):
            g, right = f"alignments_class_{k}", likely == k
            array[f"{g}/pose"] = np.where(right[:, None], one["alignments3D/pose"], wrong)
            array[f"{g}/shift"] = np.where(right[:, None], one["alignments3D/shift"], 9.0)
            array[f"{g}/psize_A"], array[f"{g}/class_posterior"] = 2 * _PIXEL, np.where(right, 0.8, 0.2)
            for n in ("pose", "shift", "psize_A", "class_posterior"):
                multi.setdefault(n, []).append(array[f"{g}/{n}"])
        stacked = {f"alignments3D_multi/{n}": np.stack(v, axis=1) for n, v in multi.items()}
        packed = np.zeros(_N, [("uid", "u8"), *((n, "f4", v.shape[1:]) for n, v in stacked.items())])
        packed["uid"] = one["uid"]
        for name, values in stacked.items():
            packed[name] = values
        for rows in (array, packed):
            np.save(self.folder / "classes.npy", rows)
            table = read_particles(self.folder / "classes.npy", passthrough=[other])
            np.testing.assert_allclose(table.rotations, self.planted.matrices, atol=1e-6)
            np.testing.assert_allclose(table.origins, -self.planted.places, atol=1e-5)

    def test_refusals(self) -> None:
        main, other = self.cryosparc()
        array = np.load(main)
        for name, change, words in (
            ("nan", lambda a: a["alignments3D/pose"].__setitem__((3, 1), np.nan), ("row 4", "alignments3D/pose")),
            ("stranger", lambda a: a["uid"].__setitem__(2, 12345), ("12345", "row 3")),
            ("split", lambda a: a["alignments3D/split"].__setitem__(1, 7), ("row 2", "split is 7")),
        ):
            changed = array.copy()
            change(changed)
            np.save(self.folder / f"{name}.npy", changed)
            with self.subTest(name), self.assertRaises(InputError) as caught:
                read_particles(self.folder / f"{name}.npy", passthrough=[other])
            for word in words:
                self.assertIn(word, str(caught.exception))
        for args in ({}, {"passthrough": [main]}):
            with self.assertRaisesRegex(InputError, "blob/path.*--passthrough"):
                read_particles(main, **args)
        with self.assertRaisesRegex(InputError, "3D alignment"):
            read_particles(other)
        with self.assertRaisesRegex(InputError, "uid"):
            write_selection(self.folder / "no.cs", read_particles(self.relion31()), [0])
        (self.folder / "pickled.cs").write_bytes(b"")
        np.save(self.folder / "objects.npy", np.array([{"a": 1}], object), allow_pickle=True)
        for name in ("pickled.cs", "objects.npy"):
            with self.assertRaisesRegex(InputError, "not a readable"):
                read_particles(self.folder / name)


class TestOthers(FormatCase):
    def test_mirrored_images_of_xmipp(self) -> None:
        with self.assertRaisesRegex(InputError, "row 5: flip is 1"):
            read_particles(self.xmipp(flip=1))

    def test_disabled_rows_of_xmipp(self) -> None:
        path = self.xmipp()
        path.write_text(path.read_text().replace("000002@images.mrcs 1 ", "000002@images.mrcs -1 "))
        table = read_particles(path)
        np.testing.assert_array_equal(table.ids, [1, 3, 4, 5, 6, 7, 8, 9])
        self.assertEqual(table.tables["particles"].texts("gmmhetXmippItemId")[:3], ["100", "102", "103"])
        np.testing.assert_array_equal(table.images(np.array([1])), self.planted.images[[2]])

    def test_phase_flipped_stacks_of_eman(self) -> None:
        path = self.eman()
        (self.folder / "images.hdf").rename(self.folder / "images__ctf_flip.hdf")
        path.write_text(path.read_text().replace("images.hdf", "images__ctf_flip.hdf"))
        self.assertEqual([o.aberrations.correction for o in read_particles(path).optics], ["flipped"])

    def test_compressed_images_of_eman(self) -> None:
        path = self.eman()
        images = self.planted.images
        low, high = float(images.min()), float(images.max())
        with h5py.File(self.folder / "images.hdf", "r+") as out:
            for i in range(_N):
                group = out[f"MDF/images/{i}"]
                del group["image"]
                group["image"] = np.rint((images[i] - low) / (high - low) * 4095).astype(np.uint16)
                for name, value in (("bits", 12), ("min", low), ("max", high)):
                    group.attrs[f"EMAN.stored_render{name}"] = value
        got = read_particles(path).images(np.arange(_N))
        np.testing.assert_allclose(got, images, atol=0.51 * (high - low) / 4095)

    def test_missing_pose_of_eman(self) -> None:
        path = self.eman()
        path.write_text(path.read_text().replace("xform.projection", "xform.other"))
        with self.assertRaisesRegex(InputError, "row 1: no xform.projection"):
            read_particles(path)

    def test_selection_of_any_as_star(self) -> None:
        table = read_particles(self.eman())
        write_selection(self.folder / "some.star", table, [8, 1], columns={"gmmhetLatent1": ["1.5", "2.5"]})
        again = read_particles(self.folder / "some.star")
        np.testing.assert_allclose(again.rotations, self.planted.matrices[[8, 1]], atol=1e-6)
        np.testing.assert_array_equal(again.images(np.arange(2)), self.planted.images[[8, 1]])
        self.assertEqual(read_star(self.folder / "some.star")["particles"].columns["gmmhetLatent1"], ["1.5", "2.5"])
        check_images(again)


if __name__ == "__main__":
    unittest.main()
