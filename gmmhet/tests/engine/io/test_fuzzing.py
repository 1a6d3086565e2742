"""Spoiled files: either one clear line, or the right number of particles; never another error.

Runs a few hundred; more with python -m gmmhet.tests.engine.io.test_fuzzing NUMBER.
"""

import contextlib
import io
import json
import sys
import tempfile
import unittest
import warnings
from pathlib import Path

import gemmi
import numpy as np
from scipy.spatial.transform import Rotation

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import read_particles, write_particles

_TOKENS = [b"\n", b" ", b"\t", b"'", b'"', b";", b"#", b"data_", b"data_particles", b"loop_", b"_rlnImageName", b"nan",
           b"-1", b"inf", b"1e400", b"\xff\xfe", b"\x00", b"[1,2", b"0", b"99999999999999999999", b"@", b"save_", b"\r",
           b"x" * 300]
_PER_RUN = 120


def _star(rng: np.random.Generator) -> bytes:
    rows = "\n".join(" ".join((f"{i % 5 + 1}@s{i % 3}.mrcs", *(f"{v:.4f}" for v in rng.uniform(-170, 170, 3)),
                               f"{rng.uniform(5e3, 2e4):.2f}", "1", str(1 + i % 2))) for i in range(12))
    if rng.random() < 0.3:
        rows = rows.replace("\n", "\n ").replace("1@s0.mrcs", '"1@s 0.mrcs"')
    optics = ("rlnOpticsGroup", "rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast", "rlnImagePixelSize",
              "rlnImageSize", "rlnOddZernike")
    particles = ("rlnImageName", "rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi", "rlnDefocusU", "rlnOpticsGroup",
                 "rlnRandomSubset")
    tags = ["".join(f"_{c} #{i} \n" for i, c in enumerate(names, 1)) for names in (optics, particles)]
    return (f"# version 30001\n\ndata_optics\n\nloop_ \n{tags[0]}1 300.0 2.7 0.1 1.5 16 [0.1,0.2,3,0,0,1]\n \n\n"
            f"# version 30001\n\ndata_particles\n\nloop_ \n{tags[1]}{rows}\n \n").encode()


def _cs(rng: np.random.Generator) -> bytes:
    array = np.zeros(10, [
        ("uid", "<u8"), ("blob/path", "S12"), ("blob/idx", "<u4"), ("blob/shape", "<u4", 2), ("blob/psize_A", "<f4"),
        *((f"ctf/{n}", "<f4") for n in ("accel_kv", "cs_mm", "amp_contrast", "df1_A", "df2_A", "df_angle_rad")),
        ("ctf/tilt_A", "<f4", 2), ("alignments3D/pose", "<f4", 3), ("alignments3D/shift", "<f4", 2),
        ("alignments3D/psize_A", "<f4"), ("alignments3D/split", "<u4")])
    array["uid"], array["blob/path"], array["blob/shape"] = np.arange(10), b"s.mrc", 16
    array["blob/psize_A"] = array["alignments3D/psize_A"] = 1.5
    array["ctf/accel_kv"], array["ctf/cs_mm"], array["ctf/amp_contrast"] = 300, 2.7, 0.1
    array["ctf/df1_A"] = array["ctf/df2_A"] = 1e4
    array["alignments3D/pose"], array["alignments3D/split"] = rng.normal(size=(10, 3)), np.arange(10) % 2
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def _lst(rng: np.random.Generator) -> bytes:
    names = ("defocus", "dfdiff", "dfang", "bfactor", "ampcont", "voltage", "cs", "apix")
    ctf = dict(zip(names, (1.5, 0.1, 10, 0, 10, 300, 2.7, 1.5), strict=True))
    rows = []
    for i in range(8):
        turn = Rotation.random(random_state=int(rng.integers(1 << 30))).as_matrix()
        matrix = np.column_stack([turn, [1.0, -2.0, 0.0]])
        pose = {"__class__": "Transform", "matrix": "[" + ",".join(f"{v:.6g}" for v in matrix.ravel()) + "]"}
        rows.append(f"{i}\ts{i % 2}.hdf\t" + json.dumps({"class": i % 2, "ctf": ctf, "xform.projection": pose}) + "  ")
    return ("#LSX\n# comment\n# 300\n" + "\n".join(rows) + "\n").encode()


def _xmd(rng: np.random.Generator) -> bytes:
    tags = ("image", "enabled", "angleRot", "angleTilt", "anglePsi", "shiftX", "shiftY", "flip", "ctfVoltage",
            "ctfSphericalAberration", "ctfQ0", "ctfDefocusU", "samplingRate")
    rows = [" ".join((f"{i + 1}@s.mrcs", "1", *(f"{v:.4f}" for v in rng.uniform(-90, 90, 5)), "0 300 2.7 0.1 15000",
                      "1.5")) for i in range(8)]
    return ("# XMIPP_STAR_1 * \n# \ndata_noname\nloop_\n" + "".join(f" _{t}\n" for t in tags) + "\n".join(rows)
            + "\n").encode()


def _spoiled(content: bytes, rng: np.random.Generator, head: int) -> bytes:
    """One or two changes; half of them among the first ``head`` bytes, where the structure is told."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 3)):
        if not data:
            break
        at = int(rng.integers(len(data) if rng.random() < 0.5 else min(head, len(data))))
        length = int(rng.integers(1, 30))
        kind = rng.integers(6)
        if kind == 0:
            data[at] = int(rng.integers(256))
        elif kind == 1:
            del data[at:at + length]
        elif kind == 2:
            data[at:at] = data[at:at + 10 * length]
        elif kind == 3:
            data[at:at] = _TOKENS[rng.integers(len(_TOKENS))]
        elif kind == 4:
            data[at:at + length] = _TOKENS[rng.integers(len(_TOKENS))]
        else:
            del data[at:]
    return bytes(data)


def _rows_by_gemmi(content: bytes) -> int | None:
    """Rows of the first loop with image names, as a full parser counts them; None where it refuses the file."""
    with contextlib.suppress(ValueError, RuntimeError):
        for block in gemmi.cif.read_string(content.decode("utf-8", "replace")):
            loops = [i.loop for i in block if i.loop is not None]
            if loops and "_rlnImageName" in loops[0].tags:
                return loops[0].length()
    return None


class TestSpoiledFiles(unittest.TestCase):
    number = _PER_RUN

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def outcome(self, name: str, content: bytes):
        """The table, or None after a clear refusal; anything else fails the test."""
        path = self.folder / name
        path.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                table = read_particles(path, images=False)
            except InputError as error:
                self.assertNotIn("\n", str(error))
                self.assertIn(name, str(error))
                return None
        n = len(table)
        for array in (table.rotations, table.origins, table.ctf_coefficients, table.odd_coefficients, table.half_set,
                      table.optics_index):
            self.assertEqual(len(array), n)
            self.assertTrue(np.isfinite(array).all())
        write_particles(self.folder / "out.star", table)
        self.assertEqual(len(read_particles(self.folder / "out.star", images=False)), n)
        return table

    def test_star(self) -> None:
        read = 0
        for seed in range(self.number):
            rng = np.random.default_rng(seed)
            content = _spoiled(_star(rng), rng, 700)
            with self.subTest(seed=seed):
                table = self.outcome("spoiled.star", content)
                expected = _rows_by_gemmi(content)
                if table is not None and expected is not None:
                    self.assertEqual(len(table), expected)
                    read += 1
        self.assertGreater(read, self.number // 20)  # the changes are not all fatal

    def test_cryosparc(self) -> None:
        read = 0
        for seed in range(self.number):
            rng = np.random.default_rng(seed)
            whole = _cs(rng)
            content = _spoiled(whole, rng, 400)
            with self.subTest(seed=seed):
                table = self.outcome("spoiled.cs", content)
                if table is not None:
                    told = content[10:content.index(b"\n")]  # up to the end of NumPy's header
                    self.assertIn(f"'shape': ({len(table)},)".encode(), told)
                    read += 1
        self.assertGreater(read, self.number // 40)


    def test_eman_and_xmipp(self) -> None:
        for make, name in ((_lst, "spoiled.lst"), (_xmd, "spoiled.xmd")):
            read = 0
            for seed in range(self.number // 2):
                rng = np.random.default_rng(seed)
                with self.subTest(name=name, seed=seed):
                    table = self.outcome(name, _spoiled(make(rng), rng, 300))
                    read += table is not None
            self.assertGreater(read, 0)


if __name__ == "__main__":
    TestSpoiledFiles.number = int(sys.argv.pop(1)) if len(sys.argv) > 1 else 2000
    unittest.main()
