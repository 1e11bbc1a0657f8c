"""Milliseconds for one photograph from JPEG to the model's input of 224 pixels, by OpenCV on one processor: two ways of
normalising, the faster counts. `python opencv.py RUNS FILE...` prints JSON, a list an image."""

import json
import sys
import time

import cv2
import numpy as np
import serving


def by_numpy(jpeg: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(serving.tensor(jpeg, 224).astype(np.float32))


def by_blob(jpeg: np.ndarray) -> np.ndarray:
    image = cv2.resize(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), (224, 224), interpolation=cv2.INTER_LINEAR)
    blob = cv2.dnn.blobFromImage(image, 1.0, (224, 224), tuple(map(float, serving.MEAN)), swapRB=True)
    return blob / serving.STD.reshape(1, 3, 1, 1)


def milliseconds(function, jpeg: np.ndarray, runs: int) -> list[float]:
    times = []
    for _ in range(10):
        function(jpeg)
    for _ in range(runs):
        began = time.perf_counter()
        function(jpeg)
        times.append((time.perf_counter() - began) * 1000)
    return times


result = []
for file in sys.argv[2:]:
    jpeg = np.fromfile(file, np.uint8)
    both = [milliseconds(function, jpeg, int(sys.argv[1])) for function in (by_numpy, by_blob)]
    result.append(min(both, key=np.median))
print(json.dumps(result))
