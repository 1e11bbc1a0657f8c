"""What a data folder must look like, and what is said when it does not."""

import pathlib
import tempfile
import unittest

import numpy
import torch
from PIL import Image

from guardian_training.data import (
    DataError,
    Preprocessing,
    check_images,
    class_weights,
    count_labels,
    find_splits,
    read_image,
)

from .sample_data import DATA, small_data

LABELS = ("safe", "nsfw")


class Splits(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def small(self, **counts):
        return small_data(self.folder, counts)

    def test_uses_the_folders_that_are_there(self):
        data = self.small(train={"safe": 4, "nsfw": 2}, val={"safe": 2, "nsfw": 1}, test={"safe": 3, "nsfw": 3})
        splits = find_splits(data, LABELS, 7)
        self.assertEqual([count_labels(files, 2) for files in splits], [[4, 2], [2, 1], [3, 3]])

    def test_takes_validation_from_training_where_there_is_no_folder_for_it(self):
        data = self.small(train={"safe": 10, "nsfw": 5}, test={"safe": 2, "nsfw": 2})
        splits = find_splits(data, LABELS, 7)
        self.assertEqual([count_labels(files, 2) for files in splits], [[8, 4], [2, 1], [2, 2]])
        self.assertFalse(set(splits.train) & set(splits.validation))
        self.assertEqual(splits, find_splits(data, LABELS, 7))
        self.assertNotEqual(splits.validation, find_splits(data, LABELS, 8).validation)

    def test_takes_val_for_the_test_where_there_is_no_test_folder(self):
        splits = find_splits(self.small(train={"safe": 10, "nsfw": 5}, val={"safe": 2, "nsfw": 3}), LABELS, 7)
        self.assertEqual([count_labels(files, 2) for files in splits], [[8, 4], [2, 1], [2, 3]])

    def refused(self, pattern, **counts):
        with self.assertRaisesRegex(DataError, pattern):
            find_splits(self.small(**counts), LABELS, 7)

    def test_refuses_a_missing_class_by_name(self):
        self.refused("train has no image of nsfw.*it has safe", train={"safe": 2}, test={"safe": 1, "nsfw": 1})

    def test_refuses_a_class_that_is_missing_in_the_test(self):
        self.refused("test has no image of nsfw", train={"safe": 2, "nsfw": 2}, test={"safe": 1})

    def test_refuses_a_folder_that_is_no_label(self):
        (self.folder / "train" / "Nsfw").mkdir(parents=True)
        pattern = "a folder Nsfw, which is not one of the labels"
        self.refused(pattern, train={"safe": 2, "nsfw": 2}, test={"safe": 1, "nsfw": 1})

    def test_refuses_data_without_a_part_to_test_on(self):
        self.refused("needs train/<label> and test/<label>", train={"safe": 2, "nsfw": 2})

    def test_refuses_a_folder_that_does_not_exist(self):
        with self.assertRaisesRegex(DataError, "nowhere does not exist"):
            find_splits(self.folder / "nowhere", LABELS, 7)

    def test_refuses_to_split_one_image(self):
        self.refused("nsfw has one image only", train={"safe": 4, "nsfw": 1}, test={"safe": 1, "nsfw": 1})

    def test_names_every_image_that_cannot_be_read(self):
        splits = find_splits(self.small(train={"safe": 4, "nsfw": 4}, test={"safe": 1, "nsfw": 1}), LABELS, 7)
        bad = [splits.train[0][0], splits.train[-1][0]]
        for file in bad:
            file.write_bytes(b"no image")
        with self.assertRaises(DataError) as caught:
            check_images(splits.train)
        for file in bad:
            self.assertIn(str(file), str(caught.exception))

    def test_names_an_image_that_ends_in_the_middle(self):
        file = find_splits(self.small(train={"safe": 2, "nsfw": 2}, test={"safe": 1, "nsfw": 1}), LABELS, 7).test[0][0]
        file.write_bytes(file.read_bytes()[:600])
        with self.assertRaisesRegex(DataError, f"{file.name} cannot be read"):
            read_image(file)


class Weights(unittest.TestCase):
    def test_make_rare_labels_count_as_much_as_common_ones(self):
        files = [(pathlib.Path("a"), 0)] * 30 + [(pathlib.Path("b"), 1)] * 10
        weights = class_weights(files, 2)
        self.assertAlmostEqual((weights[0] * 30).item(), (weights[1] * 10).item(), places=4)
        self.assertTrue(torch.equal(class_weights(files[20:], 2), torch.ones(2)))


class PreprocessingTest(unittest.TestCase):
    def test_does_what_the_manifest_says(self):
        spec = Preprocessing(48).manifest_input()
        image = read_image(DATA / "photographs" / "cat.jpg")
        self.assertEqual((spec["layout"], spec["channels"], spec["resize"]), ("NCHW", "RGB", "stretch"))
        pixels = numpy.asarray(image.resize((spec["width"], spec["height"]), Image.BILINEAR), dtype=numpy.float32)
        expected = ((pixels * spec["scale"] - spec["mean"]) / spec["std"]).transpose(2, 0, 1)
        numpy.testing.assert_allclose(Preprocessing(48).transform()(image).numpy(), expected, atol=1e-5)


if __name__ == "__main__":
    unittest.main()
