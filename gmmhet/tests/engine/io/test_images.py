"""Image stacks of every kind, written here byte by byte from the formats' definitions."""

import struct
import tempfile
import unittest
from pathlib import Path

import h5py
import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import open_stack, read_particles
from gmmhet.engine.io.hdf import HdfStack

_SHAPE = 3, 6, 6  # images, rows, columns


def _mrc(images: np.ndarray, mode: int, order: str, stamp: bytes, extended: int = 0) -> bytes:
    """MRC2014: 1024 bytes of header, an extended header, the images."""
    n, y, x = images.shape
    header = bytearray(1024)
    struct.pack_into(f"{order}4i", header, 0, x, y, n, mode)
    struct.pack_into(f"{order}3i", header, 28, x, y, n)
    struct.pack_into(f"{order}3f", header, 40, 1.5 * x, 1.5 * y, 1.5 * n)
    struct.pack_into(f"{order}3i", header, 64, 1, 2, 3)
    struct.pack_into(f"{order}2i", header, 88, 0, extended)
    header[208:212] = b"MAP "
    header[212:216] = stamp
    return bytes(header) + b"\x07" * extended + images.tobytes()


class ImageCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.values = np.arange(np.prod(_SHAPE)).reshape(_SHAPE) % 120

    def written(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def check(self, path: Path) -> None:
        stack = open_stack(path)
        self.assertEqual(tuple(stack.shape), _SHAPE)
        np.testing.assert_array_equal(np.asarray(stack[np.array([2, 0])], np.float32), self.values[[2, 0]])


class TestMrc(ImageCase):
    def test_modes_and_byte_orders(self) -> None:
        stamps = {"<": (b"\x44\x44\x00\x00", b"\x44\x41\x00\x00"), ">": (b"\x11\x11\x00\x00",)}
        for mode, kind in ((0, "i1"), (1, "i2"), (2, "f4"), (6, "u2"), (12, "f2")):
            for order, known in stamps.items():
                for stamp in (*known, bytes(4)):
                    with self.subTest(mode=mode, order=order, stamp=stamp):
                        images = self.values.astype(f"{order}{kind}")
                        self.check(self.written("stack.mrcs", _mrc(images, mode, order, stamp)))

    def test_extended_header(self) -> None:
        self.check(self.written("stack.mrc", _mrc(self.values.astype("<f4"), 2, "<", b"DD\0\0", extended=160)))

    def test_is_not_read_whole(self) -> None:
        stack = open_stack(self.written("stack.mrcs", _mrc(self.values.astype("<f4"), 2, "<", b"DD\0\0")))
        self.assertIsInstance(stack, np.memmap)

    def test_refusals(self) -> None:
        whole = _mrc(self.values.astype("<f4"), 2, "<", b"DD\0\0")
        complex_mode = _mrc(self.values.astype("<c8"), 4, "<", b"DD\0\0")
        for content, word in ((whole[:-40], "stack.mrcs"), (whole[:100], "stack.mrcs"), (b"", "stack.mrcs"),
                              (complex_mode, "complex")):
            with self.subTest(len(content)), self.assertRaisesRegex(InputError, word):
                open_stack(self.written("stack.mrcs", content))
        with self.assertRaisesRegex(InputError, "no such file"):
            open_stack(self.folder / "none.mrcs")


class TestSpider(ImageCase):
    def stack(self, order: str) -> bytes:
        n, y, x = _SHAPE
        header = np.zeros(256, f"{order}f4")
        header[[1, 4, 11, 12, 21, 22]] = y, 1, x, 256 // x, 1024, 4 * x
        first = header.copy()
        first[[23, 25]] = 2, n
        return first.tobytes() + b"".join(header.tobytes() + i.astype(f"{order}f4").tobytes() for i in self.values)

    def test_byte_orders(self) -> None:
        for order in "<>":
            self.check(self.written("images.stk", self.stack(order)))

    def test_short_file(self) -> None:
        with self.assertRaisesRegex(InputError, "fewer bytes than its 3 images of 6 x 6"):
            open_stack(self.written("images.stk", self.stack("<")[:-4]))

    def test_mrc_under_this_name(self) -> None:
        self.check(self.written("images.stk", _mrc(self.values.astype("<f4"), 2, "<", b"DD\0\0")))


class TestHdf(ImageCase):
    def stack(self) -> Path:
        path = self.folder / "images.hdf"
        with h5py.File(path, "w") as out:
            for i, image in enumerate(self.values):
                out[f"MDF/images/{i}/image"] = image.astype(np.float32)
                out[f"MDF/images/{i}"].attrs["EMAN.apix_x"] = np.array([1.5])
            out["MDF/images"].attrs["imageid_max"] = len(self.values) - 1
        return path

    def test_images(self) -> None:
        self.check(self.stack())

    def test_attributes(self) -> None:
        self.assertEqual(HdfStack(self.stack()).attributes(2, ["apix_x", "ctf"]), {"apix_x": 1.5})
        with self.assertRaisesRegex(InputError, "no image 7; expected 3"):
            HdfStack(self.stack()).attributes(7, [])

    def test_missing_image(self) -> None:
        path = self.stack()
        with h5py.File(path, "r+") as out:
            del out["MDF/images/1"]
        with self.assertRaisesRegex(InputError, "image 1: cannot be read"):
            open_stack(path)[np.array([0, 1])]

    def test_no_stack(self) -> None:
        with h5py.File(self.folder / "other.hdf", "w") as out:
            out["data"] = np.zeros(3)
        for path in (self.folder / "other.hdf", self.written("text.hdf", b"hello")):
            with self.assertRaisesRegex(InputError, "not an image stack as EMAN2 writes it"):
                open_stack(path)


class TestManyStacks(ImageCase):
    def test_images_come_from_their_own_stacks(self) -> None:
        """More stacks than are kept open, of different lengths and kinds, asked for in any order."""
        rows = []
        for k in range(80):
            images = (self.values[:1 + k % 3] + 1000 * k).astype("<f4")
            self.written(f"s{k}.mrcs", _mrc(images, 2, "<", b"DD\0\0"))
            rows += [(k, i) for i in range(len(images))]
        order = np.random.default_rng(0).permutation(len(rows))
        lines = "\n".join(f"{rows[j][1] + 1}@s{rows[j][0]}.mrcs 0 0 0" for j in order)
        star = self.folder / "p.star"
        star.write_text("data_optics\n\nloop_\n_rlnVoltage\n_rlnSphericalAberration\n_rlnAmplitudeContrast\n"
                        "_rlnImagePixelSize\n300 2.7 0.1 1.5\n\ndata_particles\n\nloop_\n_rlnImageName\n_rlnAngleRot\n"
                        f"_rlnAngleTilt\n_rlnAnglePsi\n{lines}\n")
        table = read_particles(star)
        got, opened = table.images(np.arange(len(rows)), {}), {}
        for image, j in zip(got, order, strict=True):
            k, i = rows[j]
            np.testing.assert_array_equal(image, self.values[i] + 1000 * k)
        np.testing.assert_array_equal(table.images(np.array([5, 3]), opened), got[[5, 3]])

    def test_short_stack_is_named_first(self) -> None:
        self.written("a.mrcs", _mrc(self.values.astype("<f4"), 2, "<", b"DD\0\0"))
        self.written("b.mrcs", _mrc(self.values[:1].astype("<f4"), 2, "<", b"DD\0\0"))
        star = self.folder / "p.star"
        star.write_text("data_\n\nloop_\n_rlnImageName\n_rlnAngleRot\n_rlnAngleTilt\n_rlnAnglePsi\n_rlnVoltage\n"
                        "_rlnSphericalAberration\n_rlnMagnification\n_rlnDetectorPixelSize\n"
                        "1@a.mrcs 0 0 0 300 2.7 50000 5\n2@b.mrcs 0 0 0 300 2.7 50000 5\n")
        with self.assertRaisesRegex(InputError, r"row 2 names image 2 of .*b\.mrcs, which holds 1"):
            read_particles(star)


if __name__ == "__main__":
    unittest.main()
