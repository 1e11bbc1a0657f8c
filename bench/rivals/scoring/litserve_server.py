"""LitServe: batches in each worker. PORT, WORKERS, BATCH, DELAY (seconds)."""

import os
from typing import Annotated

import litserve
import numpy as np
import serving
from fastapi import Body


class Api(litserve.LitAPI):
    def setup(self, device):
        self.model = serving.session()
        self.size = serving.size_of(self.model)

    def decode_request(self, request: Annotated[bytes, Body()]):
        return serving.either(request, self.size)

    def batch(self, inputs):
        return np.stack(inputs)

    def predict(self, batch):
        return self.model.run(None, {"input": batch.astype(np.float32)})[0]

    def unbatch(self, output):
        return output

    def encode_response(self, output):
        return serving.answer(output)


if __name__ == "__main__":
    api = Api(max_batch_size=int(os.environ["BATCH"]), batch_timeout=float(os.environ["DELAY"]), api_path="/score")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=int(os.environ["WORKERS"]), timeout=False)
    server.run(port=int(os.environ["PORT"]), num_api_servers=1, generate_client_file=False, log_level="warning")
