"""ResNet50 and a tiny model as ONNX files, with random weights: the same ones for everybody, and no download.

ResNet50 (version 1.5, 224 pixels) has its batch norms folded into the convolutions, as PyTorch's export does it; the tiny
one (64 pixels) costs nothing, so that what is around the model shows. `python make_models.py FOLDER`
"""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Graph:
    def __init__(self):
        self.random = np.random.default_rng(0)
        self.nodes, self.weights, self.names = [], [], 0

    def name(self, kind: str) -> str:
        self.names += 1
        return f"{kind}{self.names}"

    def weight(self, values: np.ndarray) -> str:
        name = self.name("weight")
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def add(self, kind: str, inputs: list[str], **attributes) -> str:
        output = self.name(kind)
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def conv(self, x: str, inputs: int, outputs: int, kernel: int, stride: int = 1, relu: bool = True) -> str:
        shape = (outputs, inputs, kernel, kernel)
        weight = self.weight(self.random.normal(0, (2 / (inputs * kernel * kernel)) ** 0.5, shape))
        sizes = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [kernel // 2] * 4}
        y = self.add("Conv", [x, weight, self.weight(np.zeros(outputs))], **sizes)
        return self.add("Relu", [y]) if relu else y

    def save(self, x: str, features: int, size: int, file: str) -> None:
        x = self.add("Flatten", [self.add("GlobalAveragePool", [x])])
        weight = self.weight(self.random.normal(0, 0.01, (features, 2)))
        x = self.add("Gemm", [x, weight, self.weight(np.zeros(2))])
        image = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, size, size])
        logits = helper.make_tensor_value_info(x, TensorProto.FLOAT, ["N", 2])
        graph = helper.make_graph(self.nodes, "model", [image], [logits], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        onnx.save(model, file)


def resnet50(file: str) -> None:
    graph = Graph()
    x, channels = graph.conv("input", 3, 64, 7, 2), 64
    x = graph.add("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    for middle, blocks, first_stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            stride = first_stride if block == 0 else 1
            y = graph.conv(graph.conv(x, channels, middle, 1), middle, middle, 3, stride)
            y = graph.conv(y, middle, middle * 4, 1, relu=False)
            if block == 0:
                x = graph.conv(x, channels, middle * 4, 1, stride, relu=False)
            x, channels = graph.add("Relu", [graph.add("Add", [x, y])]), middle * 4
    graph.save(x, channels, 224, file)


def tiny(file: str) -> None:
    graph = Graph()
    graph.save(graph.conv(graph.conv("input", 3, 8, 3, 4), 8, 16, 3, 4), 16, 64, file)


resnet50(f"{sys.argv[1]}/resnet50.onnx")
tiny(f"{sys.argv[1]}/tiny.onnx")
