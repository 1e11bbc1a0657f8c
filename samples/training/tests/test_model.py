"""Networks, the weights that they start from, and their export."""

import pathlib
import tempfile
import unittest

import torch

from guardian_training.export import INPUT, OUTPUT, ExportError, check_onnx, export_onnx
from guardian_training.metrics import accuracy, label_metrics
from guardian_training.model import ARCHITECTURES, WeightsError, build_model


class Models(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def test_have_one_score_per_label(self):
        for architecture in ARCHITECTURES:
            with self.subTest(architecture), torch.no_grad():
                model = build_model(architecture, 3).eval()
                self.assertEqual(tuple(model(torch.zeros(2, 3, 64, 64)).shape), (2, 3))

    def test_start_from_weights_made_for_other_labels(self):
        file = self.folder / "imagenet.pth"
        torch.manual_seed(1)
        pretrained = build_model("resnet18", 1000)
        torch.save(pretrained.state_dict(), file)
        model = build_model("resnet18", 2, file)
        self.assertTrue(torch.equal(model.conv1.weight, pretrained.conv1.weight))
        self.assertEqual(model.fc.out_features, 2)

    def test_start_from_all_of_an_earlier_training(self):
        file = self.folder / "best.pt"
        earlier = build_model("mobilenet_v3_small", 2)
        torch.save(earlier.state_dict(), file)
        model = build_model("mobilenet_v3_small", 2, file)
        self.assertTrue(torch.equal(model.classifier[-1].weight, earlier.classifier[-1].weight))

    def test_refuse_weights_of_another_architecture_or_that_are_none(self):
        file = self.folder / "other.pth"
        torch.save(build_model("resnet18", 2).state_dict(), file)
        with self.assertRaisesRegex(WeightsError, "other.pth are not those of a resnet50"):
            build_model("resnet50", 2, file)
        file.write_bytes(b"no weights")
        with self.assertRaisesRegex(WeightsError, "other.pth cannot be read"):
            build_model("resnet18", 2, file)
        with self.assertRaisesRegex(WeightsError, "nothing.pth cannot be read"):
            build_model("resnet18", 2, self.folder / "nothing.pth")

    def test_are_exported_for_any_batch_size_with_fixed_names(self):
        import onnx

        file = self.folder / "model.onnx"
        model = build_model("mobilenet_v3_small", 2).eval()
        export_onnx(model, file, 64)
        exported = onnx.load(str(file))
        ((taken,), (given,)) = exported.graph.input, exported.graph.output
        self.assertEqual((taken.name, given.name), (INPUT, OUTPUT))
        shape = taken.type.tensor_type.shape.dim
        self.assertEqual([shape[0].dim_param, *(dim.dim_value for dim in shape[1:])], ["batch", 3, 64, 64])
        self.assertGreaterEqual(exported.opset_import[0].version, 13)
        check_onnx(model, file, torch.rand(5, 3, 64, 64))

    def test_that_differ_from_their_export_are_found_out(self):
        try:
            import onnxruntime  # noqa: F401
        except ImportError:
            self.skipTest("onnxruntime is not installed")
        file = self.folder / "model.onnx"
        export_onnx(build_model("mobilenet_v3_small", 2).eval(), file, 64)
        with self.assertRaisesRegex(ExportError, "does not compute what was trained"):
            check_onnx(build_model("mobilenet_v3_small", 2).eval(), file, torch.rand(2, 3, 64, 64))


class Metrics(unittest.TestCase):
    def test_of_known_predictions(self):
        truth, predicted = [0, 0, 0, 1, 1], [0, 0, 1, 1, 0]
        self.assertAlmostEqual(accuracy(truth, predicted), 0.6)
        found = label_metrics(truth, predicted, ("safe", "nsfw"))
        self.assertAlmostEqual(found["precision_safe"], 2 / 3)
        self.assertAlmostEqual(found["recall_safe"], 2 / 3)
        self.assertAlmostEqual(found["precision_nsfw"], 1 / 2)
        self.assertAlmostEqual(found["f1_nsfw"], 1 / 2)

    def test_are_zero_for_a_label_that_is_never_predicted(self):
        found = label_metrics([0, 1], [0, 0], ("safe", "nsfw"))
        self.assertEqual((found["precision_nsfw"], found["recall_nsfw"], found["f1_nsfw"]), (0.0, 0.0, 0.0))


if __name__ == "__main__":
    unittest.main()
