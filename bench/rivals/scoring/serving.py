"""What all Python rivals share: a JPEG as the model's input by OpenCV, and one run of the model by onnxruntime.

MODEL names the ONNX file, THREADS the threads of one run. OpenCV's plain bilinear resize does less than the antialiased
one of training, and is the faster one: the rivals get it all the same.
"""

import os

import cv2
import numpy as np
import onnxruntime

cv2.setNumThreads(1)
MEAN = np.array([0.485, 0.456, 0.406], np.float32) * 255
STD = np.array([0.229, 0.224, 0.225], np.float32) * 255


def session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ["THREADS"])
    options.inter_op_num_threads = 1
    # Threads that spin between runs take the processor from decoding and from the other workers.
    options.add_session_config_entry("session.intra_op.allow_spinning", os.environ.get("SPINNING", "0"))
    return onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])


def tensor(jpeg: bytes, size: int) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    image = cv2.cvtColor(cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR), cv2.COLOR_BGR2RGB)
    return ((image - MEAN) / STD).transpose(2, 0, 1)


def raw(body: bytes, size: int) -> np.ndarray:
    return np.frombuffer(body, np.float32).reshape(3, size, size)


def either(body: bytes, size: int) -> np.ndarray:
    """A JPEG, or the model's input as it is."""
    return tensor(body, size) if body[:2] == b"\xff\xd8" else raw(body, size)


def answer(logits: np.ndarray) -> dict:
    powers = np.exp(logits - logits.max())
    values = powers / powers.sum()
    best = int(values.argmax())
    return {"label": best, "probability": float(values[best])}


def size_of(model: onnxruntime.InferenceSession) -> int:
    return model.get_inputs()[0].shape[3]
